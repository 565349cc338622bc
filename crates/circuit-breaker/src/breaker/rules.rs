use std::time::Duration;

/// Settings that have been found valid, in the units that the breaker reckons with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Trips at this many failures in a row.
    pub(crate) run: Option<u32>,
    pub(crate) forgive: Forgive,
    pub(crate) window: WindowRule,
    pub(crate) min_calls: u32,
    pub(crate) failure_rate: Option<Rate>,
    pub(crate) slow: Option<SlowRule>,
    pub(crate) open_for: Duration,
    /// Up to where it is doubled.
    pub(crate) open_max: Duration,
    /// Up to where a wait that the service asks for is kept to. Not below `open_max`.
    pub(crate) asked_max: Duration,
    pub(crate) jitter: Rate,
    pub(crate) probes: u32,
    pub(crate) successes: u32,
    /// In nanoseconds.
    pub(crate) lease: i64,
}

/// What a success does to the run of failures before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forgive {
    All,
    One,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WindowRule {
    None,
    /// In calls.
    Count(u32),
    Time(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlowRule {
    /// In nanoseconds.
    pub(crate) after: i64,
    pub(crate) rate: Rate,
}

/// A part of a whole, in millionths: unlike a float it compares and multiplies exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate(u32);

const WHOLE: u32 = 1_000_000;

impl Rate {
    /// From a number between 0 and 1; anything outside is taken for the nearer end.
    pub(crate) fn new(rate: f64) -> Self {
        Self((rate.clamp(0.0, 1.0) * f64::from(WHOLE)).round() as u32)
    }

    pub(crate) const fn get(self) -> f64 {
        self.0 as f64 / WHOLE as f64
    }

    pub(crate) const fn is_reached(self, part: u32, whole: u32) -> bool {
        part as u64 * WHOLE as u64 >= self.0 as u64 * whole as u64
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_reached_exactly() {
        let rate = Rate::new(0.55);
        assert!(rate.is_reached(33, 60));
        assert!(!rate.is_reached(32, 60));
        assert!(Rate::new(1.0).is_reached(7, 7));
        assert!(!Rate::new(1.0).is_reached(6, 7));
    }
}
