use super::backoff::Backoff;
use std::time::Duration;
use tokio::time::Instant;

/// How many deliveries may be under way at a time: a slow start.
///
/// It begins with one. When as many as may be under way have succeeded, twice as many may be. A
/// failure halves that; and when nothing was even tried, because circuits or gates did not let it
/// through, there is one again, and a pause before it.
///
/// What is heard of a delivery that began before the last setback says nothing new: a herd that
/// fails together is one setback.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    most: usize,
    limit: usize,
    /// How many have succeeded since the limit was last changed.
    round: usize,
    /// Counts setbacks.
    epoch: u64,
    /// How many pauses there were since the last success.
    pauses: u32,
    until: Option<Instant>,
    /// How pauses grow.
    backoff: Backoff,
}

/// When a delivery began, in the terms of a [`Pace`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Epoch(u64);

impl Pace {
    /// At most so many at a time; the first pause is of the back-off's base, and none longer than
    /// its cap.
    pub(super) fn new(most: usize, backoff: Backoff) -> Self {
        Self {
            most: most.max(1),
            limit: 1,
            round: 0,
            epoch: 0,
            pauses: 0,
            until: None,
            backoff,
        }
    }

    /// How many more may begin.
    pub(super) fn room(&self, now: Instant, under_way: usize) -> usize {
        match self.paused(now) {
            Some(_) => 0,
            None => self.limit.saturating_sub(under_way),
        }
    }

