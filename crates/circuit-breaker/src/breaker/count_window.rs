use super::{
    per_generation::PerGeneration,
    window::{Mark, Sums},
};

/// The last so-and-so many calls: a ring of one bit per call and kind.
///
/// It needs no clock and no lock. A call claims its place in the ring by moving the cursor on;
/// then, if the bit there is not what it should be, it is changed. Sums are only taken when
/// something went wrong.
///
/// Once as many calls in a row went well as the ring has places, one more such call would leave
/// the window as it is. So the cursor, which counts them, is not moved, and while all is well
/// a call does no more than load one word that nobody writes.
///
/// Between claiming a place and writing to it the writer may be held up. Until it goes on, the
/// place still says what it said a round earlier, and if the others get round the ring once in
/// that time, the late mark stands in for the newer one until the ring comes round to it again.
/// That is the price for having no lock: a mark in the window may be a round too old.
#[derive(Debug)]
pub(crate) struct CountWindow {
    size: u16,
    cursor: PerGeneration,
    failed: Box<[PerGeneration]>,
    slow: Box<[PerGeneration]>,
}

const BITS: u16 = 32;

impl CountWindow {
    /// Two rounds have to fit into 16 bits.
    pub(crate) const MAX_SIZE: u32 = 10_000;

    /// `size` is from 1 to the maximum. Whether calls are slow is only written down when asked
    /// for.
    pub(crate) fn new(size: u32, slow: bool) -> Self {
        let size = size.clamp(1, Self::MAX_SIZE) as u16;
        let ring = |bits: u16| (0..bits.div_ceil(BITS)).map(|_| PerGeneration::new());
        Self {
            size,
            cursor: PerGeneration::new(),
            failed: ring(size).collect(),
            slow: ring(if slow { size } else { 0 }).collect(),
        }
    }

    #[inline]
    pub(crate) fn record(&self, generation: u64, mark: Mark) {
        let cursor = Cursor::unpack(self.cursor.get(generation));
        if mark != Mark::GOOD || cursor.good < self.size {
            self.write(generation, mark);
        }
    }

    #[inline(never)]
    fn write(&self, generation: u64, mark: Mark) {
        let claimed = self.cursor.update(generation, |cursor| {
            Cursor::unpack(cursor).advance(self.size, mark).pack()
        });
        // A later generation has the window: this call is a straggler.
        let Some(cursor) = claimed else { return };
        let place = Cursor::unpack(cursor).calls % self.size;
        put(&self.failed, generation, place, mark.failed);
        put(&self.slow, generation, place, mark.slow);
    }

    pub(crate) fn sums(&self, generation: u64) -> Sums {
        let Cursor { calls, .. } = Cursor::unpack(self.cursor.get(generation));
        let count = |ring: &[PerGeneration]| {
            let ones = ring.iter().map(|bits| bits.get(generation).count_ones());
            ones.sum()
        };
        Sums {
            calls: calls.min(self.size).into(),
            failures: count(&self.failed),
            slow: count(&self.slow),
        }
    }
}

/// How far the window has come, in the 32 bits that belong to a generation.
#[derive(Clone, Copy)]
struct Cursor {
    /// The number of calls so far. When the ring is full it goes from one to two rounds and
    /// back, so that it says both the next place and whether the ring is full.
    calls: u16,
    /// How many of the latest calls went well, up to the size of the ring.
    good: u16,
}

impl Cursor {
    const fn unpack(bits: u32) -> Self {
        Self {
            calls: bits as u16,
            good: (bits >> 16) as u16,
        }
    }

    const fn pack(self) -> u32 {
        (self.good as u32) << 16 | self.calls as u32
    }

    fn advance(self, size: u16, mark: Mark) -> Self {
        let calls = self.calls + 1;
        Self {
            calls: if calls == 2 * size { size } else { calls },
            good: match mark {
                Mark::GOOD => (self.good + 1).min(size),
                _ => 0,
            },
        }
    }
}

fn put(ring: &[PerGeneration], generation: u64, place: u16, value: bool) {
    let Some(bits) = ring.get(usize::from(place / BITS)) else {
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
    fn while_all_is_well_nothing_is_written() {
        let window = CountWindow::new(60, true);
        let cursor = || window.cursor.get(1);
        for _ in 0..60 {
            let before = cursor();
            window.record(1, OK);
            assert_ne!(cursor(), before);
        }
        let full = cursor();
        window.record(1, OK);
        assert_eq!(cursor(), full);
        window.record(1, FAILED);
        // From here on it takes a round until all is well again.
        for _ in 0..60 {
            window.record(1, OK);
        }
        let full = cursor();
        window.record(1, OK);
        assert_eq!(cursor(), full);
        assert_eq!(window.sums(1).failures, 0);
    }

    #[test]
    fn the_largest_window_fits() {
        let window = CountWindow::new(CountWindow::MAX_SIZE, false);
        for n in 0..50_000 {
            window.record(1, Mark::new(n % 2 == 0, false));
        }
        let sums = window.sums(1);
        assert_eq!((sums.calls, sums.failures), (10_000, 5_000));
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
            calls in prop::collection::vec(
                (prop::bool::weighted(0.1), prop::bool::weighted(0.1), 0_u32..100),
                0..400,
            ),
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
