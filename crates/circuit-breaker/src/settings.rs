use crate::breaker::{Forgive, WindowRule};
use std::time::Duration;

/// When a breaker trips, how long it stays open, and what closes it again.
///
/// [`standard`](Self::standard) is a good start for services that are called a few times a second
/// and more. The numbers are looked at when a layer is made of them.
///
/// ```
/// use buttress_circuit_breaker::{CircuitBreakerLayer, Settings};
/// use std::time::Duration;
///
/// let settings = Settings::standard()
///     .time_window(Duration::from_secs(30))
///     .failure_rate(0.4)
///     .slow_calls(Duration::from_secs(20), 0.8)
///     .open_for(Duration::from_secs(10));
/// let layer = CircuitBreakerLayer::new(settings)?;
/// # let _: CircuitBreakerLayer = layer;
/// # Ok::<_, buttress_circuit_breaker::InvalidSettings>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub(crate) run: Option<u32>,
    pub(crate) forgive: Forgive,
    pub(crate) window: WindowRule,
    pub(crate) min_calls: u32,
    pub(crate) failure_rate: Option<f64>,
    pub(crate) slow: Option<(Duration, f64)>,
    pub(crate) open_for: Duration,
    pub(crate) open_max: OpenMax,
    pub(crate) jitter: f64,
    pub(crate) probes: u32,
    pub(crate) successes: u32,
    pub(crate) lease: Duration,
    pub(crate) max_keys: usize,
    pub(crate) seed: Option<u64>,
}

/// Up to where the open time is doubled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum OpenMax {
    /// So far, as somebody said.
    Set(Duration),
    /// So far, or as far as `open_for` where that is longer.
    AtLeast(Duration),
}

impl Settings {
    /// How long it stays open at most by default, when probe after probe fails: 5 min.
    pub const DEFAULT_OPEN_MAX: Duration = Duration::from_secs(300);

    /// A wait that the service asks for is kept to up to here, or up to `open_max` where that is
    /// longer: as far as a standard breaker goes on its own.
    const ASKED_MAX: Duration = Self::DEFAULT_OPEN_MAX;

    /// The defaults: 8 failures in a row, or 55 % of the last 60 calls.
    #[must_use]
    pub const fn standard() -> Self {
        Self {
            run: Some(8),
            forgive: Forgive::All,
            window: WindowRule::Count(60),
            min_calls: 30,
            failure_rate: Some(0.55),
            slow: None,
            open_for: Duration::from_secs(30),
            open_max: OpenMax::AtLeast(Self::DEFAULT_OPEN_MAX),
            jitter: 0.1,
            probes: 1,
            successes: 2,
            lease: Duration::from_secs(60),
            max_keys: 1024,
            seed: None,
        }
    }

    /// The plain counter: a failure adds one, a success takes one back, at 5 it trips; open for
    /// 60 s each time, without doubling or jitter; 2 successes close it. It keeps no window.
    #[must_use]
    pub const fn classic() -> Self {
        Self {
            run: Some(5),
            forgive: Forgive::One,
            failure_rate: None,
            open_for: Duration::from_secs(60),
            open_max: OpenMax::AtLeast(Duration::ZERO),
            jitter: 0.0,
            ..Self::standard()
        }
    }

    /// Trips at this many failures in a row, whatever the window says. `None`: never for that
    /// reason. From 1 up; the default is 8.
    #[must_use]
    pub fn consecutive_failures(mut self, failures: impl Into<Option<u32>>) -> Self {
        self.run = failures.into();
        self.forgive = Forgive::All;
        self
    }

    /// Counts instead of consecutive failures: a failure adds one, a success takes one back, at
    /// this many it trips. From 1 up.
    #[must_use]
    pub const fn failure_counter(mut self, failures: u32) -> Self {
        self.run = Some(failures);
        self.forgive = Forgive::One;
        self
    }

    /// Trips when this part of the calls in the window or more has failed. `None`: never for
    /// that reason. Above 0, at most 1; the default is 0.55.
    ///
    /// The rate is looked at when a call has failed, not when one has succeeded.
    #[must_use]
    pub fn failure_rate(mut self, rate: impl Into<Option<f64>>) -> Self {
        self.failure_rate = rate.into();
        self
    }

