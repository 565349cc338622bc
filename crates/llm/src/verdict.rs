use crate::Kind;
use buttress_core::{AsFailure, Blame, Class, Failure, RetryAfter};
use std::{fmt, time::Duration};

/// What one failing answer means: the taxonomy's word for it, and what may be done.
///
/// It says the same as a [`Failure`] in the terms of LLM calls, and finer; the layers of the
/// stack hear [`failure`](Self::failure).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// What happened.
    pub kind: Kind,
    /// Whom it speaks about. The circuit breaker hears of [`Blame::Service`] only.
    pub blame: Blame,
    /// Whether the same request may succeed at the same place. How long a wait for that is
    /// acceptable is the caller's policy, see [`retry_within`](Self::retry_within).
    pub retry_same: bool,
    /// Where else the request may go.
    pub fallback: Fallback,
    /// The wait that the server asked for, however long; for a failure that is not to be
    /// retried, the time after which the key or the place may be of use again.
    pub delay: Option<Duration>,
    /// The server forbids to send this again.
    pub never: bool,
    /// The answer is whole by its protocol and may be given to the caller as it is: one that
    /// reached its token limit, for example, or a refusal.
    pub usable: bool,
    /// What it means, for people. Holds nothing of the request or the answer.
    pub why: &'static str,
    course: Course,
}

/// How far the call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    /// It ended, with an answer or without.
    Ended,
    /// Nobody answered in the time allowed: the work may still be going on there.
    Unanswered,
    /// This side refused to make it.
    NotMade,
}

/// Where else a request may go after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fallback {
    /// Nowhere.
    No,
    /// Only to routes that declare that they take requests which failed so.
    OptIn,
    /// Only to routes with a larger context window.
    LargerWindow,
    /// To any other route.
    Yes,
}

impl Fallback {
    /// Whether any route may be tried without having declared that it takes such requests.
    #[must_use]
    pub const fn by_default(self) -> bool {
        matches!(self, Self::LargerWindow | Self::Yes)
    }
}

impl Verdict {
    /// The longest wait that is sat out within a call unless told otherwise, as in the official
    /// SDKs of OpenAI and Anthropic: a minute.
    pub const LONGEST_WAIT: Duration = Duration::from_secs(60);

    /// What this kind of failure usually means.
    #[must_use]
    pub const fn new(kind: Kind, why: &'static str) -> Self {
        let (blame, retry_same, fallback) = match kind {
            Kind::RateLimited => (Blame::Limit, true, Fallback::Yes),
            Kind::Overloaded | Kind::ServerError | Kind::Timeout => {
                (Blame::Service, true, Fallback::Yes)
            }
            Kind::Transient => (Blame::Request, true, Fallback::Yes),
            Kind::QuotaExhausted | Kind::Auth => (Blame::Key, false, Fallback::Yes),
            // What one request may not have says nothing of the key for all others.
            Kind::NotFound | Kind::Permission => (Blame::Request, false, Fallback::Yes),
            Kind::InvalidRequest | Kind::ContentPolicy => (Blame::Request, false, Fallback::OptIn),
            Kind::ContextLength => (Blame::Request, false, Fallback::LargerWindow),
            Kind::Partial => (Blame::Request, false, Fallback::No),
            Kind::Rejected => (Blame::Local, false, Fallback::Yes),
        };
        Self {
            kind,
            blame,
            retry_same,
            fallback,
            delay: None,
            never: false,
            usable: false,
            why,
            course: match kind {
                Kind::Rejected => Course::NotMade,
                _ => Course::Ended,
            },
        }
    }

    /// Sets whom it speaks about.
    #[must_use]
    pub const fn blame(mut self, blame: Blame) -> Self {
        self.blame = blame;
        self
    }

    /// Sets whether the same request may succeed at the same place.
    #[must_use]
    pub const fn retry_same(mut self, retry: bool) -> Self {
        self.retry_same = retry;
        self
    }

    /// Sets where else the request may go.
    #[must_use]
    pub const fn fallback(mut self, fallback: Fallback) -> Self {
        self.fallback = fallback;
        self
    }

    /// Sets the wait that was asked for.
    #[must_use]
    pub const fn delay(mut self, delay: Option<Duration>) -> Self {
        self.delay = delay;
        self
    }

    /// Says that the answer is whole and may be given to the caller as it is.
    #[must_use]
    pub const fn usable(mut self) -> Self {
        self.usable = true;
        self
    }

    /// Says that no answer came in the time allowed, so that the work may still be going on.
    #[must_use]
    pub const fn unanswered(mut self) -> Self {
        self.course = Course::Unanswered;
        self
    }

    /// Says that this side refused to make the call, because one before it had failed so: it
    /// blames nobody and is not to be sent again here.
    #[must_use]
    pub const fn not_made(mut self) -> Self {
        self.course = Course::NotMade;
        self.blame = Blame::Local;
        self.retry_same = false;
        self
    }

    /// The server forbids to send this again.
    #[must_use]
    pub const fn never(mut self) -> Self {
        self.never = true;
        self.retry_same = false;
        self
    }

