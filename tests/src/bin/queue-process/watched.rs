//! The store, with somebody who looks at what it is asked and what it answers.

use crate::die;
use buttress_queue::{
    BoxFuture, Claimed, Counts, Enqueued, Entry, Lanes, Lease, Page, Record, State, Store,
    StoreError, Swept, TaskId,
};
use buttress_tests::queue::{Death, End, What, now};
use bytes::Bytes;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

#[derive(Debug)]
pub(crate) struct Watched {
    store: Arc<dyn Store>,
    death: Option<Death>,
    calls: AtomicU64,
}

impl Watched {
    pub(crate) fn new(store: Arc<dyn Store>, death: Option<Death>) -> Self {
        Self {
            store,
            death,
            calls: AtomicU64::new(0),
        }
    }

    async fn call<T>(&self, asked: BoxFuture<'_, Result<T, StoreError>>) -> Result<T, StoreError> {
        let call = self.calls.fetch_add(1, Relaxed) + 1;
        let dies_of_it = match self.death {
            Some(Death::Call { nth, after }) if nth == call => Some(after),
            _ => None,
        };
        if dies_of_it == Some(false) {
            die();
        }
        let answer = asked.await;
        if dies_of_it == Some(true) {
            die();
        }
        answer
    }

    async fn end(
        &self,
        lease: &Lease,
        end: End,
        asked: BoxFuture<'_, Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        let id = lease.id.to_string();
        What::Tells {
            id: id.clone(),
            end,
        }
        .tell();
        let answer = self.call(asked).await;
        match &answer {
            Ok(()) => What::Told { id, end }.tell(),
            Err(StoreError::Lost) => What::Lost { id }.tell(),
            Err(error) => eprintln!("{error}"),
        }
        answer
    }
}

impl Store for Watched {
    fn enqueue(&self, entry: Entry) -> BoxFuture<'_, Result<Enqueued, StoreError>> {
        Box::pin(self.call(self.store.enqueue(entry)))
    }

    fn claim_of<'a>(
        &'a self,
        lanes: &'a Lanes,
        worker: &'a str,
        most: usize,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Vec<Claimed>, StoreError>> {
        Box::pin(async move {
            let asked = now();
            let answer = self
                .call(self.store.claim_of(lanes, worker, most, lease))
                .await;
            for claimed in answer.iter().flatten() {
                What::Given {
                    id: claimed.lease.id.to_string(),
                    token: claimed.lease.token,
                    asked,
                }
                .tell();
            }
            answer
        })
    }

    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        time: Duration,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let (id, asked) = (lease.id.to_string(), now());
            let answer = self.call(self.store.renew(lease, time)).await;
            match &answer {
                Ok(()) => What::Renewed { id, asked }.tell(),
                Err(StoreError::Lost) => What::Lost { id }.tell(),
                Err(error) => eprintln!("{error}"),
            }
            answer
        })
    }

    fn finish<'a>(
        &'a self,
        lease: &'a Lease,
        result: Bytes,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.end(lease, End::Done, self.store.finish(lease, result)))
    }

    fn postpone<'a>(
        &'a self,
        lease: &'a Lease,
        wait: Duration,
        counts: bool,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let asked = self.store.postpone(lease, wait, counts, reason);
        Box::pin(self.end(lease, End::Later, asked))
    }

    fn bury<'a>(
        &'a self,
        lease: &'a Lease,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.end(lease, End::Dead, self.store.bury(lease, reason)))
    }

    fn inspect(&self, id: TaskId) -> BoxFuture<'_, Result<Option<Record>, StoreError>> {
        Box::pin(self.call(self.store.inspect(id)))
    }

    fn list(
        &self,
        state: State,
        after: Option<TaskId>,
        most: usize,
    ) -> BoxFuture<'_, Result<Page, StoreError>> {
        Box::pin(self.call(self.store.list(state, after, most)))
    }

    fn counts(&self) -> BoxFuture<'_, Result<Counts, StoreError>> {
        Box::pin(self.call(self.store.counts()))
    }

    fn retry(&self, id: TaskId) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.call(self.store.retry(id)))
    }

    fn remove(&self, id: TaskId) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.call(self.store.remove(id)))
    }

    fn discard(&self, id: TaskId) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.call(self.store.discard(id)))
    }

    fn sweep(&self) -> BoxFuture<'_, Result<Swept, StoreError>> {
        Box::pin(self.call(self.store.sweep()))
    }
}
