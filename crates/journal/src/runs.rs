use crate::{Digest, Step};
use buttress_core::Session;
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Which records each run has been given: of requests that are the same, at the same step, the
/// first gets the first record, the second the second.
///
/// It is kept in memory. When it is lost, or another gateway's, a run that asks the same again is
/// given an answer again that it had before, and nothing is paid twice.
#[derive(Debug, Default)]
pub(crate) struct Runs(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    runs: HashMap<Name, Run>,
    /// How often a run was asked for: the one that was not for the longest time is forgotten.
    asked: u64,
}

#[derive(Debug, Default)]
struct Run {
    last: u64,
    uses: HashMap<(Step, Digest), Uses>,
}

/// Of a session.
type Name = (Arc<str>, Arc<str>);

/// How many runs are kept, and how many different requests of each.
const RUNS: usize = 1024;
const REQUESTS: usize = 16_384;

#[derive(Debug, Default)]
struct Uses {
    /// Those from here on are not used.
    next: u32,
    /// Nor are these.
    free: BTreeSet<u32>,
}

impl Uses {
    fn take(&mut self) -> u32 {
        self.free.pop_first().unwrap_or_else(|| {
            self.next = self.next.saturating_add(1);
            self.next - 1
        })
    }

    fn release(&mut self, nth: u32) {
        self.free.insert(nth);
        while self.next > 0 && self.free.remove(&(self.next - 1)) {
            self.next -= 1;
        }
    }

    fn mark(&mut self, nth: u32) {
        while self.next <= nth {
            self.free.insert(self.next);
            self.next += 1;
        }
        self.free.remove(&nth);
    }
}

impl Runs {
    /// Takes the first record that this run has not been given. Nothing when it was not named.
    pub(crate) fn take(
        self: &Arc<Self>,
        session: &Session,
        step: Step,
        digest: Digest,
    ) -> Option<Use> {
        let name = (Arc::clone(session.id()), session.given_run()?.clone());
        let request = (step, digest);
        let nth = {
            let mut kept = self.kept();
            kept.asked += 1;
            let last = kept.asked;
            if !kept.runs.contains_key(&name) && kept.runs.len() >= RUNS {
                let oldest = kept.runs.iter().min_by_key(|(_, run)| run.last);
                let oldest = oldest.map(|(name, _)| name.clone());
                oldest.and_then(|oldest| kept.runs.remove(&oldest));
            }
            let run = kept.runs.entry(name.clone()).or_default();
            run.last = last;
            if run.uses.len() >= REQUESTS {
                run.uses.clear();
            }
            run.uses.entry(request).or_default().take()
        };
        Some(Use {
            runs: Arc::clone(self),
            name,
            request,
            nth: Some(nth),
        })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A panic can't leave a number half taken.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One record that a run is about to be given. Unless it [is](Self::settle), it is free again.
#[derive(Debug)]
pub(crate) struct Use {
    runs: Arc<Runs>,
    name: Name,
    request: (Step, Digest),
    /// Nothing once it is settled.
    nth: Option<u32>,
}

impl Use {
    pub(crate) fn nth(&self) -> u32 {
        self.nth.unwrap_or_default()
    }

    /// The run was given the record at this place.
    pub(crate) fn settle(mut self, given: u32) {
        let taken = self.nth.take();
        if taken != Some(given) {
            self.change(|uses| {
                uses.mark(given);
                if let Some(taken) = taken {
                    uses.release(taken);
                }
            });
        }
    }

    fn change(&self, change: impl FnOnce(&mut Uses)) {
        let mut kept = self.runs.kept();
        let run = kept.runs.get_mut(&self.name);
        if let Some(uses) = run.and_then(|run| run.uses.get_mut(&self.request)) {
            change(uses);
        }
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        if let Some(nth) = self.nth.take() {
            self.change(|uses| uses.release(nth));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(runs: &Arc<Runs>, run: &str) -> Use {
        let session = Session::new("s").unwrap().run(run).unwrap();
        let digest = Digest::from_bytes([0; 32]);
        runs.take(&session, Step::Derived(1), digest).unwrap()
    }

    #[test]
    fn each_run_begins_with_the_first() {
        let runs = Arc::default();
        for run in ["a", "b"] {
            for nth in 0..3 {
                let taken = taken(&runs, run);
                assert_eq!(taken.nth(), nth);
                taken.settle(nth);
            }
        }
    }

    #[test]
    fn what_was_not_given_is_free_again() {
        let runs = Arc::default();
        let (first, second) = (taken(&runs, "a"), taken(&runs, "a"));
        assert_eq!((first.nth(), second.nth()), (0, 1));
        drop(first);
        // It was recorded before the other one, which failed.
        second.settle(0);
        let third = taken(&runs, "a");
        assert_eq!(third.nth(), 1);
        third.settle(4);
        assert_eq!(taken(&runs, "a").nth(), 1);
    }

    #[test]
    fn runs_are_bounded() {
        let runs: Arc<Runs> = Arc::default();
        for run in 0..=RUNS {
            let taken = taken(&runs, &run.to_string());
            taken.settle(0);
        }
        assert_eq!(runs.kept().runs.len(), RUNS);
        assert_eq!(taken(&runs, &RUNS.to_string()).nth(), 1);
        assert_eq!(taken(&runs, "0").nth(), 0);
    }
}