    /// The same failure after content of a stream has reached the caller: it can't be undone by
    /// sending the request again.
    #[must_use]
    pub const fn after_content(self) -> Self {
        self.retry_same(false)
    }

    /// Whether it says something about the health of the service.
    #[must_use]
    pub const fn counts_toward_breaker(&self) -> bool {
        matches!(self.blame, Blame::Service)
    }

    /// Whether to send the same request to the same place again, when no wait longer than
    /// `longest` is acceptable ([`LONGEST_WAIT`](Self::LONGEST_WAIT) by default).
    #[must_use]
    pub fn retry_within(&self, longest: Duration) -> bool {
        self.retry_same && self.delay.is_none_or(|delay| delay <= longest)
    }

    /// The verdict in the vocabulary of the layers.
    ///
    /// | | class |
    /// |---|---|
    /// | nobody answered in time | timeout |
    /// | may be sent again here | transient |
    /// | this side refused to make the call | rejected |
    /// | incomplete or malformed answer | partial |
    /// | malformed, too long or objectionable request | bad input |
    /// | anything else | persistent |
    ///
    /// A wait that is known goes along whatever the class, so that the gate of a key whose
    /// quota is spent knows when to open. A server that forbids to try again is understood as
    /// [`RetryAfter::Never`] where no wait is known.
    #[must_use]
    pub const fn failure(&self) -> Failure {
        let class = match (self.course, self.kind) {
            (Course::NotMade, _) => Class::Rejected,
            (Course::Unanswered, _) if self.retry_same => Class::Timeout,
            _ if self.retry_same => Class::Transient,
            (_, Kind::Partial) => Class::Partial,
            (_, Kind::ContextLength | Kind::ContentPolicy) => Class::BadInput,
            // Another place may take it as it is.
            (_, Kind::InvalidRequest) if matches!(self.fallback, Fallback::Yes) => {
                Class::Persistent
            }
            (_, Kind::InvalidRequest) => Class::BadInput,
            _ => Class::Persistent,
        };
        let retry_after = match self.delay {
            Some(delay) => RetryAfter::After(delay),
            None if self.never => RetryAfter::Never,
            None => RetryAfter::Unspecified,
        };
        Failure::new(class, self.blame)
            .retry_after(retry_after)
            .kind(self.kind.name())
    }
}

impl AsFailure for Verdict {
    fn as_failure(&self) -> Failure {
        self.failure()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.why, self.kind)?;
        match self.delay {
            Some(delay) => write!(f, ", retry after {delay:?}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_hear_a_verdict_in_their_own_terms() {
        let wait = Duration::from_secs(9);
        let limited = Verdict::new(Kind::RateLimited, "");
        let cases = [
            (limited, Class::Transient, Blame::Limit),
            (limited.never(), Class::Persistent, Blame::Limit),
            (
                Verdict::new(Kind::Timeout, ""),
                Class::Transient,
                Blame::Service,
            ),
            (
                Verdict::new(Kind::Timeout, "").unanswered(),
                Class::Timeout,
                Blame::Service,
            ),
            (Verdict::new(Kind::Auth, ""), Class::Persistent, Blame::Key),
            (
                Verdict::new(Kind::ContextLength, ""),
                Class::BadInput,
                Blame::Request,
            ),
            (
                Verdict::new(Kind::ContextLength, "").fallback(Fallback::Yes),
                Class::BadInput,
                Blame::Request,
            ),
            (
                Verdict::new(Kind::InvalidRequest, "").fallback(Fallback::Yes),
                Class::Persistent,
                Blame::Request,
            ),
            (
                Verdict::new(Kind::Partial, ""),
                Class::Partial,
                Blame::Request,
            ),
            (
                Verdict::new(Kind::Rejected, ""),
                Class::Rejected,
                Blame::Local,
            ),
            (
                Verdict::new(Kind::RateLimited, "").not_made(),
                Class::Rejected,
                Blame::Local,
            ),
        ];
        for (verdict, class, blame) in cases {
            let failure = verdict.delay(Some(wait)).failure();
            assert_eq!(
                (failure.class, failure.blame),
                (class, blame),
                "{verdict:?}"
            );
            assert_eq!(failure.wait(), Some(wait));
            assert_eq!(failure.kind, Some(verdict.kind.name()));
        }
        assert_eq!(limited.failure().retry_after, RetryAfter::Unspecified);
        assert_eq!(limited.never().failure().retry_after, RetryAfter::Never);
    }

    #[test]
    fn a_wait_that_is_too_long_ends_the_retries() {
        let limited = Verdict::new(Kind::RateLimited, "");
        let minute = Verdict::LONGEST_WAIT;
        assert!(limited.retry_within(minute));
        assert!(limited.delay(Some(minute)).retry_within(minute));
        let longer = minute + Duration::from_millis(1);
        assert!(!limited.delay(Some(longer)).retry_within(minute));
        assert!(!limited.never().retry_within(minute));
    }
}
