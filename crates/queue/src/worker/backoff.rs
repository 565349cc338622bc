use std::time::Duration;

/// How long a task waits between two deliveries: a wait that doubles with each, of which half is
/// left to chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Backoff {
    pub(super) base: Duration,
    pub(super) cap: Duration,
}

impl Backoff {
    /// No wait that is asked for is sat out longer than this: by then all may be different.
    pub(super) const LONGEST: Duration = Duration::from_secs(86_400);

    /// `min(cap, base · 2ⁿ)`.
    pub(super) fn step(self, n: u32) -> Duration {
        let factor = 2_u32.checked_pow(n).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }

    /// The wait after so many deliveries, of which a part is drawn from 0 to 1. What was asked for
    /// is a floor, with a little on top, so that not all come back at once.
    pub(super) fn wait(self, deliveries: u32, asked: Option<Duration>, drawn: f64) -> Duration {
        let step = self.step(deliveries.saturating_sub(1));
        let own = step / 2 + (step / 2).mul_f64(drawn);
        let asked = asked.unwrap_or_default().min(Self::LONGEST);
        own.max(asked + (asked / 10).mul_f64(drawn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff {
        base: Duration::from_secs(1),
        cap: Duration::from_secs(600),
    };

    #[test]
    fn waits_double_up_to_a_cap() {
        let longest = [1, 2, 3, 4, 10, 11, 40, u32::MAX];
        let longest = longest.map(|n| BACKOFF.wait(n, None, 1.0).as_secs());
        assert_eq!(longest, [1, 2, 4, 8, 512, 600, 600, 600]);
        let shortest = [0, 1, 2, 11].map(|n| BACKOFF.wait(n, None, 0.0).as_millis());
        assert_eq!(shortest, [500, 500, 1000, 300_000]);
    }

    #[test]
    fn what_was_asked_for_is_a_floor() {
        let minute = Duration::from_secs(60);
        assert_eq!(BACKOFF.wait(1, Some(minute), 0.0), minute);
        assert_eq!(BACKOFF.wait(1, Some(minute), 1.0), minute * 11 / 10);
        assert!(BACKOFF.wait(10, Some(minute), 0.0) > minute);
        let endless = BACKOFF.wait(1, Some(Duration::MAX), 1.0);
        assert_eq!(endless, Backoff::LONGEST * 11 / 10);
    }
}
