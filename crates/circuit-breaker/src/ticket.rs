use crate::breaker::{Breaker, Outcome, Pass, nanos};
use buttress_core::{Blame, Failure, Witness};
use std::fmt;
use tokio::time::Instant;

/// The stake of one call in its breaker: the [`Witness`] that this layer gives to the judge.
///
/// | told | counts as |
/// |---|---|
/// | a success | a success |
/// | a failure that blames the [service](Blame::Service) | a failure |
/// | a failure of the key or the request | nothing; a probe gives its place back |
/// | a failure on [this side](Blame::Local), or dropped untold: its caller has given up | nothing; a probe gives its place back |
/// | the same, after the [slow-call](crate::Settings::slow_calls) duration | a slow call |
///
/// A failure of the key or the request does show that somebody answered. It is not taken for a
/// sign of health all the same: a front door that says 429 or 400 answers before the machines
/// behind it are asked.
///
/// A call that ends because its deadline has come is given up like one that is dropped; only that
/// a layer further in, which knows the deadline, was the one to notice.
pub struct Ticket {
    /// None when no breaker watches the call, or it has heard of it already.
    breaker: Option<&'static Breaker>,
    pass: Pass,
    pace: Pace,
}

/// When the call began, as [`nanos`], or one of two marks.
///
/// One plain word, like the other fields: the future that holds them is moved and read again
/// within a few nanoseconds, and reading what was written in other pieces stalls the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pace(i64);

impl Pace {
    /// Not slow, or nobody wants to know.
    const FINE: Self = Self(i64::MAX);
    /// The answer took too long.
    const SLOW: Self = Self(i64::MIN);
}

impl Ticket {
    /// For a call that begins now.
    #[inline]
    pub(crate) fn new(breaker: &'static Breaker, pass: Pass) -> Self {
        let pace = if breaker.times_calls() {
            Pace::from_now()
        } else {
            Pace::FINE
        };
        Self {
            breaker: Some(breaker),
            pass,
            pace,
        }
    }

    /// For a call that no breaker watches.
    #[inline]
    pub(crate) const fn unguarded() -> Self {
        Self {
            breaker: None,
            pass: Pass::NONE,
            pace: Pace::FINE,
        }
    }

    /// The answer is there, or its beginning: what comes now is not waiting any more.
    #[inline]
    pub(crate) fn answered(&mut self) {
        if self.pace != Pace::FINE {
            self.pace = if is_slow(self.breaker, self.pace) {
                Pace::SLOW
            } else {
                Pace::FINE
            };
        }
    }
}

impl Witness for Ticket {
    #[inline]
    fn settled(mut self, outcome: Result<(), Failure>) {
        let Some(breaker) = self.breaker.take() else {
            return;
        };
        match outcome {
            Ok(()) if self.pace == Pace::FINE => breaker.succeed(self.pass, Instant::now),
            Ok(()) => settle(breaker, self.pass, self.pace, Outcome::Success),
            Err(failure) if failure.blame == Blame::Service => {
                let outcome = Outcome::Failure(failure.wait());
                settle(breaker, self.pass, self.pace, outcome);
            }
            // Given up on this side: in time it says nothing, but a long wait was the service's.
            Err(failure) if failure.blame == Blame::Local => {
                settle(breaker, self.pass, self.pace, Outcome::Unknown);
            }
            // Not the service's fault, however long it took.
            Err(_) => settle(breaker, self.pass, Pace::FINE, Outcome::Unknown),
        }
    }
}

/// A call that is given up counts neither way, unless it was slow.
impl Drop for Ticket {
    #[inline]
    fn drop(&mut self) {
        if let Some(breaker) = self.breaker.take() {
            settle(breaker, self.pass, self.pace, Outcome::Unknown);
        }
    }
}

// What follows stays out of the services and futures that it is called from, so that these
// stay small enough to become part of their callers.

impl Pace {
    #[inline(never)]
    fn from_now() -> Self {
        Self(nanos(Instant::now()))
    }
}

#[inline(never)]
fn settle(breaker: &'static Breaker, pass: Pass, pace: Pace, outcome: Outcome) {
    let slow = is_slow(Some(breaker), pace);
    breaker.settle(pass, outcome, slow, Instant::now());
}

#[inline(never)]
fn is_slow(breaker: Option<&'static Breaker>, pace: Pace) -> bool {
    match (pace, breaker) {
        (Pace::FINE, _) | (_, None) => false,
        (Pace::SLOW, _) => true,
        (Pace(start), Some(breaker)) => breaker.is_slow(start, Instant::now()),
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("pass", &self.pass)
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}
