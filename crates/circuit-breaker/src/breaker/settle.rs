use super::{Breaker, Outcome, Pass, rules::Rate, window::Mark, word::Word};
use crate::{Reason, State, sync::update};
use tokio::time::Instant;

/// What outcomes do.
impl Breaker {
    /// Hears of a call that was let in and went well, and was not slow: the healthy path.
    #[inline(never)]
    pub(crate) fn succeed(&self, pass: Pass, now: impl FnOnce() -> Instant) {
        let word = self.word();
        if word.state() == State::Closed && word.generation() == pass.0 {
            self.run.succeed(pass.0, self.rules.forgive);
            self.window.succeed(pass.0, now);
        } else {
            self.succeed_otherwise(pass, now);
        }
    }

    #[cold]
    fn succeed_otherwise(&self, pass: Pass, now: impl FnOnce() -> Instant) {
        self.settle(pass, Outcome::Success, false, now());
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
                let next = |word: Word| {
                    let back = word.give_back();
                    if word.generation() != pass.0 {
                        None
                    } else if back.successes() + 1 < self.rules.successes {
                        Some(back.succeed())
                    } else {
                        Some(word.next(State::Closed))
                    }
                };
                self.amend(|ledger| self.change(ledger, Reason::ProbesSucceeded, next));
            }
            Outcome::Unknown => {
                let _ = update(&self.word, |bits| {
                    let word = Word::from_bits(bits);
                    (word.generation() == pass.0).then(|| word.give_back().bits())
                });
            }
        }
    }
}
