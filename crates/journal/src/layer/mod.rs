//! The layer over any service.

mod future;
mod pen;
mod policy;
mod service;
#[cfg(test)]
mod tests;
mod troubles;

pub use self::{
    future::ResponseFuture,
    pen::Pen,
    policy::{Asked, JournalPolicy, Unreadable},
    service::Journal,
};

use self::troubles::Troubles;
use crate::Sessions;
use std::{sync::Arc, time::Duration};
use tower_layer::Layer;

/// Gives what was answered before, in the same session, to the same request at the same step; and
/// records what is answered anew. See the [crate's documentation](crate).
#[derive(Debug)]
pub struct JournalLayer<P> {
    shared: Arc<Shared<P>>,
}

/// What all services of a layer share.
#[derive(Clone, Debug)]
struct Shared<P> {
    sessions: Sessions,
    policy: P,
    on_change: OnChange,
    limit: Duration,
    keep_requests: bool,
    troubles: Arc<Troubles>,
}

/// What becomes of a request at a given step at which another one was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnChange {
    /// It is answered anew, and recorded as the first of another branch: what follows belongs to
    /// that one. What the older branch has stays, and is given to whoever asks as before.
    #[default]
    Branch,
    /// It is refused, with [`Cause::RequestChanged`](buttress_core::Cause::RequestChanged).
    Refuse,
}

impl<P> JournalLayer<P> {
    /// How long a call waits for the store by default: 1 s.
    pub const DEFAULT_LIMIT: Duration = Duration::from_secs(1);

    /// Records in these sessions what this policy says.
    #[must_use]
    pub fn new(sessions: Sessions, policy: P) -> Self {
        let shared = Shared {
            sessions,
            policy,
            on_change: OnChange::default(),
            limit: Self::DEFAULT_LIMIT,
            keep_requests: false,
            troubles: Arc::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Sets what becomes of a request that changed \[[another branch](OnChange::Branch)\].
    #[must_use]
    pub fn on_change(self, on_change: OnChange) -> Self
    where
        P: Clone,
    {
        self.with(|shared| shared.on_change = on_change)
    }

    /// Sets how long a call waits for the store, once before it is made and once when it was
    /// answered [[1 s](Self::DEFAULT_LIMIT)]. A store that is down fails no call: what can't be
    /// looked up is asked anew, and what can't be recorded is given all the same.
    #[must_use]
    pub fn limit(self, limit: Duration) -> Self
    where
        P: Clone,
    {
        self.with(|shared| shared.limit = limit)
    }

    /// Sets whether requests are kept with their answers \[no\]: to be looked at, and exported.
    #[must_use]
    pub fn keep_requests(self, keep: bool) -> Self
    where
        P: Clone,
    {
        self.with(|shared| shared.keep_requests = keep)
    }

    /// The sessions in which it records.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.shared.sessions
    }

    fn with(self, set: impl FnOnce(&mut Shared<P>)) -> Self
    where
        P: Clone,
    {
        let mut shared = Arc::unwrap_or_clone(self.shared);
        set(&mut shared);
        Self {
            shared: Arc::new(shared),
        }
    }
}

impl<P> Clone for JournalLayer<P> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S, P> Layer<S> for JournalLayer<P> {
    type Service = Journal<S, P>;

    fn layer(&self, inner: S) -> Journal<S, P> {
        Journal::of(inner, Arc::clone(&self.shared))
    }
}
