use super::{Breaker, Outcome, Pass, clock, ledger::Ledger, word::Word};
use crate::{Change, Reason, State, sync::update};
use std::{sync::atomic::Ordering::Relaxed, time::Duration};
use tokio::time::Instant;

/// How the state changes.
impl Breaker {
    /// (Closed | HalfOpen) => Open
    pub(super) fn trip(&self, pass: Pass, reason: Reason, outcome: Outcome, now: Instant) {
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
        let open_until = clock::nanos(now).saturating_add(clock::saturating(open_for));
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

    pub(super) fn change(
        &self,
        ledger: &mut Ledger,
        reason: Reason,
        to: impl Fn(Word) -> Option<Word>,
    ) {
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

    pub(super) fn announce(&self, ledger: &mut Ledger, word: Word, reason: Reason) {
        ledger.announce(Change::new(word.state(), reason, word.generation()));
    }
}
