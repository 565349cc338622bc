use std::{fmt, time::Duration};

/// What a gate is doing.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum GateState {
    /// Everybody passes.
    Open,
    /// Nobody passes.
    Closed {
        /// The time until it reopens.
        wait: Duration,
    },
    /// One call after the other passes.
    Reopening {
        /// How many a second.
        per_second: f64,
    },
    /// The key is unusable.
    Parked {
        /// The time until a call may try it; none if somebody parked it until further notice.
        wait: Option<Duration>,
    },
    /// A call is out to try a key that is parked, or that was to be closed for very long.
    Probing,
}

impl GateState {
    /// The names of all of them: for a set of gauges of which one is 1 and the others are 0.
    pub const NAMES: [&'static str; 5] = ["open", "closed", "reopening", "parked", "probing"];

    /// A stable lower-case name, for logs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed { .. } => "closed",
            Self::Reopening { .. } => "reopening",
            Self::Parked { .. } => "parked",
            Self::Probing => "probing",
        }
    }

    /// The time until it reopens, or until a call may try the key, where that is known.
    #[must_use]
    pub const fn wait(self) -> Option<Duration> {
        match self {
            Self::Closed { wait } => Some(wait),
            Self::Parked { wait } => wait,
            Self::Open | Self::Reopening { .. } | Self::Probing => None,
        }
    }
}

impl fmt::Display for GateState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
