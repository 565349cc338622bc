use crate::{
    InvalidSettings, Settings,
    breaker::{CountWindow, Rate, Rules, SlowRule, WindowRule, Word, saturating},
};
use std::time::Duration;

impl Settings {
    pub(crate) fn validate(&self) -> Result<(), InvalidSettings> {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        let year = 365 * DAY;
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
                (1..=CountWindow::MAX_SIZE).contains(&calls),
                "count_window",
                "1 to 10,000 calls",
            ),
            (
                (Duration::from_millis(1)..=DAY).contains(&span),
                "time_window",
                "1 ms to a day",
            ),
            (
                !self.open_for.is_zero() && self.open_for <= year,
                "open_for",
                "above zero and at most a year",
            ),
            (
                (self.open_for..=year).contains(&self.longest_open()),
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
            open_max: self.longest_open(),
            asked_max: self.longest_asked(),
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
            (with().count_window(10_001), "count_window"),
            (with().time_window(Duration::ZERO), "time_window"),
            (with().time_window(2 * day), "time_window"),
            (with().min_calls(0), "min_calls"),
            (with().open_for(Duration::ZERO), "open_for"),
            (with().open_for(366 * day), "open_for"),
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
    fn a_longer_open_time_raises_a_maximum_that_nobody_set() {
        let secs = Duration::from_secs;
        let (classic, standard) = (Settings::classic, Settings::standard);
        let open_max = |settings: Settings| {
            assert_eq!(refused(settings.clone()), "nothing");
            settings.rules().open_max
        };
        assert_eq!(open_max(classic()), secs(60));
        assert_eq!(open_max(classic().open_for(secs(90))), secs(90));
        assert_eq!(open_max(classic().open_for(secs(9))), secs(9));
        assert_eq!(open_max(standard().open_for(secs(9))), secs(300));
        assert_eq!(open_max(standard().open_for(secs(900))), secs(900));
        let (long, short) = (secs(900), secs(30));
        assert_eq!(open_max(classic().open_max(long).open_for(short)), long);
        let contradiction = standard().open_max(short).open_for(long);
        assert_eq!(refused(contradiction), "open_max");
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
