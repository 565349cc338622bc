use crate::{AsFailure, Blame, Class, Failure, Name, RetryAfter};
use std::{error, fmt, sync::Arc, time::Duration};

/// A layer of this stack refused to make the call. Nothing was sent.
///
/// Every layer that can refuse asks its inner service's error for `From<Rejected>`, so that one
/// conversion serves the whole stack: a typed error enum needs one variant for it, and
/// `BoxError` needs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// Why.
    pub cause: Cause,
    /// When asking again may help, counted from the rejection, where that is known.
    pub retry_after: Option<Duration>,
    /// The [kind](Failure::kind) of the failure that this goes back to, where that is known: of
    /// the one that shut the gate. A caller who would only have heard the same again can be told
    /// so.
    pub origin: Option<Name>,
}

/// Why a layer refused a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The service's circuit breaker is open, or all of its probes are out.
    CircuitOpen,
    /// The key is rate limited for longer than this call may wait.
    GateClosed,
    /// The key was refused, or has nothing left to spend, and is left alone for now.
    KeyUnusable,
    /// As many calls as allowed are waiting already.
    QueueFull,
    /// The request's deadline is past, or too near for what would have to be done.
    DeadlinePast,
    /// The request has used up its upstream calls.
    CallsSpent,
    /// At this step of its session another request was made before.
    RequestChanged,
}

impl Rejected {
    /// A rejection for this cause, with nothing known of when to come back.
    #[must_use]
    pub const fn new(cause: Cause) -> Self {
        Self {
            cause,
            origin: None,
            retry_after: None,
        }
    }

    /// Says when asking again may help.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Says which kind of failure it goes back to.
    #[must_use]
    pub const fn origin(mut self, kind: Name) -> Self {
        self.origin = Some(kind);
        self
    }
}

impl Cause {
    /// A stable lower-case name, for logs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.name().as_str()
    }

    /// The same, as it stands in a [`Failure`].
    #[must_use]
    pub const fn name(self) -> Name {
        match self {
            Self::CircuitOpen => Name::new(&"circuit_open"),
            Self::GateClosed => Name::new(&"gate_closed"),
            Self::KeyUnusable => Name::new(&"key_unusable"),
            Self::QueueFull => Name::new(&"queue_full"),
            Self::DeadlinePast => Name::new(&"deadline_past"),
            Self::CallsSpent => Name::new(&"calls_spent"),
            Self::RequestChanged => Name::new(&"request_changed"),
        }
    }
}

impl AsFailure for Rejected {
    fn as_failure(&self) -> Failure {
        let retry_after = match self.retry_after {
            Some(wait) => RetryAfter::After(wait),
            None => RetryAfter::Unspecified,
        };
        let (class, blame) = match self.cause {
            // It will be the same at any other time and place.
            Cause::RequestChanged => (Class::BadInput, Blame::Request),
            _ => (Class::Rejected, Blame::Local),
        };
        Failure::new(class, blame)
            .retry_after(retry_after)
            .kind(self.cause.name())
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.cause {
            Cause::CircuitOpen => "circuit open",
            Cause::GateClosed => "rate limited, and the wait is longer than allowed",
            Cause::KeyUnusable => {
                "the key was refused or has nothing left, and is left alone for now"
            }
            Cause::QueueFull => "rate limited, and too many calls are waiting already",
            Cause::DeadlinePast => "no time left before the deadline",
            Cause::CallsSpent => "no upstream calls left in the request's budget",
            Cause::RequestChanged => "at this step of its session another request was made before",
        })?;
        if let Some(origin) = self.origin {
            write!(f, " ({origin})")?;
        }
        match self.retry_after {
            Some(wait) => write!(f, ", retry after {:?}", shown(wait)),
            None => Ok(()),
        }
    }
}

impl error::Error for Rejected {}

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

/// In whole milliseconds, rounded up: what is left of a wait or of a deadline has more digits than
/// anybody wants to read.
pub(crate) fn shown(time: Duration) -> Duration {
    let millis = time.as_nanos().div_ceil(1_000_000);
    u64::try_from(millis).map_or(time, Duration::from_millis)
}

/// Every route of a fallback failed, or could not be asked.
#[derive(Debug)]
#[non_exhaustive]
pub struct Exhausted<E> {
    /// What each route said, in the order in which they stand.
    pub routes: Vec<RouteError<E>>,
}

