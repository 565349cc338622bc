//! The breaker itself, without a service around it. The time is an argument; where a healthy call
//! comes by it is a closure, because reading the clock costs more than all else there.

mod change;
mod clock;
mod count_window;
mod ledger;
#[cfg(all(test, loom))]
mod loom;
#[cfg(all(test, not(loom)))]
mod model;
mod owner;
mod per_generation;
mod rules;
mod run;
mod settle;
#[cfg(all(test, not(loom)))]
mod tests;
mod time_window;
mod window;
mod word;

pub(crate) use self::{
    clock::{nanos, saturating},
    count_window::CountWindow,
    owner::Owner,
    rules::{Forgive, Rate, Rules, SlowRule, WindowRule},
    word::Word,
};

use self::{
    clock::until,
    ledger::Ledger,
    run::Run,
    window::{Sums, Window},
};
use crate::{
    Counts, Reason, State,
    sync::{AtomicI64, AtomicU64, Mutex, MutexGuard, lock},
};
use std::{
    fmt,
    sync::atomic::Ordering::{AcqRel, Acquire, Relaxed},
    time::Duration,
};
use tokio::time::Instant;

/// One breaker.
///
/// Its state is one [`Word`]; a call that is let in takes the word's generation along as its
/// [`Pass`], and an outcome whose generation is over is ignored. Closed, a call loads the word and
/// later puts its outcome into the window. All changes of state but one are made under the lock of
/// the ledger; going half-open is a compare-and-swap, since that is where a crowd may stand.
pub struct Breaker {
    rules: Rules,
    word: AtomicU64,
    /// While open: until when, see [`nanos`].
    open_until: AtomicI64,
    /// While half-open: when the latest probe left.
    probed_at: AtomicI64,
    run: Run,
    window: Window,
    ledger: Mutex<Ledger>,
}

/// The generation in which a call was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pass(u64);

impl Pass {
    /// For a call that no breaker has let in.
    pub(crate) const NONE: Self = Self(u64::MAX);
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    /// The service is to blame. It may have asked for a wait.
    Failure(Option<Duration>),
    /// Nothing that speaks about the service's health: given up by its caller, or a failure that
    /// somebody else is to blame for.
    Unknown,
}

/// A call is not let in. How long it should wait, where that is known.
pub(crate) type Refused = Option<Duration>;

impl Breaker {
    fn new(rules: Rules, seed: Option<u64>) -> Self {
        Self {
            rules,
            word: AtomicU64::new(Word::from_bits(0).bits()),
            open_until: AtomicI64::new(0),
            probed_at: AtomicI64::new(0),
            run: Run::new(),
            window: Window::new(rules.window, rules.slow.is_some()),
            ledger: Mutex::new(Ledger::new(0, seed)),
        }
    }

    #[inline]
    pub(crate) fn word(&self) -> Word {
        Word::from_bits(self.word.load(Acquire))
    }

    /// Whether a call would be let in at this moment.
    #[inline]
    pub(crate) fn peek(&self, now: impl FnOnce() -> Instant) -> Result<(), Refused> {
        let word = self.word();
        match word.state() {
            State::Closed => Ok(()),
            _ => self.peek_probe(word, now),
        }
    }

    #[inline(never)]
    fn peek_probe(&self, word: Word, now: impl FnOnce() -> Instant) -> Result<(), Refused> {
        self.room(word, nanos(now()))
    }

    /// Lets a call in. A probe has taken its place with this; its outcome, also the
    /// [unknown](Outcome::Unknown) one, gives it back.
    #[inline]
    pub(crate) fn admit(&self, now: impl FnOnce() -> Instant) -> Result<Pass, Refused> {
        let word = self.word();
        match word.state() {
            State::Closed => Ok(Pass(word.generation())),
            _ => self.admit_probe(word, now),
        }
    }

    #[inline(never)]
    fn admit_probe(&self, mut word: Word, now: impl FnOnce() -> Instant) -> Result<Pass, Refused> {
        let now = nanos(now());
        loop {
            self.room(word, now)?;
            let next = match word.state() {
                State::Closed | State::Isolated => return Ok(Pass(word.generation())),
                // Open => HalfOpen
                State::Open => word.next(State::HalfOpen).lend(),
                State::HalfOpen => word.lend(),
            };
            // Before the word: whoever finds this place taken must see since when.
            self.probed_at.store(now, Relaxed);
            let changed = self
                .word
                .compare_exchange(word.bits(), next.bits(), AcqRel, Acquire);
            match changed {
                Ok(_) => {
                    if next.generation() != word.generation() {
                        self.amend(|ledger| change::announce(ledger, next, Reason::Probing));
                    }
                    return Ok(Pass(next.generation()));
                }
                Err(bits) => word = Word::from_bits(bits),
            }
        }
    }

    fn room(&self, word: Word, now: i64) -> Result<(), Refused> {
        match word.state() {
            State::Closed => Ok(()),
            State::Isolated => Err(None),
            State::Open => match until(self.open_until.load(Relaxed), now) {
                None => Ok(()),
                wait => Err(wait),
            },
            State::HalfOpen if word.probes() < self.rules.probes => Ok(()),
            State::HalfOpen => {
                let lease_ends = self
                    .probed_at
                    .load(Relaxed)
                    .saturating_add(self.rules.lease);
                let may_lend = lease_ends <= now && word.probes() < Word::MAX_PROBES;
                // A probe may end at any moment, so there is no telling how long to wait.
                if may_lend { Ok(()) } else { Err(None) }
            }
        }
    }

    /// Whether calls have to be timed.
    #[inline]
    pub(crate) const fn times_calls(&self) -> bool {
        self.rules.slow.is_some()
    }

    /// Whether a call that began at `start`, as [`nanos`], has taken too long.
    pub(crate) fn is_slow(&self, start: i64, now: Instant) -> bool {
        let took = nanos(now).saturating_sub(start);
        self.rules.slow.is_some_and(|slow| took >= slow.after)
    }

    pub(crate) fn counts(&self, now: Instant) -> Counts {
        let opened = self.ledger().opened();
        let word = self.word();
        let Sums {
            calls,
            failures,
            slow,
        } = self.window.sums(word.generation(), now);
        Counts {
            calls,
            failures,
            slow,
            consecutive_failures: self.run.failures(word.generation()),
            probes: word.probes(),
            successes: word.successes(),
            opened,
        }
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word();
        f.debug_struct("Breaker")
            .field("state", &word.state())
            .field("generation", &word.generation())
            .finish_non_exhaustive()
    }
}
