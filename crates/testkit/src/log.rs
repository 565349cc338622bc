use crate::{ClosedBy, Received};
use std::time::Duration;
use tokio::{sync::watch, time::Instant};

/// The calls so far. One channel is both the record and the bell that tells of a change.
#[derive(Debug)]
pub(crate) struct Log {
    kept: watch::Sender<Kept>,
    /// How many calls are kept; later ones are only counted.
    limit: usize,
}

#[derive(Debug, Default)]
struct Kept {
    calls: Vec<Received>,
    count: usize,
}

impl Log {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            kept: watch::Sender::default(),
            limit,
        }
    }

    /// Writes a call down and gives it its number and its time, both in the order of arrival.
    pub(crate) fn push(&self, call: &mut Received) {
        self.kept.send_modify(|kept| {
            call.index = kept.count;
            call.at = Instant::now();
            kept.count += 1;
            if kept.calls.len() < self.limit {
                kept.calls.push(call.clone());
            }
        });
    }

    pub(crate) fn finished(&self, index: Option<usize>) {
        self.kept.send_if_modified(|kept| {
            let call = index.and_then(|index| kept.calls.get_mut(index));
            call.map(|call| call.finished = true).is_some()
        });
    }

    /// One call's own stream was closed.
    pub(crate) fn closed(&self, index: Option<usize>, by: ClosedBy) {
        let now = Instant::now();
        self.kept.send_if_modified(|kept| {
            let call = index.and_then(|index| kept.calls.get_mut(index));
            call.map(|call| call.closed.get_or_insert((now, by)))
                .is_some()
        });
    }

    /// A connection was closed, and with it every call on it.
    pub(crate) fn connection_closed(&self, connection: u64, by: ClosedBy) {
        let now = Instant::now();
        self.kept.send_if_modified(|kept| {
            let mut changed = false;
            for call in &mut kept.calls {
                if call.connection == connection && call.closed.is_none() {
                    call.closed = Some((now, by));
                    changed = true;
                }
            }
            changed
        });
    }

    pub(crate) fn count(&self) -> usize {
        self.kept.borrow().count
    }

    pub(crate) fn calls(&self) -> Vec<Received> {
        self.kept.borrow().calls.clone()
    }

    pub(crate) fn gaps(&self) -> Vec<Duration> {
        let kept = self.kept.borrow();
        let arrivals = kept.calls.iter().map(|call| call.at);
        arrivals
            .clone()
            .zip(arrivals.skip(1))
            .map(|(earlier, later)| later - earlier)
            .collect()
    }

    /// Waits until this call is there and is as wanted.
    pub(crate) async fn wait(&self, index: usize, wanted: fn(&Received) -> bool) -> Received {
        let mut changes = self.kept.subscribe();
        loop {
            // Looked at before waiting: it may have happened already.
            let found = changes.borrow_and_update().calls.get(index).cloned();
            if let Some(call) = found.filter(wanted) {
                return call;
            }
            if changes.changed().await.is_err() {
                // The sender is `self.kept`, which outlives this borrow.
                std::future::pending::<()>().await;
            }
        }
    }
}
