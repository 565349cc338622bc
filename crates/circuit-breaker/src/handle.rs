use crate::{
    Change, State,
    breaker::{Breaker, Owner},
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};

/// Reads a breaker, and overrides it.
///
/// Clones, and the services of the layer that it came from, share one breaker. A handle keeps it
/// alive.
#[derive(Clone, Debug)]
pub struct Handle {
    owner: Arc<Owner>,
}

/// What a breaker has counted.
///
/// Taken while calls go on, so the numbers may be a call apart from each other. Each generation
/// counts anew: while open, nothing is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// The calls in the window. Zero when there is no window.
    pub calls: u32,
    /// How many of them failed.
    pub failures: u32,
    /// How many of them were slow.
    pub slow: u32,
    /// How many calls in a row failed, or what the [plain
    /// counter](crate::Settings::failure_counter) stands at.
    pub consecutive_failures: u32,
    /// While half-open: how many probes are in flight.
    pub probes: u32,
    /// While half-open: how many probes have succeeded.
    pub successes: u32,
    /// How often it has opened, since it was made or [reset](Handle::reset).
    pub opened: u64,
}

impl Handle {
    pub(crate) const fn new(owner: Arc<Owner>) -> Self {
        Self { owner }
    }

    /// The state it is in. One state at a time: for gauges see [`State::ALL`].
    #[must_use]
    pub fn state(&self) -> State {
        self.breaker().word().state()
    }

    /// A number that goes up with each change of state.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.breaker().word().generation()
    }

    /// What it has counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.breaker().counts(Instant::now())
    }

    /// How long until a probe may go out: zero when the next call would be one.
    ///
    /// `None` when it is closed, and calls go through; when it is half-open and all probes are
    /// out, any of which may end at any moment; and when it is isolated.
    #[must_use]
    pub fn time_until_probe(&self) -> Option<Duration> {
        if self.state() == State::Closed {
            return None;
        }
        match self.breaker().peek(Instant::now) {
            Ok(()) => Some(Duration::ZERO),
            Err(wait) => wait,
        }
    }

    /// Opens it as if it had tripped for the first time: for
    /// [`open_for`](crate::Settings::open_for), then it probes.
    pub fn force_open(&self) {
        self.breaker().force_open(Instant::now());
    }

    /// Closes it as if enough probes had succeeded. It goes on counting, from zero, and may trip
    /// again.
    pub fn force_close(&self) {
        self.breaker().force(State::Closed);
    }

    /// Rejects all calls, and lets no probe out, until it is [closed](Self::force_close),
    /// [opened](Self::force_open) or [reset](Self::reset) by hand.
    pub fn isolate(&self) {
        self.breaker().force(State::Isolated);
    }

    /// Makes it as good as new: closed, with all counts at zero.
    pub fn reset(&self) {
        self.breaker().reset();
    }

    /// Follows the changes of state. Who looks seldom sees the latest change, not all of them;
    /// the [`generation`](Change::generation) tells how many were missed.
    ///
    /// The receiver ends when the last layer, service and handle of this breaker is gone.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Change> {
        self.breaker().ledger().watch()
    }

    fn breaker(&self) -> &'static Breaker {
        self.owner.breaker()
    }
}
