use crate::{AsFailure, Blame, Class, Failure, Name, error::shown};
use std::{error, fmt, time::Duration};

/// A call was given up because it took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Elapsed {
    /// What was being waited for.
    pub phase: Phase,
    /// The limit that passed. Of a [deadline](Phase::Deadline) it is what was left when the one
    /// began who found that it is over: the whole of it for the first, and less for a later attempt.
    pub limit: Duration,
}

/// What a call was waiting for when its time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// A connection.
    Connect,
    /// The head of the answer.
    Headers,
    /// The first content of the answer.
    FirstContent,
    /// More content, after some had come.
    Idle,
    /// The end of this attempt.
    Attempt,
    /// The end of the call, all its attempts taken together.
    Deadline,
}

impl Elapsed {
    /// The limit on this phase passed.
    #[must_use]
    pub const fn new(phase: Phase, limit: Duration) -> Self {
        Self { phase, limit }
    }
}

impl Phase {
    /// A stable lower-case name, for logs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.name().as_str()
    }

    /// The same, as it stands in a [`Failure`].
    #[must_use]
    pub const fn name(self) -> Name {
        match self {
            Self::Connect => Name::new(&"connect"),
            Self::Headers => Name::new(&"headers"),
            Self::FirstContent => Name::new(&"first_content"),
            Self::Idle => Name::new(&"idle"),
            Self::Attempt => Name::new(&"attempt"),
            Self::Deadline => Name::new(&"deadline"),
        }
    }
}

impl AsFailure for Elapsed {
    fn as_failure(&self) -> Failure {
        let failure = match self.phase {
            // No connection, no work: as good as refused.
            Phase::Connect => Failure::SERVICE,
            // The caller's patience ended; which of the attempts was slow is not known here. But
            // there was one: this is not the refusal of a call that was never made.
            Phase::Deadline => Failure::new(Class::Timeout, Blame::Local),
            Phase::Headers | Phase::FirstContent | Phase::Idle | Phase::Attempt => {
                Failure::new(Class::Timeout, Blame::Service)
            }
        };
        failure.kind(self.phase.name())
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.phase {
            Phase::Connect => "no connection",
            Phase::Headers => "no answer",
            Phase::FirstContent => "no content",
            Phase::Idle => "no further content",
            Phase::Attempt => "not finished",
            // How much was left of it for one attempt is nothing to its caller.
            Phase::Deadline => return f.write_str("deadline passed before the call was finished"),
        };
        write!(f, "{what} within {:?}", shown(self.limit))
    }
}

impl error::Error for Elapsed {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cause, Rejected};

    #[test]
    fn a_deadline_that_passed_ended_a_call_that_was_made() {
        let failure = Elapsed::new(Phase::Deadline, Duration::ZERO).as_failure();
        assert_eq!(
            (failure.class, failure.blame),
            (Class::Timeout, Blame::Local)
        );
    }

    #[test]
    fn what_a_deadline_left_to_an_attempt_is_not_told_as_the_deadline() {
        let left = Elapsed::new(Phase::Deadline, Duration::from_millis(1200));
        let told = "deadline passed before the call was finished";
        assert_eq!(left.to_string(), told);
        let idle = Elapsed::new(Phase::Idle, Duration::from_millis(1200));
        assert_eq!(idle.to_string(), "no further content within 1.2s");
    }

    #[test]
    fn times_are_shown_in_milliseconds() {
        let rejected = Rejected::new(Cause::KeyUnusable);
        let rejected = rejected.retry_after(Duration::from_nanos(59_999_533_109));
        let shown = rejected.to_string();
        assert!(shown.ends_with(", retry after 60s"), "{shown}");
        let elapsed = Elapsed::new(Phase::Headers, Duration::from_micros(1_200_001));
        assert_eq!(elapsed.to_string(), "no answer within 1.201s");
        let elapsed = Elapsed::new(Phase::Headers, Duration::MAX);
        assert!(elapsed.to_string().contains("within 1844674407370"));
    }
}
