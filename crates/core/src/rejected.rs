use crate::{AsFailure, Blame, Class, Failure, Name, RetryAfter, error::shown};
use std::{error, fmt, time::Duration};

/// A layer of this stack refused to make the call. Nothing was sent.
///
/// Every layer that can refuse asks its inner service's error for `From<Rejected>`, so that one
/// conversion serves the whole stack: a typed error enum needs one variant for it, and
/// `BoxError` needs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// Why.
    pub cause: Cause,
    /// When asking again may help, counted from the rejection, where that is known.
    pub retry_after: Option<Duration>,
    /// The [kind](Failure::kind) of the failure that this goes back to, where that is known: of
    /// the one that shut the gate. A caller who would only have heard the same again can be told
    /// so.
    pub origin: Option<Name>,
}

/// Why a layer refused a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The service's circuit breaker is open, or all of its probes are out.
    CircuitOpen,
    /// The key is rate limited for longer than this call may wait.
    GateClosed,
    /// The key was refused, or has nothing left to spend, and is left alone for now.
    KeyUnusable,
    /// As many calls as allowed are waiting already.
    QueueFull,
    /// The request's deadline is past, or too near for what would have to be done.
    DeadlinePast,
    /// The request has used up its upstream calls.
    CallsSpent,
    /// At this step of its session another request was made before.
    RequestChanged,
}

impl Rejected {
    /// A rejection for this cause, with nothing known of when to come back.
    #[must_use]
    pub const fn new(cause: Cause) -> Self {
        Self {
            cause,
            origin: None,
            retry_after: None,
        }
    }

    /// Says when asking again may help.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Says which kind of failure it goes back to.
    #[must_use]
    pub const fn origin(mut self, kind: Name) -> Self {
        self.origin = Some(kind);
        self
    }
}

impl Cause {
    /// A stable lower-case name, for logs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.name().as_str()
    }

    /// The same, as it stands in a [`Failure`].
    #[must_use]
    pub const fn name(self) -> Name {
        match self {
            Self::CircuitOpen => Name::new(&"circuit_open"),
            Self::GateClosed => Name::new(&"gate_closed"),
            Self::KeyUnusable => Name::new(&"key_unusable"),
            Self::QueueFull => Name::new(&"queue_full"),
            Self::DeadlinePast => Name::new(&"deadline_past"),
            Self::CallsSpent => Name::new(&"calls_spent"),
            Self::RequestChanged => Name::new(&"request_changed"),
        }
    }
}

impl AsFailure for Rejected {
    fn as_failure(&self) -> Failure {
        let retry_after = match self.retry_after {
            Some(wait) => RetryAfter::After(wait),
            None => RetryAfter::Unspecified,
        };
        let (class, blame) = match self.cause {
            // It will be the same at any other time and place.
            Cause::RequestChanged => (Class::BadInput, Blame::Request),
            _ => (Class::Rejected, Blame::Local),
        };
        Failure::new(class, blame)
            .retry_after(retry_after)
            .kind(self.cause.name())
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.cause {
            Cause::CircuitOpen => "circuit open",
            Cause::GateClosed => "rate limited, and the wait is longer than allowed",
            Cause::KeyUnusable => {
                "the key was refused or has nothing left, and is left alone for now"
            }
            Cause::QueueFull => "rate limited, and too many calls are waiting already",
            Cause::DeadlinePast => "no time left before the deadline",
            Cause::CallsSpent => "no upstream calls left in the request's budget",
            Cause::RequestChanged => "at this step of its session another request was made before",
        })?;
        if let Some(origin) = self.origin {
            write!(f, " ({origin})")?;
        }
        match self.retry_after {
            Some(wait) => write!(f, ", retry after {:?}", shown(wait)),
            None => Ok(()),
        }
    }
}

impl error::Error for Rejected {}
