//! The breaker itself, without a service around it. The time is an argument; where a healthy call
//! comes by it is a closure, because reading the clock costs more than all else there.

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
#[cfg(all(test, not(loom)))]
mod tests;
mod time_window;
mod window;
mod word;

pub(crate) use self::{
    clock::{nanos, saturating},
    owner::Owner,
    rules::{Forgive, Rate, Rules, SlowRule, WindowRule},
    word::Word,
};

use self::{
    clock::until,
    ledger::Ledger,
    run::Run,
    window::{Mark, Sums, Window},
};
use crate::{
    Change, Counts, Reason, State,
    sync::{AtomicI64, AtomicU64, Mutex, MutexGuard, lock, update},
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

/// Why there is room for a probe.
enum Room {
    Free,
    /// All places are taken, the last of them at this moment, which was long ago.
    Overdue(i64),
}

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
        self.room(word, nanos(now())).map(|_| ())
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
            match self.room(word, now)? {
                Room::Free => self.probed_at.store(now, Relaxed),
                Room::Overdue(since) => {
                    let claimed = self.probed_at.compare_exchange(since, now, AcqRel, Relaxed);
                    if claimed.is_err() {
                        // Another call has taken the one place that fell due.
                        word = self.word();
                        continue;
                    }
                }
            }
            let next = match word.state() {
                // Open => HalfOpen
                State::Open => word.next(State::HalfOpen).lend(),
                State::HalfOpen => word.lend(),
                State::Closed | State::Isolated => word,
            };
            let changed = self
                .word
                .compare_exchange(word.bits(), next.bits(), AcqRel, Acquire);
            match changed {
                Ok(_) => {
                    if next.generation() != word.generation() {
                        self.announce(&mut self.ledger(), next, Reason::Probing);
                    }
                    return Ok(Pass(next.generation()));
                }
                Err(bits) => word = Word::from_bits(bits),
            }
        }
    }

    fn room(&self, word: Word, now: i64) -> Result<Room, Refused> {
        match word.state() {
            State::Closed => Ok(Room::Free),
            State::Isolated => Err(None),
            State::Open => match until(self.open_until.load(Relaxed), now) {
                None => Ok(Room::Free),
                wait => Err(wait),
            },
            State::HalfOpen if word.probes() < self.rules.probes => Ok(Room::Free),
            State::HalfOpen => {
                let since = self.probed_at.load(Acquire);
                match until(since.saturating_add(self.rules.lease), now) {
                    None if word.probes() < Word::MAX_PROBES => Ok(Room::Overdue(since)),
                    wait => Err(wait),
                }
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

    /// Hears of a call that was let in and went well, and was not slow: the healthy path.
    #[inline(never)]
    pub(crate) fn succeed(&self, pass: Pass, now: impl FnOnce() -> Instant) {
        let word = self.word();
        if word.state() == State::Closed && word.generation() == pass.0 {
            self.run.succeed(pass.0, self.rules.forgive);
            self.window.succeed(pass.0, now);
        } else {
            self.settle(pass, Outcome::Success, false, now());
        }
    }

    /// Hears how a call that was let in has ended, and whether it was slow.
    #[inline(never)]
    pub(crate) fn settle(&self, pass: Pass, outcome: Outcome, slow: bool, now: Instant) {
        let word = self.word();
        if word.generation() != pass.0 {
            // A straggler: what it says is about a time that is over.
            return;
        }
        match word.state() {
            State::Closed if outcome == Outcome::Unknown && !slow => {}
            State::Closed => self.weigh(pass, outcome, slow, now),
            State::HalfOpen => self.settle_probe(pass, outcome, slow, now),
            // No call is let in in these.
            State::Open | State::Isolated => {}
        }
    }

    /// Closed => (Closed | Open), when something was wrong with a call.
    fn weigh(&self, pass: Pass, outcome: Outcome, slow: bool, now: Instant) {
        let rules = &self.rules;
        let (failed, run) = match outcome {
            Outcome::Failure(_) => (true, self.run.fail(pass.0)),
            Outcome::Success => {
                self.run.succeed(pass.0, rules.forgive);
                (false, 0)
            }
            Outcome::Unknown => (false, 0),
        };
        let sums = self.window.record(pass.0, Mark::new(failed, slow), now);

        let enough = sums.calls >= rules.min_calls;
        let reached = |rate: Rate, part| enough && rate.is_reached(part, sums.calls);
        let reason = if failed && rules.run.is_some_and(|limit| run >= limit) {
            Reason::ConsecutiveFailures
        } else if failed
            && rules
                .failure_rate
                .is_some_and(|rate| reached(rate, sums.failures))
        {
            Reason::FailureRate
        } else if slow && rules.slow.is_some_and(|slow| reached(slow.rate, sums.slow)) {
            Reason::SlowRate
        } else {
            return;
        };
        self.trip(pass, reason, outcome, now);
    }

    /// HalfOpen => (HalfOpen | Open | Closed)
    fn settle_probe(&self, pass: Pass, outcome: Outcome, slow: bool, now: Instant) {
        match outcome {
            Outcome::Failure(_) => self.trip(pass, Reason::ProbeFailed, outcome, now),
            _ if slow => self.trip(pass, Reason::ProbeFailed, outcome, now),
            Outcome::Success => {
                let mut ledger = self.ledger();
                self.change(&mut ledger, Reason::ProbesSucceeded, |word| {
                    let back = word.give_back();
                    if word.generation() != pass.0 {
                        None
                    } else if back.successes() + 1 < self.rules.successes {
                        Some(back.succeed())
                    } else {
                        Some(word.next(State::Closed))
                    }
                });
            }
            Outcome::Unknown => {
                let _ = update(&self.word, |bits| {
                    let word = Word::from_bits(bits);
                    (word.generation() == pass.0).then(|| word.give_back().bits())
                });
            }
        }
    }

    /// (Closed | HalfOpen) => Open
    fn trip(&self, pass: Pass, reason: Reason, outcome: Outcome, now: Instant) {
        let asked = match outcome {
            Outcome::Failure(asked) => asked,
            Outcome::Success | Outcome::Unknown => None,
        };
        let mut ledger = self.ledger();
        let word = self.word();
        // Out of these two states nobody gets without the lock: what holds here stays so.
        if word.generation() == pass.0 {
            let reopening = word.state() == State::HalfOpen;
            self.open(&mut ledger, reason, reopening, asked, now);
        }
    }

    fn open(
        &self,
        ledger: &mut Ledger,
        reason: Reason,
        reopening: bool,
        asked: Option<Duration>,
        now: Instant,
    ) {
        let open_for = ledger.open_time(&self.rules, reopening, asked);
        let open_until = nanos(now).saturating_add(saturating(open_for));
        // Before the state: whoever sees that it is open must see until when.
        self.open_until.store(open_until, Relaxed);
        self.change(ledger, reason, |word| Some(word.next(State::Open)));
    }

    pub(crate) fn force_open(&self, now: Instant) {
        self.open(&mut self.ledger(), Reason::Manual, false, None, now);
    }

    pub(crate) fn force(&self, state: State) {
        self.change(&mut self.ledger(), Reason::Manual, |word| {
            Some(word.next(state))
        });
    }

    pub(crate) fn reset(&self) {
        let mut ledger = self.ledger();
        ledger.forget_opened();
        self.change(&mut ledger, Reason::Manual, |word| {
            Some(word.next(State::Closed))
        });
    }

    fn change(&self, ledger: &mut Ledger, reason: Reason, to: impl Fn(Word) -> Option<Word>) {
        let mut next = None;
        let before = update(&self.word, |bits| {
            next = to(Word::from_bits(bits));
            next.map(Word::bits)
        });
        if let (Some(before), Some(next)) = (before, next)
            && next.generation() != Word::from_bits(before).generation()
        {
            self.announce(ledger, next, reason);
        }
    }

    fn announce(&self, ledger: &mut Ledger, word: Word, reason: Reason) {
        ledger.announce(Change::new(word.state(), reason, word.generation()));
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
