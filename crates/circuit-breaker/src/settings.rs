use crate::{
    InvalidSettings,
    breaker::{Forgive, Rate, Rules, SlowRule, WindowRule, Word, saturating},
};
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
#[derive(Clone, Debug)]
pub struct Settings {
    run: Option<u32>,
    forgive: Forgive,
    window: WindowRule,
    min_calls: u32,
    failure_rate: Option<f64>,
    slow: Option<(Duration, f64)>,
    open_for: Duration,
    open_max: Duration,
    jitter: f64,
    probes: u32,
    successes: u32,
    lease: Duration,
    max_keys: usize,
    seed: Option<u64>,
}

impl Settings {
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
            open_max: Duration::from_secs(300),
            jitter: 0.1,
            probes: 1,
            successes: 2,
            lease: Duration::from_secs(60),
            max_keys: 1024,
            seed: None,
        }
    }

    /// The plain counter: a failure adds one, a success takes one back, at 5 it trips; open for
    /// 60 s each time, without jitter; 2 successes close it. It keeps no window.
    #[must_use]
    pub const fn classic() -> Self {
        let open_for = Duration::from_secs(60);
        Self {
            run: Some(5),
            forgive: Forgive::One,
            failure_rate: None,
            open_for,
            open_max: open_for,
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

    /// Rates are taken over this many calls, the latest ones. From 1 to 65,536; the default is
    /// a window of 60.
    #[must_use]
    pub const fn count_window(mut self, calls: u32) -> Self {
        self.window = WindowRule::Count(calls);
        self
    }

    /// Rates are taken over the calls of this span, which slides by tenths. From 1 ms to a day.
    ///
    /// It reads the clock for each call, which a count window does not. Above some 4,000 calls
    /// in a tenth of the span the counts are scaled down; the rates stay right.
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
    /// With this set, a call that its caller gives up after this time is slow as well, so that a
    /// timeout above the breaker can't hide a service that does not answer.
    #[must_use]
    pub const fn slow_calls(mut self, after: Duration, rate: f64) -> Self {
        self.slow = Some((after, rate));
        self
    }

    /// How long it stays open at first. Doubled each time that a probe fails, until it has
    /// closed again. Above zero; the default is 30 s.
    #[must_use]
    pub const fn open_for(mut self, open_for: Duration) -> Self {
        self.open_for = open_for;
        self
    }

    /// The longest time that it stays open, also when the service asks for more. Not below
    /// [`open_for`](Self::open_for), at most a year; the default is 5 min.
    #[must_use]
    pub const fn open_max(mut self, open_max: Duration) -> Self {
        self.open_max = open_max;
        self
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

    pub(crate) const fn get_max_keys(&self) -> usize {
        self.max_keys
    }

    pub(crate) const fn get_seed(&self) -> Option<u64> {
        self.seed
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidSettings> {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        let is_part = |rate: f64| rate > 0.0 && rate <= 1.0;
        let (calls, max_calls) = match self.window {
            WindowRule::None => (1, u32::MAX),
            WindowRule::Count(calls) => (calls, calls),
            WindowRule::Time(_) => (1, 2000),
        };
        let span = match self.window {
            WindowRule::Time(span) => span,
            WindowRule::None | WindowRule::Count(_) => DAY,
        };
        let checks = [
            (self.run != Some(0), "consecutive_failures", "1 or more"),
            (
                self.failure_rate.is_none_or(is_part),
                "failure_rate",
                "above 0 and at most 1",
            ),
            (
                self.slow.is_none_or(|(_, rate)| is_part(rate)),
                "slow_calls",
                "a rate above 0 and at most 1",
            ),
            (
                self.slow.is_none_or(|(after, _)| !after.is_zero()),
                "slow_calls",
                "a duration above zero",
            ),
            (
                (1..=65_536).contains(&calls),
                "count_window",
                "1 to 65,536 calls",
            ),
            (
                (Duration::from_millis(1)..=DAY).contains(&span),
                "time_window",
                "1 ms to a day",
            ),
            (!self.open_for.is_zero(), "open_for", "above zero"),
            (
                (self.open_for..=365 * DAY).contains(&self.open_max),
                "open_max",
                "open_for to a year",
            ),
            ((0.0..=1.0).contains(&self.jitter), "jitter", "0 to 1"),
            ((1..=1024).contains(&self.probes), "probes", "1 to 1,024"),
            (
                (1..=Word::MAX_SUCCESSES).contains(&self.successes),
                "successes_to_close",
                "1 to 255",
            ),
            (!self.lease.is_zero(), "probe_lease", "above zero"),
            (
                (1..=65_536).contains(&self.max_keys),
                "max_keys",
                "1 to 65,536",
            ),
        ];
        for (holds, setting, allowed) in checks {
            if !holds {
                return Err(InvalidSettings::OutOfRange { setting, allowed });
            }
        }
        if !self.takes_rates() {
            return match self.run {
                Some(_) => Ok(()),
                None => Err(InvalidSettings::NeverTrips),
            };
        }
        match self.min_calls {
            0 => Err(InvalidSettings::OutOfRange {
                setting: "min_calls",
                allowed: "1 or more",
            }),
            min_calls if min_calls > max_calls => Err(InvalidSettings::WindowTooSmall {
                min_calls,
                window: max_calls,
            }),
            _ => Ok(()),
        }
    }

    /// The rules that these settings stand for. They have been found valid.
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            run: self.run,
            forgive: self.forgive,
            window: if self.takes_rates() {
                self.window
            } else {
                WindowRule::None
            },
            min_calls: self.min_calls,
            failure_rate: self.failure_rate.map(Rate::new),
            slow: self.slow.map(|(after, rate)| SlowRule {
                after: saturating(after),
                rate: Rate::new(rate),
            }),
            open_for: self.open_for,
            open_max: self.open_max,
            jitter: Rate::new(self.jitter),
            probes: self.probes,
            successes: self.successes,
            lease: saturating(self.lease),
        }
    }

    const fn takes_rates(&self) -> bool {
        self.failure_rate.is_some() || self.slow.is_some()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::standard()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn refused(settings: Settings) -> &'static str {
        match settings.validate() {
            Err(InvalidSettings::OutOfRange { setting, .. }) => setting,
            Err(InvalidSettings::WindowTooSmall { .. }) => "window too small",
            Err(InvalidSettings::NeverTrips) => "never trips",
            Ok(()) => "nothing",
        }
    }

    #[test]
    fn ready_made_settings_are_valid() {
        assert_eq!(refused(Settings::standard()), "nothing");
        assert_eq!(refused(Settings::classic()), "nothing");
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused_by_name() {
        let with = Settings::standard;
        let day = Duration::from_secs(24 * 3600);
        let cases = [
            (with().consecutive_failures(0), "consecutive_failures"),
            (with().failure_counter(0), "consecutive_failures"),
            (with().failure_rate(0.0), "failure_rate"),
            (with().failure_rate(f64::NAN), "failure_rate"),
            (with().failure_rate(1.01), "failure_rate"),
            (with().slow_calls(Duration::ZERO, 0.5), "slow_calls"),
            (with().slow_calls(day, -0.5), "slow_calls"),
            (with().count_window(0), "count_window"),
            (with().count_window(65_537), "count_window"),
            (with().time_window(Duration::ZERO), "time_window"),
            (with().time_window(2 * day), "time_window"),
            (with().min_calls(0), "min_calls"),
            (with().open_for(Duration::ZERO), "open_for"),
            (with().open_max(Duration::from_secs(29)), "open_max"),
            (with().open_max(Duration::MAX), "open_max"),
            (with().jitter(1.1), "jitter"),
            (with().jitter(f64::NAN), "jitter"),
            (with().probes(0), "probes"),
            (with().probes(1025), "probes"),
            (with().successes_to_close(0), "successes_to_close"),
            (with().successes_to_close(256), "successes_to_close"),
            (with().probe_lease(Duration::ZERO), "probe_lease"),
            (with().max_keys(0), "max_keys"),
        ];
        for (settings, setting) in cases {
            assert_eq!(refused(settings), setting);
        }
    }

    #[test]
    fn a_breaker_that_could_never_trip_is_refused() {
        let with = Settings::standard;
        assert_eq!(refused(with().count_window(20)), "window too small");
        let crowded = with().time_window(Duration::from_secs(60)).min_calls(2001);
        assert_eq!(refused(crowded), "window too small");
        let counts = with().consecutive_failures(None);
        assert_eq!(refused(counts.clone()), "nothing");
        assert_eq!(refused(counts.failure_rate(None)), "never trips");
    }

    #[test]
    fn without_a_rate_no_window_is_kept() {
        let rules = Settings::standard().failure_rate(None).rules();
        assert_eq!(rules.window, WindowRule::None);
        assert_eq!(Settings::classic().rules().window, WindowRule::None);
    }
}