    /// Rates are taken over this many calls, the latest ones. From 1 to 10,000; the default is
    /// a window of 60.
    #[must_use]
    pub const fn count_window(mut self, calls: u32) -> Self {
        self.window = WindowRule::Count(calls);
        self
    }

    /// Rates are taken over the calls of this span, which slides by tenths. From 1 ms to a day.
    ///
    /// It reads the clock and writes to the window for each call, which a count window does not.
    /// Above some 4,000 calls in a tenth of the span the counts are scaled down; the rates stay
    /// right.
    #[must_use]
    pub const fn time_window(mut self, span: Duration) -> Self {
        self.window = WindowRule::Time(span);
        self
    }

    /// Rates mean nothing below this many calls in the window. From 1 to the size of a count
    /// window, or to 2,000 for a time window; the default is 30.
    #[must_use]
    pub const fn min_calls(mut self, calls: u32) -> Self {
        self.min_calls = calls;
        self
    }

    /// A call whose answer takes this long or longer is slow, and the breaker also trips when
    /// this part of the calls in the window or more was slow. The time is above zero, the rate
    /// above 0 and at most 1. Off by default.
    ///
    /// What is measured is the time until the inner service's future resolves: for a stream that
    /// is its beginning, not its end. It costs two readings of the clock per call.
    ///
    /// With this set, a call that is given up after this time is slow as well, so that a timeout
    /// above the breaker, or a deadline that a layer below it keeps to, can't hide a service that
    /// does not answer.
    #[must_use]
    pub const fn slow_calls(mut self, after: Duration, rate: f64) -> Self {
        self.slow = Some((after, rate));
        self
    }

    /// How long it stays open at first. Doubled each time that a probe fails, up to
    /// [`open_max`](Self::open_max), until it has closed again. Above zero, at most a year; the
    /// default is 30 s.
    ///
    /// A service that asks for a longer wait (`Retry-After`) gets it, up to 5 min or to `open_max`,
    /// whichever is longer.
    #[must_use]
    pub const fn open_for(mut self, open_for: Duration) -> Self {
        self.open_for = open_for;
        self
    }

    /// The longest time that it stays open of itself, when probe after probe fails. Not below
    /// [`open_for`](Self::open_for), at most a year; the default is 5 min, or `open_for` where
    /// that is longer. [Classic](Self::classic) settings do not double: theirs is `open_for`.
    #[must_use]
    pub const fn open_max(mut self, open_max: Duration) -> Self {
        self.open_max = OpenMax::Set(open_max);
        self
    }

    pub(crate) fn longest_open(&self) -> Duration {
        match self.open_max {
            OpenMax::Set(longest) => longest,
            OpenMax::AtLeast(longest) => longest.max(self.open_for),
        }
    }

    pub(crate) fn longest_asked(&self) -> Duration {
        self.longest_open().max(Self::ASKED_MAX)
    }

    /// Each time open is cut by a random part of itself, up to this one, so that many processes
    /// do not probe at the same moment. A wait that the service asked for is not cut. From 0 to
    /// 1; the default is 0.1.
    #[must_use]
    pub const fn jitter(mut self, jitter: f64) -> Self {
        self.jitter = jitter;
        self
    }

    /// How many probes may be out at the same time. From 1 to 1,024; the default is 1.
    #[must_use]
    pub const fn probes(mut self, probes: u32) -> Self {
        self.probes = probes;
        self
    }

    /// How many probes have to succeed before it closes. From 1 to 255; the default is 2.
    #[must_use]
    pub const fn successes_to_close(mut self, successes: u32) -> Self {
        self.successes = successes;
        self
    }

    /// When all probes are out and the last one left this long ago, one more may go. Above zero;
    /// the default is 60 s.
    ///
    /// A probe can take long: a stream is judged at its end, and a service that says nothing may
    /// have nobody below to time it out. Without this, one such probe would keep everybody out.
    /// The outcome of the long one still counts.
    #[must_use]
    pub const fn probe_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// For [keyed](crate::CircuitBreakerLayer::keyed) layers: how many breakers there can be.
    /// From 1 to 65,536; the default is 1,024.
    #[must_use]
    pub const fn max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys;
        self
    }

    /// Makes the jitter repeatable. By default it is drawn from the thread's own generator.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::standard()
    }
}
