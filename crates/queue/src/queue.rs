use crate::{
    CannotOpen, Cipher, Claimed, Counts, Enqueued, Entry, Lanes, Lease, Page, Record, State, Store,
    StoreError, Swept, Task, TaskId,
    cipher::{Part, Unopened, name},
};
use bytes::Bytes;
use std::{sync::Arc, time::Duration};

/// A handle to a queue: a store, and what seals and opens what is kept there.
///
/// Clones are handles to the same queue.
///
/// ```
/// use buttress_queue::{Memory, Queue, Settings, State, Task};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let queue = Queue::new(Memory::new(Settings::new()));
/// let task = Task::parse(br#"{"messages": [{"role": "user", "content": "Hi"}]}"#)?;
/// let id = queue.enqueue(task).await?.id;
///
/// let kept = queue.inspect(id).await?.expect("it was acknowledged");
/// assert_eq!(kept.record.state, State::Waiting);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Queue {
    store: Arc<dyn Store>,
    cipher: Option<Arc<dyn Cipher>>,
}

/// By this it is known that something is sealed: no JSON begins so.
const MARK: [u8; 4] = *b"\0bq1";

/// A task as it is kept, opened.
#[derive(Debug)]
#[non_exhaustive]
pub struct Kept {
    /// What the store knows of it. What could be opened is not in it any more.
    pub record: Record,
    /// The task, or why it can't be read; nothing when the store has none any more.
    pub task: Option<Result<Task, Unopened>>,
    /// What came of it, or why that can't be read; nothing while there is nothing.
    pub result: Option<Result<Bytes, Unopened>>,
}

impl Queue {
    /// A queue in this store, of which nothing is sealed.
    #[must_use]
    pub fn new(store: impl Store) -> Self {
        Self::from(Arc::new(store) as Arc<dyn Store>)
    }

    /// Seals what is put in from now on, and opens what this opens.
    #[must_use]
    pub fn cipher(mut self, cipher: impl Cipher) -> Self {
        self.cipher = Some(Arc::new(cipher));
        self
    }

    /// The store, as it is below: with what is sealed in it.
    #[must_use]
    pub const fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Puts a task in. When it returns, the task is kept.
    ///
    /// # Errors
    /// Those of [`Store::enqueue`]; [`StoreError::Engine`] when it can't be sealed. Then it is not
    /// kept, unless the store is [unavailable](StoreError::Unavailable): then it may be.
    ///
    /// # Cancellation
    /// The task is kept, or it is not.
    pub async fn enqueue(&self, task: Task) -> Result<Enqueued, StoreError> {
        let mut entry = Entry::new(Bytes::new()).queued_at(task.queued_at);
        entry.payload = self.sealed(entry.id, Part::Task, task.to_json().into())?;
        if let Some(lane) = task.lane {
            entry = entry.lane(lane);
        }
        entry.session = task.session_id;
        entry.key = task.idempotency_key;
        self.store.enqueue(entry).await
    }

    /// What is known of a task, opened. `None` when there is no such task, or none any more.
    ///
    /// # Errors
    /// Those of [`Store::inspect`]. What can't be opened is none: it is told of where it should
    /// stand.
    pub async fn inspect(&self, id: TaskId) -> Result<Option<Kept>, StoreError> {
        let Some(mut record) = self.store.inspect(id).await? else {
            return Ok(None);
        };
        let task = record.payload.take().map(|payload| {
            self.task(id, &payload)
                .inspect_err(|_| record.payload = Some(payload))
        });
        let result = record.result.take().map(|result| {
            self.opened(id, Part::Result, &result)
                .inspect_err(|_| record.result = Some(result))
        });
        Ok(Some(Kept {
            record,
            task,
            result,
        }))
    }

    /// Tasks in this state, see [`Store::list`].
    ///
    /// # Errors
    /// Those of [`Store::list`].
    pub async fn list(
        &self,
        state: State,
        after: Option<TaskId>,
        most: usize,
    ) -> Result<Page, StoreError> {
        self.store.list(state, after, most).await
    }

