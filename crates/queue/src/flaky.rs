//! A store for tests that can be taken away.

use crate::{
    BoxFuture, Claimed, Counts, Enqueued, Entry, Lanes, Lease, Memory, Page, Record, Settings,
    State, Store, StoreError, Swept, TaskId,
};
use bytes::Bytes;
use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::task::yield_now;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Fine,
    /// Every call fails at once.
    Gone,
    /// No call is answered.
    Silent,
    /// It can't be written.
    Full,
    /// It takes a moment before and after it does what it is asked.
    Slow,
}

#[derive(Clone, Debug)]
pub(crate) struct Flaky(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    memory: Memory,
    mode: Mutex<Mode>,
    /// The names of the calls that were made.
    calls: Mutex<Vec<&'static str>>,
}

impl Flaky {
    pub(crate) fn new(settings: Settings) -> Self {
        Self(Arc::new(Inner {
            memory: Memory::new(settings),
            mode: Mutex::new(Mode::Fine),
            calls: Mutex::default(),
        }))
    }

    pub(crate) fn set(&self, mode: Mode) {
        *self.0.mode.lock().unwrap() = mode;
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.0.memory
    }

    pub(crate) fn calls(&self, name: &str) -> usize {
        let calls = self.0.calls.lock().unwrap();
        calls.iter().filter(|call| **call == name).count()
    }

    fn call<'a, T: Send + 'a>(
        &'a self,
        name: &'static str,
        act: impl FnOnce(&'a Memory) -> BoxFuture<'a, Result<T, StoreError>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        Box::pin(async move {
            self.0.calls.lock().unwrap().push(name);
            let mode = *self.0.mode.lock().unwrap();
            let writes = !["inspect", "list", "counts"].contains(&name);
            match mode {
                Mode::Gone => Err(StoreError::Unavailable("gone".into())),
                Mode::Silent => pending().await,
                Mode::Full if writes => Err(StoreError::Full("the disk")),
                Mode::Fine | Mode::Full => act(&self.0.memory).await,
                Mode::Slow => {
                    yield_now().await;
                    let done = act(&self.0.memory).await;
                    yield_now().await;
                    done
                }
            }
        })
    }
}

impl Store for Flaky {
    fn enqueue(&self, entry: Entry) -> BoxFuture<'_, Result<Enqueued, StoreError>> {
        self.call("enqueue", |memory| memory.enqueue(entry))
    }

    fn claim_of<'a>(
        &'a self,
        lanes: &'a Lanes,
        worker: &'a str,
        most: usize,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Vec<Claimed>, StoreError>> {
        self.call("claim", move |memory| {
            memory.claim_of(lanes, worker, most, lease)
        })
    }

    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        time: Duration,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.call("renew", move |memory| memory.renew(lease, time))
    }

    fn finish<'a>(
        &'a self,
        lease: &'a Lease,
        result: Bytes,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.call("finish", move |memory| memory.finish(lease, result))
    }

    fn postpone<'a>(
        &'a self,
        lease: &'a Lease,
        wait: Duration,
        counts: bool,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.call("postpone", move |memory| {
            memory.postpone(lease, wait, counts, reason)
        })
    }

    fn bury<'a>(
        &'a self,
        lease: &'a Lease,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.call("bury", move |memory| memory.bury(lease, reason))
    }

    fn inspect(&self, id: TaskId) -> BoxFuture<'_, Result<Option<Record>, StoreError>> {
        self.call("inspect", move |memory| memory.inspect(id))
    }

    fn list(
        &self,
        state: State,
        after: Option<TaskId>,
        most: usize,
    ) -> BoxFuture<'_, Result<Page, StoreError>> {
        self.call("list", move |memory| memory.list(state, after, most))
    }

    fn counts(&self) -> BoxFuture<'_, Result<Counts, StoreError>> {
        self.call("counts", |memory| memory.counts())
    }

    fn retry(&self, id: TaskId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.call("retry", move |memory| memory.retry(id))
    }

    fn remove(&self, id: TaskId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.call("remove", move |memory| memory.remove(id))
    }

    fn discard(&self, id: TaskId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.call("discard", move |memory| memory.discard(id))
    }

    fn sweep(&self) -> BoxFuture<'_, Result<Swept, StoreError>> {
        self.call("sweep", |memory| memory.sweep())
    }
}
