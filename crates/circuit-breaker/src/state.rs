use std::fmt;

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Calls go through, and their outcomes are counted.
    Closed,
    /// Calls are rejected until the open time has passed. The first call after that is a probe,
    /// and with it the breaker becomes half-open; until it comes, this is what is read.
    Open,
    /// A few probes go through, all other calls are rejected.
    HalfOpen,
    /// All calls are rejected until somebody closes it by hand.
    Isolated,
}

impl State {
    /// All of them: for a set of gauges of which one is 1 and the others are 0.
    pub const ALL: [Self; 4] = [Self::Closed, Self::Open, Self::HalfOpen, Self::Isolated];

    /// A stable lower-case name, for logs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::Isolated => "isolated",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A change of state, as [`Handle::watch`](crate::Handle::watch) tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The state that it changed to.
    pub state: State,
    /// Why.
    pub reason: Reason,
    /// The generation that began with it: one more at each change.
    pub generation: u64,
}

impl Change {
    pub(crate) const fn new(state: State, reason: Reason, generation: u64) -> Self {
        Self {
            state,
            reason,
            generation,
        }
    }
}

/// Why a breaker changed its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// It has just been made.
    Created,
    /// Too many failures in a row.
    ConsecutiveFailures,
    /// Too large a part of the calls failed.
    FailureRate,
    /// Too large a part of the calls was slow.
    SlowRate,
    /// The open time has passed, and a probe goes out.
    Probing,
    /// A probe failed, or was slow.
    ProbeFailed,
    /// As many probes succeeded as were wanted.
    ProbesSucceeded,
    /// Somebody said so, through the handle.
    Manual,
}

impl Reason {
    /// A stable lower-case name, for logs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::ConsecutiveFailures => "consecutive_failures",
            Self::FailureRate => "failure_rate",
            Self::SlowRate => "slow_rate",
            Self::Probing => "probing",
            Self::ProbeFailed => "probe_failed",
            Self::ProbesSucceeded => "probes_succeeded",
            Self::Manual => "manual",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
