use std::{error, fmt};

/// [`Settings`](crate::Settings) that no breaker can work with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidSettings {
    /// A number is outside its range.
    OutOfRange {
        /// The setter that took it.
        setting: &'static str,
        /// What it may be.
        allowed: &'static str,
    },
    /// More calls are wanted before a rate means anything than the window is sure to hold.
    WindowTooSmall {
        /// The calls wanted.
        min_calls: u32,
        /// The calls that the window is sure to hold.
        window: u32,
    },
    /// Neither consecutive failures nor a rate would ever trip it.
    NeverTrips,
}

impl fmt::Display for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { setting, allowed } => write!(f, "{setting} must be {allowed}"),
            Self::WindowTooSmall { min_calls, window } => write!(
                f,
                "min_calls is {min_calls}, but the window may hold no more than {window} calls"
            ),
            Self::NeverTrips => f.write_str(
                "set consecutive_failures, failure_rate or slow_calls: \
                 without any of them the breaker never trips",
            ),
        }
    }
}

impl error::Error for InvalidSettings {}