    /// When the pause is over, while there is one.
    pub(super) fn paused(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|&until| until > now)
    }

    /// How many may be under way.
    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    /// What a delivery that begins now has to keep.
    pub(super) const fn epoch(&self) -> Epoch {
        Epoch(self.epoch)
    }

    /// One has succeeded.
    pub(super) fn succeeded(&mut self, began: Epoch) {
        if began != self.epoch() {
            return;
        }
        self.pauses = 0;
        self.round += 1;
        if self.round >= self.limit {
            self.limit = self.limit.saturating_mul(2).min(self.most);
            self.round = 0;
        }
    }

    /// One was tried, and failed. Where only one at a time is tried, and that fails, there is a
    /// pause too: without a circuit to open, nothing else would keep the whole queue from being
    /// tried on a service that is down.
    pub(super) fn failed(&mut self, began: Epoch, now: Instant, drawn: f64) {
        if began != self.epoch() {
            return;
        }
        if self.limit == 1 {
            self.pause(now, None, drawn);
        }
        self.fall_back_to(self.limit / 2);
    }

    /// One was not even tried. The pause is as long as was said, if anything was; but it takes a
    /// few pauses in a row to become so long, since it may have been said of one place of several,
    /// and what is next in the queue may be for another.
    pub(super) fn refused(
        &mut self,
        began: Epoch,
        now: Instant,
        said: Option<Duration>,
        drawn: f64,
    ) {
        if began == self.epoch() {
            self.pause(now, said, drawn);
            self.fall_back_to(1);
        }
    }

    fn fall_back_to(&mut self, limit: usize) {
        self.limit = limit.max(1);
        self.round = 0;
        self.epoch += 1;
    }

    fn pause(&mut self, now: Instant, said: Option<Duration>, drawn: f64) {
        let step = self.backoff.step(self.pauses);
        let pause = step.min(said.map_or(step, |said| said.max(self.backoff.base)));
        self.pauses = self.pauses.saturating_add(1);
        let pause = pause + (pause / 10).mul_f64(drawn);
        self.until = now.checked_add(pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);
    const BACKOFF: Backoff = Backoff {
        base: SECOND,
        cap: Duration::from_secs(300),
    };

    fn pace() -> Pace {
        Pace::new(8, BACKOFF)
    }

    /// So many succeed, one after the other.
    fn succeed(pace: &mut Pace, times: usize) {
        for _ in 0..times {
            pace.succeeded(pace.epoch());
        }
    }

    #[test]
    fn it_doubles_with_each_round() {
        let now = Instant::now();
        let mut pace = pace();
        let mut limits = Vec::new();
        for _ in 0..24 {
            limits.push(pace.limit());
            succeed(&mut pace, 1);
        }
        limits.dedup_by_key(|limit| *limit);
        assert_eq!(limits, [1, 2, 4, 8]);
        assert_eq!(
            (pace.room(now, 0), pace.room(now, 5), pace.room(now, 9)),
            (8, 3, 0)
        );
    }

    #[test]
    fn a_herd_that_is_refused_is_one_setback() {
        let now = Instant::now();
        let mut pace = pace();
        succeed(&mut pace, 7);
        let began = pace.epoch();
        for _ in 0..8 {
            pace.refused(began, now, None, 0.0);
        }
        assert_eq!((pace.limit(), pace.room(now, 0)), (1, 0));
        assert_eq!(pace.paused(now), Some(now + SECOND));
        // Nor do those that began before count as successes of the new start.
        pace.succeeded(began);
        assert_eq!(pace.limit(), 1);
        assert_eq!(pace.room(now + SECOND, 0), 1);
        assert_eq!(pace.room(now + SECOND, 1), 0);
    }

    #[test]
    fn pauses_grow_to_what_was_said() {
        let mut now = Instant::now();
        let mut pace = pace();
        let mut pauses = |pace: &mut Pace, said: Option<u64>, times| {
            let mut pauses = Vec::new();
            for _ in 0..times {
                pace.refused(pace.epoch(), now, said.map(Duration::from_secs), 0.0);
                let until = pace.paused(now).expect("a pause");
                pauses.push((until - now).as_secs());
                now = until;
            }
            pauses
        };
        assert_eq!(pauses(&mut pace, Some(30), 7), [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(pauses(&mut pace, Some(0), 2), [1, 1]);
        succeed(&mut pace, 1);
        let unsaid = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300];
        assert_eq!(pauses(&mut pace, None, 11), unsaid);
        assert_eq!(pauses(&mut pace, Some(86_400), 1), [300]);
    }

    #[test]
    fn failures_halve_and_then_pause() {
        let now = Instant::now();
        let mut pace = pace();
        succeed(&mut pace, 7);
        for limit in [4, 2, 1] {
            pace.failed(pace.epoch(), now, 0.0);
            assert_eq!((pace.limit(), pace.paused(now)), (limit, None));
        }
        pace.failed(pace.epoch(), now, 0.0);
        assert_eq!(pace.paused(now), Some(now + SECOND));
        pace.failed(pace.epoch(), now, 1.0);
        assert_eq!(pace.paused(now), Some(now + 2 * SECOND * 11 / 10));
        succeed(&mut pace, 1);
        assert_eq!(pace.limit(), 2);
    }

    #[derive(Clone, Copy, Debug)]
    enum Told {
        Begin,
        Success,
        Failure,
        Refusal(Option<u16>),
        Time(u16),
    }

    fn told() -> impl Strategy<Value = Told> {
        prop_oneof![
            4 => Just(Told::Begin),
            4 => Just(Told::Success),
            1 => Just(Told::Failure),
            1 => prop::option::of(0..400_u16).prop_map(Told::Refusal),
            2 => (0..400_u16).prop_map(Told::Time),
        ]
    }

    proptest! {
        /// Whatever comes, in whatever order: never more than may be, nothing in a pause, and no
        /// growth that successes of the same start have not earned.
        #[test]
        fn it_never_lets_out_more_than_was_earned(
            most in 1..12_usize,
            drawn in 0.0..=1.0_f64,
            story in prop::collection::vec(told(), 0..200),
        ) {
            let mut pace = Pace::new(most, BACKOFF);
            let mut now = Instant::now();
            let mut under_way: Vec<Epoch> = Vec::new();
            let mut earned = 1;
            for told in story {
                let limit = pace.limit();
                match told {
                    Told::Time(seconds) => now += Duration::from_secs(seconds.into()),
                    Told::Begin => {
                        let room = pace.room(now, under_way.len());
                        prop_assert!(room == 0 || pace.paused(now).is_none());
                        under_way.extend((0..room).map(|_| pace.epoch()));
                        prop_assert!(under_way.len() <= most);
                    }
                    _ if under_way.is_empty() => {}
                    Told::Success => {
                        let began = under_way.remove(0);
                        earned += usize::from(began == pace.epoch());
                        pace.succeeded(began);
                        prop_assert!(pace.limit() == limit || pace.limit() == most.min(2 * limit));
                    }
                    Told::Failure => {
                        let began = under_way.remove(0);
                        pace.failed(began, now, drawn);
                        prop_assert!(pace.limit() <= limit);
                    }
                    Told::Refusal(said) => {
                        let began = under_way.remove(0);
                        let fresh = began == pace.epoch();
                        let said = said.map(|said| Duration::from_secs(said.into()));
                        pace.refused(began, now, said, drawn);
                        if fresh {
                            prop_assert_eq!(pace.limit(), 1);
                            let until = pace.paused(now).expect("a pause");
                            prop_assert!(until - now >= SECOND);
                            prop_assert!(until - now <= BACKOFF.cap * 11 / 10);
                        }
                    }
                }
                if pace.limit() < limit {
                    earned = pace.limit();
                }
                prop_assert!((1..=most).contains(&pace.limit()));
                prop_assert!(pace.limit() <= earned);
            }
        }
    }
}
