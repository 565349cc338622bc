use std::time::Duration;

/// How fast calls follow each other while a gate reopens: additive increase, multiplicative
/// decrease, as TCP does it in congestion avoidance (RFC 5681, section 3.1).
///
/// A success that comes when the pace is `r` calls a second adds `start / r` to it, which is
/// `start` more in every second in which all calls succeed. A limit verdict halves it. A pace that
/// the headers told is where it begins, and what it does not exceed. Where it is much faster than
/// the starting pace it has to be earned: headers may be wrong, or speak for one of many callers.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    /// Calls a second; infinite when there is no spacing at all.
    rate: f64,
    start: f64,
    told: Option<f64>,
}

/// The slowest that halving leads to, as a part of the starting pace: one call in 13 s, with the
/// default of 5 calls a second. A service that has to be asked more slowly says so.
const SLOWEST: f64 = 1.0 / 64.0;

/// The fastest that a reopening begins on the word of headers, in starting paces: 50 calls a second
/// by default.
const FASTEST: f64 = 10.0;

impl Pace {
    /// Starts with this much time between two calls.
    pub(crate) fn new(spacing: Duration) -> Self {
        let start = per_second(spacing);
        Self {
            rate: start,
            start,
            told: None,
        }
    }

    pub(crate) const fn per_second(&self) -> f64 {
        self.rate
    }

    /// The time from one call to the next.
    pub(crate) fn spacing(&self) -> Duration {
        Duration::try_from_secs_f64(self.rate.recip()).unwrap_or(Duration::MAX)
    }

    /// The time in which this many calls are let through, if all goes well.
    pub(crate) fn time_for(&self, calls: usize) -> Duration {
        // More than enough for a number of waiting calls.
        let calls = f64::from(u32::try_from(calls).unwrap_or(u32::MAX));
        let seconds = if self.rate.is_infinite() {
            0.0
        } else if self.start.is_infinite() {
            // Only what the headers told slows it down.
            calls / self.rate
        } else {
            // calls = rate * t + start * t² / 2
            let (rate, start) = (self.rate, self.start);
            let growing = ((rate * rate + 2.0 * start * calls).sqrt() - rate) / start;
            self.told.map_or(growing, |told| growing.max(calls / told))
        };
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// The headers told this much time between two calls. None at all tells nothing.
    pub(crate) fn learn(&mut self, spacing: Duration) {
        if spacing.is_zero() {
            return;
        }
        let told = per_second(spacing);
        self.told = Some(told);
        self.rate = self.rate.min(told);
    }

    /// Begins a reopening for which nothing is known but what the headers told.
    pub(crate) fn restart(&mut self) {
        let fastest = self.start * FASTEST;
        self.rate = self.told.map_or(self.start, |told| told.min(fastest));
    }

    /// The key has done well for a while: what the headers told is true.
    pub(crate) fn trust(&mut self) {
        self.rate = self.told.unwrap_or(self.rate);
    }

    /// Forgets what the headers told: it was a while ago.
    pub(crate) const fn forget(&mut self) {
        self.told = None;
    }

    pub(crate) fn grow(&mut self) {
        if self.rate.is_finite() {
            self.rate += self.start / self.rate;
        }
        self.rate = self.rate.min(self.told.unwrap_or(f64::INFINITY));
    }

    pub(crate) fn halve(&mut self) {
        let half = (self.rate / 2.0).max(self.start * SLOWEST);
        self.rate = half.min(self.rate);
    }
}

fn per_second(spacing: Duration) -> f64 {
    spacing.as_secs_f64().recip()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn grows_by_the_starting_pace_in_a_second() {
        let mut pace = Pace::new(millis(200));
        let mut passed = Duration::ZERO;
        while passed < Duration::from_secs(2) {
            passed += pace.spacing();
            pace.grow();
        }
        assert!((14.0..16.0).contains(&pace.per_second()), "{pace:?}");
    }

    #[test]
    fn halves_down_to_a_bound() {
        let mut pace = Pace::new(millis(200));
        pace.halve();
        assert_eq!(pace.spacing(), millis(400));
        (0..100).for_each(|_| pace.halve());
        assert_eq!(pace.spacing(), millis(200) * 64);
    }

    #[test]
    fn what_the_headers_told_is_start_and_ceiling() {
        let mut pace = Pace::new(millis(200));
        pace.learn(millis(40));
        pace.restart();
        assert_eq!(pace.spacing(), millis(40));
        (0..100).for_each(|_| pace.grow());
        assert_eq!(pace.spacing(), millis(40));
        pace.learn(Duration::from_secs(432));
        assert_eq!(pace.spacing(), Duration::from_secs(432));
        pace.halve();
        assert_eq!(pace.spacing(), Duration::from_secs(432));
        pace.forget();
        pace.restart();
        assert_eq!(pace.spacing(), millis(200));
    }

    #[test]
    fn a_very_fast_pace_has_to_be_earned() {
        let mut pace = Pace::new(millis(200));
        pace.learn(Duration::ZERO);
        pace.restart();
        assert_eq!(pace.spacing(), millis(200));
        pace.learn(millis(1));
        pace.restart();
        assert_eq!(pace.spacing(), millis(20));
        pace.grow();
        assert!((millis(19)..millis(20)).contains(&pace.spacing()));
        pace.trust();
        assert_eq!(pace.spacing(), millis(1));
        pace.grow();
        assert_eq!(pace.spacing(), millis(1));
        // Without headers there is nothing to trust.
        pace.forget();
        pace.restart();
        pace.trust();
        assert_eq!(pace.spacing(), millis(200));
        // Who wants no pacing but what the headers told gets it.
        let mut pace = Pace::new(Duration::ZERO);
        pace.learn(millis(1));
        pace.restart();
        assert_eq!(pace.spacing(), millis(1));
        assert_eq!(pace.time_for(10), millis(10));
    }

    #[test]
    fn the_time_for_a_line_fits_the_growth() {
        let mut pace = Pace::new(millis(200));
        let expected = pace.time_for(300).as_secs_f64();
        let mut passed = 0.0;
        for _ in 0..300 {
            passed += pace.spacing().as_secs_f64();
            pace.grow();
        }
        assert!((passed - expected).abs() < 0.5, "{passed} {expected}");
        assert_eq!(Pace::new(Duration::ZERO).time_for(300), Duration::ZERO);
        assert_eq!(Pace::new(Duration::ZERO).spacing(), Duration::ZERO);
        assert!(Pace::new(Duration::MAX).time_for(usize::MAX) > Duration::ZERO);
    }
}