/// Why one route gave no answer.
#[derive(Debug)]
#[non_exhaustive]
pub struct RouteError<E> {
    /// The route's name.
    pub route: Arc<str>,
    /// Why.
    pub reason: RouteReason<E>,
}

/// Why one route gave no answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum RouteReason<E> {
    /// It was asked and failed, with this verdict on its error.
    Failed(Failure, E),
    /// It gave a response that was judged a failure, and that was let go for the next route's.
    Answered(Failure),
    /// It was passed over without being asked, for this reason.
    Skipped(&'static str),
    /// It was passed over because it can't take the request at all, by what it says of itself.
    Unfit(&'static str),
}

impl<E> Exhausted<E> {
    /// Gathers what the routes said.
    #[must_use]
    pub const fn new(routes: Vec<RouteError<E>>) -> Self {
        Self { routes }
    }

    /// The soonest time at which any route may answer again, as far as the routes know: nothing,
    /// when one that may answer again has not said when.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let passing = |failure: &&Failure| {
            matches!(
                failure.class,
                Class::Transient | Class::Timeout | Class::Rejected
            )
        };
        if self
            .failures()
            .filter(passing)
            .any(|failure| failure.wait().is_none())
        {
            return None;
        }
        self.failures().filter_map(Failure::wait).min()
    }

    /// The error to show where only one can be shown: the one that leaves most hope, and of
    /// equals the first. A route that is down for the moment says more about what the caller
    /// should do than a backup whose key is wrong, or was found to be a moment ago.
    #[must_use]
    pub fn foremost(&self) -> Option<&E> {
        let errors = self.routes.iter().filter_map(|route| match &route.reason {
            RouteReason::Failed(failure, error) => Some((failure, error)),
            RouteReason::Answered(_) | RouteReason::Skipped(_) | RouteReason::Unfit(_) => None,
        });
        let foremost = errors.min_by_key(|(failure, _)| despair(failure));
        foremost.map(|(_, error)| error)
    }

    fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.routes.iter().filter_map(|route| match &route.reason {
            RouteReason::Failed(failure, _) | RouteReason::Answered(failure) => Some(failure),
            RouteReason::Skipped(_) | RouteReason::Unfit(_) => None,
        })
    }

    /// Whether no route can take the request, so that it is the request's fault.
    #[must_use]
    pub fn fits_nowhere(&self) -> bool {
        let unfit = |route: &RouteError<E>| matches!(route.reason, RouteReason::Unfit(_));
        !self.routes.is_empty() && self.routes.iter().all(unfit)
    }
}

impl<E> RouteError<E> {
    /// The route of this name gave no answer, for this reason.
    #[must_use]
    pub const fn new(route: Arc<str>, reason: RouteReason<E>) -> Self {
        Self { route, reason }
    }
}

/// Less is better.
fn despair(failure: &Failure) -> u8 {
    match failure.class {
        // As little as what made the key so.
        Class::Rejected if failure.kind == Some(Cause::KeyUnusable.name()) => 5,
        Class::Transient => 0,
        Class::Timeout => 1,
        Class::Rejected => 2,
        Class::Partial => 3,
        Class::BadInput => 4,
        Class::Persistent => 5,
    }
}

/// The verdict that leaves most hope, as [`foremost`](Exhausted::foremost) chooses it, with the
/// soonest wait; persistent and the request's fault where it [fits
/// nowhere](Exhausted::fits_nowhere), since a route beyond these may take it.
impl<E> AsFailure for Exhausted<E> {
    fn as_failure(&self) -> Failure {
        let foremost = self.failures().min_by_key(|failure| despair(failure));
        let none = match self.fits_nowhere() {
            true => Failure::new(Class::Persistent, Blame::Request),
            false => Failure::new(Class::Rejected, Blame::Local),
        };
        let failure = foremost.map_or(none, |found| *found);
        match (self.retry_after(), failure.retry_after) {
            (Some(wait), _) => failure.retry_after(RetryAfter::After(wait)),
            // Another route may answer sooner than this one.
            (None, RetryAfter::After(_)) => failure.retry_after(RetryAfter::Unspecified),
            (None, _) => failure,
        }
    }
}

