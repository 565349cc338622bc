use crate::{Task, TaskId};
use bytes::Bytes;
use std::{fmt, time::Duration};

/// A task that is given to the service of a [`Worker`](crate::Worker).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivery {
    /// Its name.
    pub id: TaskId,
    /// What is to be done.
    pub task: Task,
    /// How often it has been given out, this time included.
    pub deliveries: u32,
}

impl Delivery {
    /// This task, given out for so many times.
    #[must_use]
    pub const fn new(id: TaskId, task: Task, deliveries: u32) -> Self {
        Self {
            id,
            task,
            deliveries,
        }
    }
}

/// What became of a delivery.
#[derive(Clone)]
#[non_exhaustive]
pub enum Verdict {
    /// The task is done, with this result.
    Done(Bytes),
    /// It may be done later.
    Later {
        /// Not before this much time has passed, where that is known. The worker's own back-off
        /// may take longer.
        wait: Option<Duration>,
        /// Something was tried, so that this is one of the deliveries that a task may have. It is
        /// not where the call was refused on this side, by a circuit that is open or a gate that is
        /// closed: then nothing else is tried for a while either.
        counts: bool,
        /// Why, in words that are kept and shown: nothing of the request or an answer.
        reason: String,
    },
    /// It is not its turn, for a reason that says nothing of any other task: these go on as they
    /// did. It is given out again after this wait, and this was none of the deliveries that it may
    /// have.
    Aside {
        /// How long it waits.
        wait: Duration,
        /// Why, in words that are kept and shown.
        reason: String,
    },
    /// It will never be done, for this reason: the request is at fault. Its words are kept and
    /// shown as well.
    Dead(String),
}

impl Verdict {
    /// The task failed, for this reason.
    #[must_use]
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::Later {
            wait: None,
            counts: true,
            reason: reason.into(),
        }
    }

    /// Nothing was tried, for this reason.
    #[must_use]
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::Later {
            wait: None,
            counts: false,
            reason: reason.into(),
        }
    }

    /// Says how long to wait at least, where the task is to be done later.
    #[must_use]
    pub fn after(mut self, asked: Duration) -> Self {
        if let Self::Later { wait, .. } = &mut self {
            *wait = Some(asked);
        }
        self
    }
}

/// Without the result.
impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(result) => f
                .debug_struct("Done")
                .field("bytes", &result.len())
                .finish(),
            Self::Later {
                wait,
                counts,
                reason,
            } => f
                .debug_struct("Later")
                .field("wait", wait)
                .field("counts", counts)
                .field("reason", reason)
                .finish(),
            Self::Aside { wait, reason } => f
                .debug_struct("Aside")
                .field("wait", wait)
                .field("reason", reason)
                .finish(),
            Self::Dead(reason) => f.debug_tuple("Dead").field(reason).finish(),
        }
    }
}
