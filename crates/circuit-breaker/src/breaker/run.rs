use super::{per_generation::PerGeneration, rules::Forgive};

/// How many failures there were in a row, or what is left of them.
#[derive(Debug)]
pub(crate) struct Run(PerGeneration);

impl Run {
    pub(crate) fn new() -> Self {
        Self(PerGeneration::new())
    }

    pub(crate) fn failures(&self, generation: u64) -> u32 {
        self.0.get(generation)
    }

    /// One more; gives how many that makes.
    pub(crate) fn fail(&self, generation: u64) -> u32 {
        let before = self.0.update(generation, |run| run.saturating_add(1));
        before.map_or(0, |before| before.saturating_add(1))
    }

    /// While all is well, this is only a load.
    #[inline]
    pub(crate) fn succeed(&self, generation: u64, forgive: Forgive) {
        if self.0.get(generation) > 0 {
            self.forgive(generation, forgive);
        }
    }

    #[cold]
    fn forgive(&self, generation: u64, forgive: Forgive) {
        self.0.update(generation, |run| match forgive {
            Forgive::All => 0,
            Forgive::One => run.saturating_sub(1),
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_success_forgives_all_or_one() {
        let run = Run::new();
        for _ in 0..3 {
            run.fail(1);
        }
        run.succeed(1, Forgive::One);
        assert_eq!(run.failures(1), 2);
        run.succeed(1, Forgive::All);
        assert_eq!(run.failures(1), 0);
        run.succeed(1, Forgive::One);
        assert_eq!(run.fail(1), 1);
    }
}