    /// How many tasks there are.
    ///
    /// # Errors
    /// Those of [`Store::counts`].
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        self.store.counts().await
    }

    /// Queues a dead letter again, or makes a waiting task due, see [`Store::retry`].
    ///
    /// # Errors
    /// Those of [`Store::retry`].
    pub async fn retry(&self, id: TaskId) -> Result<bool, StoreError> {
        self.store.retry(id).await
    }

    /// Removes a task, see [`Store::remove`].
    ///
    /// # Errors
    /// Those of [`Store::remove`].
    pub async fn remove(&self, id: TaskId) -> Result<bool, StoreError> {
        self.store.remove(id).await
    }

    /// Removes a dead letter and no other task, see [`Store::discard`].
    ///
    /// # Errors
    /// Those of [`Store::discard`].
    pub async fn discard(&self, id: TaskId) -> Result<bool, StoreError> {
        self.store.discard(id).await
    }

    /// Makes dead letters of what is too old and removes what was kept long enough, see
    /// [`Store::sweep`].
    ///
    /// # Errors
    /// Those of [`Store::sweep`].
    pub async fn sweep(&self) -> Result<Swept, StoreError> {
        self.store.sweep().await
    }

    /// Gives out tasks of these lanes, see [`Store::claim_of`]. What is in them is [opened](Self::open) one by one.
    ///
    /// # Errors
    /// Those of [`Store::claim_of`].
    pub async fn claim_of(
        &self,
        lanes: &Lanes,
        worker: &str,
        most: usize,
        lease: Duration,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.store.claim_of(lanes, worker, most, lease).await
    }

    /// Gives out tasks of all lanes, see [`Store::claim`].
    ///
    /// # Errors
    /// Those of [`Store::claim`].
    pub async fn claim(
        &self,
        worker: &str,
        most: usize,
        lease: Duration,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.store.claim(worker, most, lease).await
    }

    /// The task that was given out.
    ///
    /// # Errors
    /// It can't be read. It is not lost: its lease is still held.
    pub fn open(&self, claimed: &Claimed) -> Result<Task, Unopened> {
        self.task(claimed.entry.id, &claimed.entry.payload)
    }

    /// The task has been done, with this result, see [`Store::finish`].
    ///
    /// # Errors
    /// Those of [`Store::finish`]; [`StoreError::Engine`] when the result can't be sealed.
    pub async fn finish(&self, lease: &Lease, result: Bytes) -> Result<(), StoreError> {
        let result = self.sealed(lease.id, Part::Result, result)?;
        self.store.finish(lease, result).await
    }

    fn sealed(&self, id: TaskId, part: Part, plain: Bytes) -> Result<Bytes, StoreError> {
        let Some(cipher) = &self.cipher else {
            return Ok(plain);
        };
        let mut sealed = MARK.to_vec();
        match cipher.seal(&name(id, part), &plain, &mut sealed) {
            Ok(()) => Ok(sealed.into()),
            Err(error) => Err(StoreError::Engine(error.into())),
        }
    }

    fn opened(&self, id: TaskId, part: Part, kept: &Bytes) -> Result<Bytes, Unopened> {
        match (kept.strip_prefix(&MARK), &self.cipher) {
            (None, _) => Ok(kept.clone()),
            (Some(sealed), Some(cipher)) => Ok(cipher.open(&name(id, part), sealed)?),
            (Some(_), None) => Err(CannotOpen::NoKey.into()),
        }
    }

    fn task(&self, id: TaskId, payload: &Bytes) -> Result<Task, Unopened> {
        let json = self.opened(id, Part::Task, payload)?;
        Task::parse(&json).map_err(|_| Unopened::NoTask)
    }
}

impl From<Arc<dyn Store>> for Queue {
    fn from(store: Arc<dyn Store>) -> Self {
        let cipher = None;
        Self { store, cipher }
    }
}

/// What can't be opened is [`Corrupt`](StoreError::Corrupt), for whoever has no better word.
impl From<Unopened> for StoreError {
    fn from(unopened: Unopened) -> Self {
        Self::Corrupt(unopened.into())
    }
}

#[cfg(test)]
mod tests;
