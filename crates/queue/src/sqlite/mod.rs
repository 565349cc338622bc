//! Tasks in an embedded database: one table a queue, in one file.
//!
//! What is due is found by an index of what waits in each lane, so a claim costs the same with ten
//! tasks as with ten million, and with as many of a lane of which nothing is wanted. Of each session one task at most is in that index: those behind it are moved
//! up one by one, as the first is done.

mod change;
mod claim;
mod look;
mod rows;
mod schema;
mod sweep;
#[cfg(test)]
mod tests;

use crate::{
    BoxFuture, Claimed, Counts, Enqueued, Entry, Lanes, Lease, Page, Record, Settings, State,
    Store, StoreError, Swept, TaskId, entry::millis, lanes::Wanted,
};
use buttress_store::sqlite::{Database, rusqlite::Connection};
use bytes::Bytes;
use schema::Sql;
use std::{fmt, path::Path, sync::Arc, time::Duration, time::SystemTime};

/// Tells the time.
type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// A queue in an SQLite file.
///
/// Any number of processes of one machine may have it open. The file must not lie on a network's
/// file system, whose locks SQLite can't rely on.
///
/// # What is kept
/// `synchronous=FULL`, always: what was acknowledged is there after the process was killed, and
/// after the machine lost its power, if its disk keeps what it was told to flush.
///
/// # Clocks
/// Leases and waits are by the machine's clock. When that is set forward, leases run out early: a
/// task may then be given out while the one who had it still works at it, who is told
/// [`Lost`](StoreError::Lost) at the end. When it is set back by more than a day, a lease or a wait
/// that ends later than any could, counts as over; by less, it lasts longer by so much.
#[derive(Clone)]
pub struct SqliteStore {
    database: Database,
    queue: Arc<Queue>,
}

/// What a piece of work that is sent to the database needs to know.
struct Queue {
    sql: Sql,
    settings: Settings,
    clock: Clock,
}

impl SqliteStore {
    /// Opens a file, or makes it. It blocks the thread.
    ///
    /// # Errors
    /// The file can't be opened or made, is no database, or was written by a newer version.
    pub fn open(path: impl AsRef<Path>, settings: Settings) -> Result<Self, StoreError> {
        let sql = Sql::new(&settings.name)?;
        let database = Database::open(path, |connection| schema::prepare(connection, &sql))?;
        Ok(Self::of(database, sql, settings))
    }

    /// In this database, which other things may be kept in too, as the tasks of another queue: they
    /// share its writer, and what is written for them at a time is one flush.
    ///
    /// # Errors
    /// The name of the queue can't be one; it can't be written, or was written by a newer version.
    pub async fn new(database: Database, settings: Settings) -> Result<Self, StoreError> {
        let sql = Sql::new(&settings.name)?;
        let tables = sql.clone();
        let prepared = database.write(move |connection| Ok(schema::prepare(connection, &tables)?));
        prepared.await?;
        Ok(Self::of(database, sql, settings))
    }

    fn of(database: Database, sql: Sql, settings: Settings) -> Self {
        let queue = Queue {
            sql,
            settings,
            clock: Arc::new(SystemTime::now),
        };
        Self {
            database,
            queue: Arc::new(queue),
        }
    }

    /// Sets what tells the time \[the machine's clock\]: for tests.
    #[must_use]
    pub fn clock(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        let queue = Queue {
            sql: self.queue.sql.clone(),
            settings: self.queue.settings.clone(),
            clock: Arc::new(clock),
        };
        Self {
            queue: Arc::new(queue),
            ..self
        }
    }

    fn write<'a, T, F>(&'a self, work: F) -> BoxFuture<'a, Result<T, StoreError>>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &Queue) -> Result<T, StoreError> + Send + 'static,
    {
        let queue = Arc::clone(&self.queue);
        Box::pin(
            self.database
                .write(move |connection| work(connection, &queue)),
        )
    }

    fn read<'a, T, F>(&'a self, work: F) -> BoxFuture<'a, Result<T, StoreError>>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &Queue) -> Result<T, StoreError> + Send + 'static,
    {
        let queue = Arc::clone(&self.queue);
        Box::pin(
            self.database
                .read(move |connection| work(connection, &queue)),
        )
    }
}

impl Queue {
    fn now(&self) -> i64 {
        millis((self.clock)())
    }
}

impl Store for SqliteStore {
    fn enqueue(&self, entry: Entry) -> BoxFuture<'_, Result<Enqueued, StoreError>> {
        let most = self.queue.settings.max_task_bytes;
        let bytes = entry.payload.len();
        if bytes > most {
            return Box::pin(async move { Err(StoreError::TooLarge { bytes, most }) });
        }
        self.write(move |connection, queue| change::enqueue(connection, queue, &entry))
    }

    fn claim_of<'a>(
        &'a self,
        lanes: &'a Lanes,
        worker: &'a str,
        most: usize,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Vec<Claimed>, StoreError>> {
        let (lanes, worker) = (lanes.clone(), worker.to_owned());
        self.write(move |connection, queue| {
            let wanted = Wanted::new(&lanes, most);
            claim::claim(connection, queue, wanted, &worker, lease)
        })
    }

    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        time: Duration,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let lease = lease.clone();
        self.write(move |connection, queue| claim::renew(connection, queue, &lease, time))
    }

    fn finish<'a>(
        &'a self,
        lease: &'a Lease,
        result: Bytes,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let lease = lease.clone();
        self.write(move |connection, queue| change::finish(connection, queue, &lease, &result))
    }

    fn postpone<'a>(
        &'a self,
        lease: &'a Lease,
        wait: Duration,
        counts: bool,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let (lease, reason) = (lease.clone(), reason.to_owned());
        self.write(move |connection, queue| {
            change::postpone(connection, queue, &lease, wait, counts, &reason)
        })
    }

    fn bury<'a>(
        &'a self,
        lease: &'a Lease,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let (lease, reason) = (lease.clone(), reason.to_owned());
        self.write(move |connection, queue| change::bury(connection, queue, &lease, &reason))
    }

    fn inspect(&self, id: TaskId) -> BoxFuture<'_, Result<Option<Record>, StoreError>> {
        self.read(move |connection, queue| look::inspect(connection, queue, id))
    }

    fn list(
        &self,
        state: State,
        after: Option<TaskId>,
        most: usize,
    ) -> BoxFuture<'_, Result<Page, StoreError>> {
        self.read(move |connection, queue| look::list(connection, queue, state, after, most))
    }

    fn counts(&self) -> BoxFuture<'_, Result<Counts, StoreError>> {
        self.read(look::counts)
    }

    fn retry(&self, id: TaskId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.write(move |connection, queue| change::retry(connection, queue, id))
    }

    fn remove(&self, id: TaskId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.write(move |connection, queue| change::remove(connection, queue, id))
    }

    fn discard(&self, id: TaskId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.write(move |connection, queue| change::discard(connection, queue, id))
    }

    fn sweep(&self) -> BoxFuture<'_, Result<Swept, StoreError>> {
        self.write(sweep::sweep)
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.database.path())
            .field("queue", &self.queue.settings.name)
            .finish_non_exhaustive()
    }
}
