use super::{
    per_generation::PerGeneration,
    window::{Mark, Sums},
};

/// The last so-and-so many calls: a ring of one bit per call and kind.
///
/// It needs no clock and no lock. A call claims its place in the ring by moving the cursor on;
/// then, if the bit there is not what it should be, it is changed. While all is well that is
/// one read-modify-write and a load. Sums are only taken when something went wrong.
///
/// Between claiming a place and writing to it the writer may be held up. Until it goes on, the
/// place still says what it said a round earlier, and if the others get round the ring once in
/// that time, the late mark stands in for a newer one. That is the price for having no lock: one
/// mark in the window may be a round old, none is lost or counted twice.
#[derive(Debug)]
pub(crate) struct CountWindow {
    size: u32,
    cursor: Cursor,
    failed: Box<[PerGeneration]>,
    slow: Box<[PerGeneration]>,
}

/// Written by every call, so it does not share a cache line with what is only read.
#[derive(Debug)]
#[repr(align(128))]
struct Cursor(PerGeneration);

const BITS: u32 = u32::BITS;

impl CountWindow {
    /// `size` is at least 1. Whether calls are slow is only written down when asked for.
    pub(crate) fn new(size: u32, slow: bool) -> Self {
        let ring = |bits: u32| (0..bits.div_ceil(BITS)).map(|_| PerGeneration::new());
        Self {
            size,
            cursor: Cursor(PerGeneration::new()),
            failed: ring(size).collect(),
            slow: ring(if slow { size } else { 0 }).collect(),
        }
    }

    #[inline]
    pub(crate) fn record(&self, generation: u64, mark: Mark) {
        // The number of calls so far, which once the ring is full goes from one to two rounds
        // and back, so that it says both the place and whether the ring is full.
        let claimed = self.cursor.0.update(generation, |calls| {
            let calls = calls + 1;
            if calls == 2 * self.size {
                self.size
            } else {
                calls
            }
        });
        // A later generation has the window: this call is a straggler.
        let Some(calls) = claimed else { return };
        let place = if calls < self.size {
            calls
        } else {
            calls - self.size
        };
        put(&self.failed, generation, place, mark.failed);
        put(&self.slow, generation, place, mark.slow);
    }

    pub(crate) fn sums(&self, generation: u64) -> Sums {
        let count = |ring: &[PerGeneration]| {
            let ones = ring.iter().map(|bits| bits.get(generation).count_ones());
            ones.sum()
        };
        Sums {
            calls: self.cursor.0.get(generation).min(self.size),
            failures: count(&self.failed),
            slow: count(&self.slow),
        }
    }
}

#[inline]
fn put(ring: &[PerGeneration], generation: u64, place: u32, value: bool) {
    let Some(bits) = ring.get((place / BITS) as usize) else {
        return;
    };
    let bit = 1 << (place % BITS);
    if (bits.get(generation) & bit != 0) != value {
        bits.update(
            generation,
            |bits| if value { bits | bit } else { bits & !bit },
        );
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    const OK: Mark = Mark::GOOD;
    const FAILED: Mark = Mark::new(true, false);

    #[test]
    fn it_slides() {
        let window = CountWindow::new(60, false);
        for _ in 0..10_000 {
            window.record(1, OK);
        }
        for failures in 1..=60 {
            window.record(1, FAILED);
            let sums = window.sums(1);
            assert_eq!((sums.calls, sums.failures), (60, failures));
        }
        window.record(1, OK);
        assert_eq!(window.sums(1).failures, 59);
    }

    #[test]
    fn it_is_empty_in_a_new_generation_and_ignores_the_old_one() {
        let window = CountWindow::new(40, true);
        for _ in 0..100 {
            window.record(1, Mark::new(true, true));
        }
        assert_eq!(window.sums(2), Sums::default());
        window.record(2, OK);
        window.record(1, Mark::new(true, true));
        let one_call = Sums {
            calls: 1,
            ..Sums::default()
        };
        assert_eq!(window.sums(2), one_call);
    }

    #[test]
    fn slow_calls_are_not_written_down_unless_asked_for() {
        let window = CountWindow::new(10, false);
        window.record(1, Mark::new(true, true));
        assert_eq!(window.sums(1).slow, 0);
    }

    proptest! {
        #[test]
        fn it_holds_what_a_plain_queue_holds(
            size in 1_u32..100,
            calls in prop::collection::vec((any::<bool>(), any::<bool>(), 0_u32..50), 0..400),
        ) {
            let window = CountWindow::new(size, true);
            let mut queue = VecDeque::new();
            let mut generation = 1;
            for (failed, slow, dice) in calls {
                if dice == 0 {
                    generation += 1;
                    queue.clear();
                }
                window.record(generation, Mark::new(failed, slow));
                queue.push_back((failed, slow));
                if queue.len() > size as usize {
                    queue.pop_front();
                }
                let sums = window.sums(generation);
                prop_assert_eq!(sums.calls as usize, queue.len());
                prop_assert_eq!(sums.failures as usize, queue.iter().filter(|c| c.0).count());
                prop_assert_eq!(sums.slow as usize, queue.iter().filter(|c| c.1).count());
            }
        }
    }
}
