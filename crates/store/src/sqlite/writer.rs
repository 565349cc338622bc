//! The thread that writes.

use crate::StoreError;
use rusqlite::{Connection, TransactionBehavior};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, TryRecvError},
};
use tokio::sync::oneshot;

/// Something to be written. It is told the end of the transaction that it was part of.
pub(super) trait Job: Send {
    /// Whether anybody still waits for it.
    fn is_wanted(&self) -> bool;

    /// Does its part of a transaction.
    fn run(&mut self, connection: &Connection) -> Result<(), ()>;

    /// The transaction is over: it was committed, or not for this reason.
    fn end(self: Box<Self>, committed: Result<(), &rusqlite::Error>);
}

/// Something to be written, and whoever waits for it.
pub(super) struct Write<F, T> {
    work: Option<F>,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Write<F, T> {
    pub(super) const fn new(work: F, reply: oneshot::Sender<Result<T, StoreError>>) -> Self {
        Self {
            work: Some(work),
            outcome: None,
            reply,
        }
    }
}

impl<F, T> Job for Write<F, T>
where
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn run(&mut self, connection: &Connection) -> Result<(), ()> {
        let work = self.work.take();
        // One that panics must not take along the thread that all others need.
        let run = AssertUnwindSafe(|| work.map(|work| work(connection)));
        let outcome = catch_unwind(run).unwrap_or_default();
        let done = matches!(outcome, Some(Ok(_)));
        self.outcome = outcome;
        done.then_some(()).ok_or(())
    }

    fn end(self: Box<Self>, committed: Result<(), &rusqlite::Error>) {
        let outcome = match (self.outcome, committed) {
            (Some(Ok(_)) | None, Err(error)) => Err(of_all(error)),
            (Some(outcome), _) => outcome,
            (None, Ok(())) => Err(StoreError::Engine("it panicked".into())),
        };
        // Whoever does not wait any more is told nothing.
        let _ = self.reply.send(outcome);
    }
}

/// The error of a transaction, for each of those who share it.
fn of_all(error: &rusqlite::Error) -> StoreError {
    match error {
        rusqlite::Error::SqliteFailure(code, said) => {
            rusqlite::Error::SqliteFailure(*code, said.clone()).into()
        }
        other => StoreError::Engine(other.to_string().into()),
    }
}

/// Writes what comes until nobody can send any more.
pub(super) fn run(mut connection: Connection, jobs: &Receiver<Box<dyn Job>>) {
    /// So much goes into one transaction at most, so that nobody waits for all of a flood.
    const MOST: usize = 1024;
    let mut group = Vec::with_capacity(MOST);
    while let Ok(first) = jobs.recv() {
        group.push(first);
        while group.len() < MOST {
            match jobs.try_recv() {
                Ok(job) => group.push(job),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        group.retain(|job| job.is_wanted());
        let committed = transaction(&mut connection, &mut group);
        for job in group.drain(..) {
            job.end(committed.as_ref().copied());
        }
    }
}

/// Does all of them, or none: but one that fails by itself leaves nothing behind, and the others
/// are done all the same.
fn transaction(
    connection: &mut Connection,
    group: &mut [Box<dyn Job>],
) -> Result<(), rusqlite::Error> {
    if group.is_empty() {
        return Ok(());
    }
    // At once, since a transaction that reads first can't always become one that writes.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in group {
        transaction.prepare_cached("SAVEPOINT one")?.execute([])?;
        if job.run(&transaction).is_err() {
            transaction.prepare_cached("ROLLBACK TO one")?.execute([])?;
        }
        transaction.prepare_cached("RELEASE one")?.execute([])?;
    }
    transaction.commit()
}
