use super::{
    clock,
    window::{Mark, Sums},
};
use crate::sync::{AtomicU64, update};
use std::{sync::atomic::Ordering::Acquire, time::Duration};

/// The calls of the last so-and-so many seconds, in ten buckets of one word each.
///
/// A bucket is reused when the time comes round to it again, and says itself to which round and
/// generation it belongs, so that nobody has to clear it. The window slides by a bucket: it holds
/// the calls of the last nine to ten tenths of its span.
#[derive(Debug)]
pub(crate) struct TimeWindow {
    /// The span of one bucket, in nanoseconds.
    width: i64,
    buckets: [AtomicU64; BUCKETS as usize],
}

const BUCKETS: i64 = 10;

impl TimeWindow {
    pub(crate) fn new(span: Duration) -> Self {
        Self {
            width: (clock::saturating(span) / BUCKETS).max(1),
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    pub(crate) fn record(&self, generation: u64, mark: Mark, now: i64) {
        let tick = now.div_euclid(self.width);
        let Some(bucket) = self.buckets.get(place(tick)) else {
            return;
        };
        let tag = Tag::new(generation, tick);
        update(bucket, |bits| {
            let bucket = Bucket(bits);
            if bucket.tag() == tag {
                Some(bucket.add(mark).0)
            } else if bucket.tag().is_just_after(tag) {
                // Another thread has gone on to the next round, or this call is a straggler.
                None
            } else {
                Some(Bucket::empty(tag).add(mark).0)
            }
        });
    }

    pub(crate) fn sums(&self, generation: u64, now: i64) -> Sums {
        let last = now.div_euclid(self.width);
        let ticks = (last - BUCKETS + 1)..=last;
        ticks.fold(Sums::default(), |sums, tick| {
            let bits = self.buckets.get(place(tick)).map(|b| b.load(Acquire));
            match bits.map(Bucket) {
                Some(bucket) if bucket.tag() == Tag::new(generation, tick) => Sums {
                    calls: sums.calls + bucket.get(CALLS_AT),
                    failures: sums.failures + bucket.get(FAILURES_AT),
                    slow: sums.slow + bucket.get(SLOW_AT),
                },
                _ => sums,
            }
        })
    }
}

const fn place(tick: i64) -> usize {
    tick.rem_euclid(BUCKETS) as usize
}

/// Three counts and the tag they belong to.
#[derive(Clone, Copy)]
struct Bucket(u64);

const COUNT_BITS: u32 = 12;
const CALLS_AT: u32 = 0;
const FAILURES_AT: u32 = COUNT_BITS;
const SLOW_AT: u32 = 2 * COUNT_BITS;
const TAG_AT: u32 = 3 * COUNT_BITS;
const FULL: u32 = (1 << COUNT_BITS) - 1;

impl Bucket {
    const fn empty(tag: Tag) -> Self {
        Self((tag.0 as u64) << TAG_AT)
    }

    const fn tag(self) -> Tag {
        Tag((self.0 >> TAG_AT) as u32)
    }

    const fn get(self, at: u32) -> u32 {
        (self.0 >> at) as u32 & FULL
    }

    fn add(self, mark: Mark) -> Self {
        let mut counts = [CALLS_AT, FAILURES_AT, SLOW_AT].map(|at| self.get(at));
        if counts[0] == FULL {
            // Halving them all keeps the rates, which is what the counts are for.
            counts = counts.map(|count| count / 2);
        }
        let marks = [true, mark.failed, mark.slow];
        let added = counts.into_iter().zip(marks).rev();
        let counts = added.fold(0, |word, (count, marked)| {
            word << COUNT_BITS | u64::from(count + u32::from(marked))
        });
        Self(Self::empty(self.tag()).0 | counts)
    }
}

/// A generation and a round, as far as 28 bits hold them.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Tag(u32);

const ROUND_BITS: u32 = 18;
const GENERATION_BITS: u32 = 10;

impl Tag {
    const fn new(generation: u64, tick: i64) -> Self {
        let round = tick.div_euclid(BUCKETS) as u32 & mask(ROUND_BITS);
        Self((generation as u32 & mask(GENERATION_BITS)) << ROUND_BITS | round)
    }

    /// Whether a writer who brings `other` comes a little too late.
    ///
    /// Anything further apart is a bucket that nobody has touched for long, whose tag may by now
    /// look like one from the future. Taking only a small step for "later" makes sure that such
    /// a bucket comes back into use.
    const fn is_just_after(self, other: Self) -> bool {
        let generations = (self.0 >> ROUND_BITS).wrapping_sub(other.0 >> ROUND_BITS);
        let rounds = self.0.wrapping_sub(other.0) & mask(ROUND_BITS);
        match generations & mask(GENERATION_BITS) {
            0 => 0 < rounds && rounds <= 2,
            ahead => ahead <= 64,
        }
    }
}

const fn mask(bits: u32) -> u32 {
    (1 << bits) - 1
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OK: Mark = Mark::GOOD;
    const FAILED: Mark = Mark::new(true, false);
    const SECOND: i64 = 1_000_000_000;

    fn window() -> TimeWindow {
        TimeWindow::new(Duration::from_secs(60))
    }

    #[test]
    fn calls_leave_it_with_time() {
        let window = window();
        for second in 0..60 {
            window.record(1, FAILED, second * SECOND);
        }
        assert_eq!(window.sums(1, 59 * SECOND).failures, 60);
        assert_eq!(window.sums(1, 60 * SECOND).failures, 54);
        assert_eq!(window.sums(1, 90 * SECOND).failures, 24);
        assert_eq!(window.sums(1, 120 * SECOND), Sums::default());
    }

    #[test]
    fn an_idle_hour_leaves_nothing_behind() {
        let window = window();
        window.record(1, FAILED, -3600 * SECOND);
        window.record(1, OK, 0);
        let sums = window.sums(1, 0);
        assert_eq!((sums.calls, sums.failures), (1, 0));
    }

    #[test]
    fn a_straggler_writes_to_no_later_generation_or_round() {
        let window = window();
        window.record(2, OK, 0);
        window.record(1, FAILED, 0);
        let sums = window.sums(2, 0);
        assert_eq!((sums.calls, sums.failures), (1, 0));
        window.record(2, OK, 60 * SECOND);
        window.record(2, FAILED, 0);
        let sums = window.sums(2, 60 * SECOND);
        assert_eq!((sums.calls, sums.failures), (1, 0));
    }

    #[test]
    fn a_bucket_whose_tag_has_wrapped_comes_back_into_use() {
        let window = window();
        // Half of all rounds away, where later and earlier can't be told apart.
        for rounds in [1 << 17, (1 << 17) + 1, (1 << 18) - 3] {
            window.record(1, FAILED, 0);
            let later = rounds * 60 * SECOND;
            window.record(1, OK, later);
            let sums = window.sums(1, later);
            assert_eq!((sums.calls, sums.failures), (1, 0));
        }
    }

    #[test]
    fn a_full_bucket_keeps_its_rates() {
        let window = window();
        for call in 0..100_000 {
            window.record(1, Mark::new(call % 4 == 0, call % 2 == 0), 0);
        }
        let sums = window.sums(1, 0);
        assert!(sums.calls > FULL / 2);
        let failed = f64::from(sums.failures) / f64::from(sums.calls);
        let slow = f64::from(sums.slow) / f64::from(sums.calls);
        assert!((failed - 0.25).abs() < 0.01, "{failed}");
        assert!((slow - 0.5).abs() < 0.01, "{slow}");
    }

    proptest! {
        #[test]
        fn it_holds_the_calls_of_the_last_ten_buckets(
            calls in prop::collection::vec((any::<bool>(), 0_i64..20), 0..200),
            start in -1_000_i64..1_000,
        ) {
            let window = window();
            let mut all = Vec::new();
            let mut now = start * SECOND;
            for (failed, pause) in calls {
                now += pause * SECOND;
                window.record(1, Mark::new(failed, false), now);
                all.push((now.div_euclid(6 * SECOND), failed));
                let tick = now.div_euclid(6 * SECOND);
                let recent = all.iter().filter(|(at, _)| *at > tick - 10);
                let sums = window.sums(1, now);
                prop_assert_eq!(sums.calls as usize, recent.clone().count());
                prop_assert_eq!(sums.failures as usize, recent.filter(|(_, bad)| *bad).count());
            }
        }
    }
}
