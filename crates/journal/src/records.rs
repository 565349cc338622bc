use crate::{Entry, Key, Page, Record, SessionInfo, Settings, StoreError};
use std::{fmt, pin::Pin, sync::Arc, time::SystemTime};

/// A future in a box, since which engine is used is only known when the program runs.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where records are kept.
///
/// A record is there as a whole or not at all, whenever the program or its machine ends.
///
/// # Cancellation
/// A future that is dropped may have done its work or not.
///
/// # Errors
/// [`StoreError::Unavailable`] when the engine can't be reached, and as each method says.
pub trait Records: fmt::Debug + Send + Sync + 'static {
    /// What there is at this step for this request.
    fn find<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Found, StoreError>>;

    /// Keeps a record. When this returns, it is kept, and this is the
    /// [place](Key::nth) of it among those of the same request at the same step.
    ///
    /// # Errors
    /// [`Full`](StoreError::Full) when its session has no more room: nothing is kept.
    fn add<'a>(
        &'a self,
        entry: Entry,
        settings: &'a Settings,
    ) -> BoxFuture<'a, Result<u32, StoreError>>;

    /// Sessions in the order of their names: at most so many of those behind this one.
    fn sessions<'a>(
        &'a self,
        after: Option<&'a str>,
        most: usize,
    ) -> BoxFuture<'a, Result<Page<SessionInfo, Arc<str>>, StoreError>>;

    /// What is known of one session.
    fn session<'a>(
        &'a self,
        session: &'a str,
    ) -> BoxFuture<'a, Result<Option<SessionInfo>, StoreError>>;

    /// The records of a session in the order in which they were made: at most so many of those
    /// behind this number; with what was asked and answered, or without.
    fn records<'a>(
        &'a self,
        session: &'a str,
        after: Option<u64>,
        most: usize,
        whole: bool,
    ) -> BoxFuture<'a, Result<Page<Record, u64>, StoreError>>;

    /// Removes a session. `false` when there is none.
    fn remove<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Removes records of sessions that had none made after this, some hundreds at a time, and
    /// says how many: to be called until there are none.
    fn sweep(&self, before: SystemTime) -> BoxFuture<'_, Result<u64, StoreError>>;
}

/// What there is at a step for a request.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing else to find")]
pub enum Found {
    /// The record of it, whole.
    Record(Box<Record>),
    /// Nothing.
    Nothing,
    /// Another request was recorded at this step, which was given.
    Changed,
}