impl<E: fmt::Display> fmt::Display for Exhausted<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.fits_nowhere() {
            true => "no route takes such a request",
            false => "all routes failed",
        })?;
        for (i, RouteError { route, reason }) in self.routes.iter().enumerate() {
            f.write_str(if i == 0 { ": " } else { "; " })?;
            match reason {
                RouteReason::Failed(_, error) => write!(f, "{route}: {error}")?,
                RouteReason::Answered(failure) => write!(f, "{route}: answered, {failure}")?,
                RouteReason::Skipped(why) | RouteReason::Unfit(why) => {
                    write!(f, "{route}: passed over, {why}")?;
                }
            }
        }
        Ok(())
    }
}

impl<E: fmt::Debug + fmt::Display> error::Error for Exhausted<E> {}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_key_that_was_found_to_be_wrong_leaves_as_little_hope_as_a_wrong_key() {
        let refused = |cause| {
            let rejected = Rejected::new(cause).origin(Name::new(&"auth"));
            RouteReason::Failed(rejected.as_failure(), rejected)
        };
        let reasons = [Cause::KeyUnusable, Cause::GateClosed].map(refused);
        let routes = reasons.map(|reason| RouteError::new("r".into(), reason));
        let exhausted = Exhausted::new(routes.into());
        assert_eq!(exhausted.foremost().unwrap().cause, Cause::GateClosed);
        let parked = Rejected::new(Cause::KeyUnusable).origin(Name::new(&"auth"));
        assert!(parked.to_string().ends_with("for now (auth)"), "{parked}");
    }

    #[test]
    fn a_route_that_may_answer_at_any_time_is_waited_for_no_longer() {
        let failed = |class, wait| {
            let failure = Failure::new(class, Blame::Service).retry_after(wait);
            RouteError::new("r".into(), RouteReason::Failed(failure, "failed"))
        };
        let day = RetryAfter::After(Duration::from_secs(86_400));
        let spent = failed(Class::Persistent, day);
        let limited = failed(Class::Transient, day);
        let down = failed(Class::Transient, RetryAfter::Unspecified);
        let exhausted = Exhausted::new(vec![limited, down, spent]);
        assert_eq!(exhausted.retry_after(), None);
        let failure = exhausted.as_failure();
        assert_eq!(failure.class, Class::Transient);
        assert_eq!(failure.retry_after, RetryAfter::Unspecified);
    }

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
    fn what_fits_nowhere_is_the_request_s_fault() {
        let routes = |reasons: Vec<RouteReason<Elapsed>>| {
            let route = |reason| RouteError::new("r".into(), reason);
            Exhausted::new(reasons.into_iter().map(route).collect())
        };
        let unfit = || RouteReason::Unfit("takes no tools");
        let exhausted = routes(vec![unfit(), unfit()]);
        let failure = exhausted.as_failure();
        assert_eq!(
            (failure.class, failure.blame),
            (Class::Persistent, Blame::Request)
        );
        let told = exhausted.to_string();
        assert!(
            told.starts_with("no route takes such a request: r: passed over"),
            "{told}"
        );
        for reasons in [
            vec![unfit(), RouteReason::Skipped("not ready in time")],
            vec![],
        ] {
            assert_eq!(routes(reasons).as_failure().class, Class::Rejected);
        }
    }

    #[test]
    fn the_error_shown_is_the_one_that_leaves_most_hope() {
        let failed = |class, secs| {
            let wait = RetryAfter::After(Duration::from_secs(secs));
            let failure = Failure::new(class, Blame::Key).retry_after(wait);
            RouteReason::Failed(failure, format!("{class} {secs}"))
        };
        let reasons = [
            failed(Class::Persistent, 3),
            failed(Class::Transient, 20),
            RouteReason::Skipped("window too small"),
            failed(Class::Transient, 5),
        ];
        let routes = reasons.into_iter().zip(["a", "b", "c", "d"]);
        let routes = routes.map(|(reason, name)| RouteError::new(name.into(), reason));
        let exhausted = Exhausted::new(routes.collect());
        assert_eq!(exhausted.foremost().unwrap(), "transient 20");
        assert_eq!(exhausted.retry_after(), Some(Duration::from_secs(3)));
        assert_eq!(
            exhausted.to_string(),
            "all routes failed: a: persistent 3; b: transient 20; \
             c: passed over, window too small; d: transient 5"
        );
    }
}
