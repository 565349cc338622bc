use std::time::Duration;

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
