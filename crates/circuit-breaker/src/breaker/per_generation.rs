use crate::sync::{AtomicU64, update};
use std::sync::atomic::Ordering::Acquire;

/// A number that belongs to one generation: in every later one it reads as zero.
///
/// So nobody has to clear it when a generation begins, and a call from an earlier one can't
/// touch it: the generation, as far as 32 bits hold it, and the number share one word.
#[derive(Debug)]
pub(crate) struct PerGeneration(AtomicU64);

impl PerGeneration {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// The number as this generation sees it.
    #[inline]
    pub(crate) fn get(&self, generation: u64) -> u32 {
        read(self.0.load(Acquire), generation).unwrap_or(0)
    }

    /// Changes the number and gives what it was before, unless a later generation has it now.
    #[inline]
    pub(crate) fn update(&self, generation: u64, f: impl Fn(u32) -> u32) -> Option<u32> {
        let before = update(&self.0, |word| {
            let number = read(word, generation)?;
            Some(u64::from(generation as u32) << 32 | u64::from(f(number)))
        })?;
        read(before, generation)
    }
}

/// Zero when an earlier generation wrote it, nothing when a later one did.
///
/// A straggler comes a few generations late at most. Taking only that for "later" keeps a word
/// usable that was left alone until its 32 bits have come round.
#[inline]
fn read(word: u64, generation: u64) -> Option<u32> {
    let written_in = (word >> 32) as u32;
    match written_in.wrapping_sub(generation as u32) {
        0 => Some(word as u32),
        1..=1024 => None,
        _ => Some(0),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn reads_as_zero_in_a_later_generation() {
        let number = PerGeneration::new();
        assert_eq!(number.update(1, |n| n + 7), Some(0));
        assert_eq!(number.get(1), 7);
        assert_eq!(number.get(2), 0);
        assert_eq!(number.update(2, |n| n + 1), Some(0));
        assert_eq!(number.get(2), 1);
    }

    #[test]
    fn a_straggler_changes_nothing() {
        let number = PerGeneration::new();
        number.update(5, |_| 3);
        assert_eq!(number.update(4, |n| n + 1), None);
        assert_eq!(number.get(5), 3);
    }

    #[test]
    fn generations_may_wrap() {
        let number = PerGeneration::new();
        let last = u64::from(u32::MAX);
        for long_ago in [2000, 1 << 30, 1 << 31, last - 2000] {
            number.update(long_ago, |_| 9);
            assert_eq!(number.update(last, |n| n + 3), Some(0));
            assert_eq!(number.get(last), 3);
        }
        assert_eq!(number.update(last + 1, |n| n + 1), Some(0));
        assert_eq!(number.update(last, |n| n + 1), None);
        assert_eq!(number.get(last + 1), 1);
    }
}
