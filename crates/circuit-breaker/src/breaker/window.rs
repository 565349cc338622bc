use super::{clock, count_window::CountWindow, rules::WindowRule, time_window::TimeWindow};
use tokio::time::Instant;

/// What one call leaves in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) failed: bool,
    pub(crate) slow: bool,
}

impl Mark {
    pub(crate) const GOOD: Self = Self::new(false, false);

    pub(crate) const fn new(failed: bool, slow: bool) -> Self {
        Self { failed, slow }
    }
}

/// What a window holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) calls: u32,
    pub(crate) failures: u32,
    pub(crate) slow: u32,
}

/// The calls that a rate is taken over.
#[derive(Debug)]
pub(crate) enum Window {
    /// No rate is taken.
    None,
    Count(CountWindow),
    Time(TimeWindow),
}

impl Window {
    pub(crate) fn new(rule: WindowRule, slow: bool) -> Self {
        match rule {
            WindowRule::None => Self::None,
            WindowRule::Count(size) => Self::Count(CountWindow::new(size, slow)),
            WindowRule::Time(span) => Self::Time(TimeWindow::new(span)),
        }
    }

    /// Puts a call down that went well.
    #[inline]
    pub(crate) fn succeed(&self, generation: u64, now: impl FnOnce() -> Instant) {
        match self {
            Self::None => {}
            Self::Count(window) => window.record(generation, Mark::GOOD),
            Self::Time(window) => timed(window, generation, now),
        }
    }

    /// Puts a call down that did not, and gives what the window now holds.
    pub(crate) fn record(&self, generation: u64, mark: Mark, now: Instant) -> Sums {
        match self {
            Self::None => {}
            Self::Count(window) => window.record(generation, mark),
            Self::Time(window) => window.record(generation, mark, clock::nanos(now)),
        }
        self.sums(generation, now)
    }

    pub(crate) fn sums(&self, generation: u64, now: Instant) -> Sums {
        match self {
            Self::None => Sums::default(),
            Self::Count(window) => window.sums(generation),
            Self::Time(window) => window.sums(generation, clock::nanos(now)),
        }
    }
}

/// Apart from the window that needs no clock, which it would slow down.
#[inline(never)]
fn timed(window: &TimeWindow, generation: u64, now: impl FnOnce() -> Instant) {
    window.record(generation, Mark::GOOD, clock::nanos(now()));
}
