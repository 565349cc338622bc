use crate::{StoreError, TaskId};
use buttress_core::Failure;
use std::{error, fmt};

/// The answer, or word that it comes later.
#[derive(Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "there is an answer, or there is none"
)]
pub enum Degradable<Res, E> {
    /// The service answered.
    Answered(Res),
    /// It did not, and that is not the request's fault.
    Degraded(Box<Degraded<E>>),
}

/// Why there is no answer, and under which name it can be asked for later.
#[derive(Debug)]
#[non_exhaustive]
pub struct Degraded<E> {
    /// The name of the task, once the store has acknowledged it; or why it has not.
    pub queued: Result<TaskId, NotQueued>,
    /// The verdict on the failure.
    pub failure: Failure,
    /// The failure itself.
    pub error: E,
}

/// Why a request was not queued.
#[derive(Debug)]
#[non_exhaustive]
pub enum NotQueued {
    /// The store says so.
    Refused(StoreError),
    /// The store took too long. The task may be kept all the same.
    TimedOut,
}

impl NotQueued {
    /// A stable lower-case name, for logs and labels: the one of the store's error, or
    /// `timed_out`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Refused(error) => error.as_str(),
            Self::TimedOut => "timed_out",
        }
    }
}

impl<E> Degraded<E> {
    /// The name under which it is kept, if it is.
    #[must_use]
    pub fn id(&self) -> Option<TaskId> {
        self.queued.as_ref().ok().copied()
    }

    /// Whether it is in the queue: the store has acknowledged it.
    #[must_use]
    pub const fn is_queued(&self) -> bool {
        self.queued.is_ok()
    }
}

impl<Res, E> Degradable<Res, E> {
    /// The answer, or the failure for which there is none, for whoever does not wait for a later
    /// one.
    ///
    /// # Errors
    /// The failure.
    pub fn into_result(self) -> Result<Res, E> {
        match self {
            Self::Answered(response) => Ok(response),
            Self::Degraded(degraded) => Err(degraded.error),
        }
    }

    /// Whether the service answered.
    #[must_use]
    pub const fn is_answered(&self) -> bool {
        matches!(self, Self::Answered(_))
    }
}

impl fmt::Display for NotQueued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "not queued: {error}"),
            Self::TimedOut => f.write_str("not queued: the store took too long"),
        }
    }
}

impl error::Error for NotQueued {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            // Its own words stand in these already.
            Self::Refused(error) => error.source(),
            Self::TimedOut => None,
        }
    }
}
