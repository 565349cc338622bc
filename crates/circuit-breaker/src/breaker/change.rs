use super::{
    Breaker, Outcome, Pass, clock,
    ledger::{Ledger, News},
    word::Word,
};
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
        self.amend(|ledger| {
            let word = self.word();
            if word.generation() != pass.0 {
                return None;
            }
            // Out of these two states nobody gets without the lock: what holds here stays so.
            let reopening = word.state() == State::HalfOpen;
            self.open(ledger, reason, reopening, asked, now)
        });
    }

    fn open(
        &self,
        ledger: &mut Ledger,
        reason: Reason,
        reopening: bool,
        asked: Option<Duration>,
        now: Instant,
    ) -> Option<News> {
        let open_for = ledger.open_time(&self.rules, reopening, asked);
        let open_until = clock::nanos(now).saturating_add(clock::saturating(open_for));
        // Before the state: whoever sees that it is open must see until when.
        self.open_until.store(open_until, Relaxed);
        self.change(ledger, reason, |word| Some(word.next(State::Open)))
    }

    pub(crate) fn force_open(&self, now: Instant) {
        self.amend(|ledger| self.open(ledger, Reason::Manual, false, None, now));
    }

    pub(crate) fn force(&self, state: State) {
        self.amend(|ledger| self.change(ledger, Reason::Manual, |word| Some(word.next(state))));
    }

    pub(crate) fn reset(&self) {
        self.amend(|ledger| {
            ledger.forget_opened();
            self.change(ledger, Reason::Manual, |word| {
                Some(word.next(State::Closed))
            })
        });
    }

    /// Does something under the lock of the ledger, and tells the watchers of it after that.
    pub(super) fn amend(&self, change: impl FnOnce(&mut Ledger) -> Option<News>) {
        let news = change(&mut self.ledger());
        if let Some(news) = news {
            news.tell();
        }
    }

    pub(super) fn change(
        &self,
        ledger: &mut Ledger,
        reason: Reason,
        to: impl Fn(Word) -> Option<Word>,
    ) -> Option<News> {
        let mut next = None;
        let before = update(&self.word, |bits| {
            next = to(Word::from_bits(bits));
            next.map(Word::bits)
        })?;
        let next = next?;
        if next.generation() == Word::from_bits(before).generation() {
            return None;
        }
        announce(ledger, next, reason)
    }
}

pub(super) fn announce(ledger: &mut Ledger, word: Word, reason: Reason) -> Option<News> {
    ledger.announce(Change::new(word.state(), reason, word.generation()))
}
