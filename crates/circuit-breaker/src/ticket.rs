use crate::breaker::{Breaker, Outcome, Pass};
use buttress_core::{Blame, Failure, Witness};
use std::fmt;
use tokio::time::Instant;

/// The stake of one call in its breaker: the [`Witness`] that this layer gives to the judge.
///
/// | told | counts as |
/// |---|---|
/// | a success | a success |
/// | a failure that blames the [service](Blame::Service) | a failure |
/// | any other failure: of the key, the request, or on this side | nothing; a probe gives its place back |
/// | dropped untold: its caller has given up | nothing; a probe gives its place back |
/// | dropped untold after the [slow-call](crate::Settings::slow_calls) duration | a slow call |
///
/// A failure of the key or the request does show that somebody answered. It is not taken for a
/// sign of health all the same: a front door that says 429 or 400 answers before the machines
/// behind it are asked.
pub struct Ticket {
    /// None when no breaker watches the call, or has heard of it already.
    stake: Option<(&'static Breaker, Pass)>,
    pace: Pace,
}

#[derive(Clone, Copy, Debug)]
enum Pace {
    /// Nobody wants to know.
    Untimed,
    /// No answer yet.
    Since(Instant),
    /// There is an answer, and this is whether it took long.
    Answered { slow: bool },
}

impl Ticket {
    /// For a call that begins now.
    pub(crate) fn new(breaker: &'static Breaker, pass: Pass) -> Self {
        let pace = if breaker.times_calls() {
            Pace::Since(Instant::now())
        } else {
            Pace::Untimed
        };
        Self {
            stake: Some((breaker, pass)),
            pace,
        }
    }

    /// For a call that no breaker watches.
    pub(crate) const fn unguarded() -> Self {
        Self {
            stake: None,
            pace: Pace::Untimed,
        }
    }

    /// The answer is there, or its beginning: what comes now is not waiting any more.
    pub(crate) fn answered(&mut self) {
        if let Pace::Since(_) = self.pace {
            let slow = self.is_slow();
            self.pace = Pace::Answered { slow };
        }
    }

    fn is_slow(&self) -> bool {
        match self.pace {
            Pace::Untimed => false,
            Pace::Since(start) => self
                .stake
                .is_some_and(|(breaker, _)| breaker.is_slow(start.elapsed())),
            Pace::Answered { slow } => slow,
        }
    }

    fn settle(&mut self, outcome: Outcome) {
        let slow = self.is_slow();
        if let Some((breaker, pass)) = self.stake.take() {
            breaker.settle(pass, outcome, slow, Instant::now);
        }
    }
}

impl Witness for Ticket {
    fn settled(mut self, outcome: Result<(), Failure>) {
        match outcome {
            Ok(()) => self.settle(Outcome::Success),
            Err(failure) if failure.blame == Blame::Service => {
                self.settle(Outcome::Failure(failure.wait()));
            }
            Err(_) => {
                // However long it took: the verdict is that it was not the service.
                self.pace = Pace::Untimed;
                self.settle(Outcome::Unknown);
            }
        }
    }
}

/// A call that is given up counts neither way, unless it was slow.
impl Drop for Ticket {
    fn drop(&mut self) {
        self.settle(Outcome::Unknown);
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("pass", &self.stake.map(|(_, pass)| pass))
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}
