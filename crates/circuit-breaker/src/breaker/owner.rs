use super::{Breaker, Rules, ledger::Ledger};
use crate::{Reason, State};
use buttress_core::recycle::{FreeList, Owned, Recycle};
use std::fmt;

/// Whoever keeps a breaker alive: layers, services and handles share one of these.
///
/// Calls in flight do not. They hold the breaker itself, which goes on to serve another owner
/// when this one is gone; the generation in their [`Pass`](super::Pass) keeps them out of that.
pub(crate) struct Owner(Owned<Breaker>);

impl Owner {
    pub(crate) fn new(rules: Rules, seed: Option<u64>) -> Self {
        Self(Owned::claim(&Spec { rules, seed }))
    }

    pub(crate) const fn breaker(&self) -> &'static Breaker {
        self.0.block()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let watchers = self.0.ledger().close();
        // The lock is free again: a watcher may be woken right here.
        drop(watchers);
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.breaker().fmt(f)
    }
}

#[derive(Debug)]
pub struct Spec {
    rules: Rules,
    seed: Option<u64>,
}

static FREE: FreeList<Breaker> = FreeList::new();

/// A breaker only ever serves owners with the same rules, so that these need no protection. The
/// memory that this takes is bounded by the breakers alive at the same time, for each set of
/// rules that was ever in use.
impl Recycle for Breaker {
    type Spec = Spec;

    fn free_list() -> &'static FreeList<Self> {
        &FREE
    }

    fn create(spec: &Spec) -> Self {
        Self::new(spec.rules, spec.seed)
    }

    fn fits(&self, spec: &Spec) -> bool {
        self.rules == spec.rules
    }

    fn renew(&self, spec: &Spec) {
        let mut ledger = self.ledger();
        // Nobody watches: the owner before has sent them home.
        let _ = self.change(&mut ledger, Reason::Created, |word| {
            Some(word.next(State::Closed))
        });
        *ledger = Ledger::new(self.word().generation(), spec.seed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{super::Outcome, *};
    use crate::Settings;
    use tokio::time::Instant;

    #[test]
    fn a_call_of_the_owner_before_says_nothing_to_the_next_one() {
        // Rules of its own, so that no other test gets at this breaker.
        let rules = Settings::standard().consecutive_failures(77).rules();
        let first = Owner::new(rules, None);
        let breaker = first.breaker();
        breaker.force_open(Instant::now());
        breaker.force(State::Closed);
        let late = breaker.admit(Instant::now).unwrap();
        let watch = breaker.ledger().watch();
        drop(first);
        assert!(watch.has_changed().is_err(), "nobody is left to watch");

        let second = Owner::new(rules, None);
        assert!(std::ptr::eq(second.breaker(), breaker));
        assert_eq!(breaker.counts(Instant::now()).opened, 0);
        breaker.settle(late, Outcome::Failure(None), false, Instant::now());
        assert_eq!(breaker.counts(Instant::now()).failures, 0);

        let other = Settings::standard().consecutive_failures(78).rules();
        let third = Owner::new(other, None);
        assert!(!std::ptr::eq(third.breaker(), breaker));
    }
}
