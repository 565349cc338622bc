use crate::{
    Claimed, Counts, Enqueued, Entry, Lanes, Lease, Page, Record, State, StoreError, Swept, TaskId,
};
use bytes::Bytes;
use std::{fmt, pin::Pin, time::Duration};

/// A future in a box, since which engine is used is only known when the program runs.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where tasks are kept.
///
/// At least once: a task that was acknowledged ends as done or dead, or is given out again. What
/// each engine needs to keep that word when its machine loses power is told where it is opened.
///
/// Of the tasks of a session only the first is given out; the next follows when that one is done
/// or dead. A task that waits for another attempt holds back those behind it.
///
/// # Cancellation
/// A future that is dropped may have done its work or not. Whoever drops [`claim`](Self::claim)
/// may leave tasks leased until their leases run out.
///
/// # Errors
/// [`StoreError::Unavailable`] when the engine can't be reached, and as each method says.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Stores a task. When it returns, the task is kept.
    ///
    /// Where there is one with the same key already, that one is it, and this is not stored; but
    /// one that is a dead letter gives way to it, since nobody would answer that.
    ///
    /// # Errors
    /// [`Full`](StoreError::Full) when there is no room, [`TooLarge`](StoreError::TooLarge) when
    /// the task is larger than one may be: then it is not kept.
    fn enqueue(&self, entry: Entry) -> BoxFuture<'_, Result<Enqueued, StoreError>>;

    /// Gives out at most so many tasks of these lanes that are due, to this worker, for so long.
    ///
    /// A task whose lease has run out is due again. One that has been delivered as often as may be
    /// is not given out but becomes a dead letter.
    ///
    /// Of a lane the task that is due first comes first. Which lane comes first is not said, but
    /// none is passed over for ever. However many tasks there are of lanes of which nothing is
    /// wanted, they cost nothing: those behind them are found as if they were not there.
    fn claim_of<'a>(
        &'a self,
        lanes: &'a Lanes,
        worker: &'a str,
        most: usize,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Vec<Claimed>, StoreError>>;

    /// Gives out at most so many tasks that are due, of whatever lanes.
    fn claim<'a>(
        &'a self,
        worker: &'a str,
        most: usize,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Vec<Claimed>, StoreError>> {
        self.claim_of(Lanes::ALL, worker, most, lease)
    }

    /// Holds a lease for so long from now.
    ///
    /// # Errors
    /// [`Lost`](StoreError::Lost) when it is not held any more.
    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        time: Duration,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// The task has been done, with this result.
    ///
    /// # Errors
    /// [`Lost`](StoreError::Lost) when the lease is not held any more.
    fn finish<'a>(
        &'a self,
        lease: &'a Lease,
        result: Bytes,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// The task is to be given out again after this wait. `counts` says whether this delivery is
    /// one of those that a task may have: it is not when nothing was tried.
    ///
    /// # Errors
    /// [`Lost`](StoreError::Lost) when the lease is not held any more.
    fn postpone<'a>(
        &'a self,
        lease: &'a Lease,
        wait: Duration,
        counts: bool,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// The task is given up, for this reason.
    ///
    /// # Errors
    /// [`Lost`](StoreError::Lost) when the lease is not held any more.
    fn bury<'a>(
        &'a self,
        lease: &'a Lease,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// What is known of a task, with what is in it and what came of it. `None` when there is no
    /// such task, or none any more.
    fn inspect(&self, id: TaskId) -> BoxFuture<'_, Result<Option<Record>, StoreError>>;

    /// Tasks in this state, in the order of their names: at most so many of those behind this one.
    fn list(
        &self,
        state: State,
        after: Option<TaskId>,
        most: usize,
    ) -> BoxFuture<'_, Result<Page, StoreError>>;

    /// How many tasks there are.
    fn counts(&self) -> BoxFuture<'_, Result<Counts, StoreError>>;

    /// Queues a dead letter again, as if it had never been delivered, behind all others of its
    /// session; or makes a waiting task due now. `false` when the task is in no such state.
    fn retry(&self, id: TaskId) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Removes a task, wherever it stands: a worker that has it loses its lease. `false` when
    /// there is none.
    fn remove(&self, id: TaskId) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Removes a dead letter. `false` when there is none of this name: what has been queued again
    /// meanwhile stays.
    fn discard(&self, id: TaskId) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Makes dead letters of tasks that have grown too old, and removes what has been kept long
    /// enough, some hundreds at a time: to be called until nothing is swept.
    fn sweep(&self) -> BoxFuture<'_, Result<Swept, StoreError>>;
}
