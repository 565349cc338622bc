//! The last minutes, in steps of some seconds.

use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;

/// What came in each step of the last minutes.
#[derive(Debug)]
pub(super) struct History<const N: usize> {
    /// From the oldest to the newest.
    steps: VecDeque<Step<N>>,
    /// When the newest began.
    newest: Instant,
}

/// What came in one step, by what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step<const N: usize> {
    pub(super) counts: [u32; N],
    /// All that they took, taken together.
    pub(super) took: Duration,
    /// What the longest took.
    pub(super) longest: Duration,
}

impl<const N: usize> History<N> {
    pub(super) const STEP: Duration = Duration::from_secs(5);
    pub(super) const STEPS: usize = 60;

    pub(super) fn new() -> Self {
        Self {
            steps: vec![Step::EMPTY; Self::STEPS].into(),
            newest: Instant::now(),
        }
    }

    pub(super) fn put(&mut self, what: usize, took: Duration) {
        self.go_on();
        if let Some(step) = self.steps.back_mut() {
            step.counts[what] = step.counts[what].saturating_add(1);
            step.took = step.took.saturating_add(took);
            step.longest = step.longest.max(took);
        }
    }

    /// From the oldest to the newest, which has just begun.
    pub(super) fn steps(&mut self) -> impl Iterator<Item = &Step<N>> {
        self.go_on();
        self.steps.iter()
    }

    fn go_on(&mut self) {
        let now = Instant::now();
        let gone = now.saturating_duration_since(self.newest).as_nanos() / Self::STEP.as_nanos();
        let Ok(gone @ 1..) = u32::try_from(gone) else {
            return;
        };
        self.newest += Self::STEP * gone;
        for _ in 0..(gone as usize).min(Self::STEPS) {
            self.steps.pop_front();
            self.steps.push_back(Step::EMPTY);
        }
    }
}

impl<const N: usize> Step<N> {
    const EMPTY: Self = Self {
        counts: [0; N],
        took: Duration::ZERO,
        longest: Duration::ZERO,
    };

    /// What one took, on average.
    pub(super) fn mean(&self) -> Duration {
        let count: u32 = self
            .counts
            .iter()
            .fold(0, |sum, count| sum.saturating_add(*count));
        self.took.checked_div(count).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn what_is_old_is_forgotten() {
        let mut history = History::<2>::new();
        history.put(0, SECOND);
        history.put(1, 3 * SECOND);
        advance(History::<2>::STEP * 2).await;
        history.put(1, SECOND);
        let counts: Vec<_> = history.steps().map(|step| step.counts).collect();
        assert_eq!(counts.len(), History::<2>::STEPS);
        assert_eq!(counts[counts.len() - 3..], [[1, 1], [0, 0], [0, 1]]);
        let first = history.steps().find(|step| step.counts == [1, 1]).unwrap();
        assert_eq!((first.mean(), first.longest), (2 * SECOND, 3 * SECOND));

        advance(History::<2>::STEP * 1000).await;
        assert!(history.steps().all(|step| *step == Step::EMPTY));
        assert_eq!(history.steps().count(), History::<2>::STEPS);
    }
}
