use crate::{AsFailure, Blame, Cause, Class, Failure, RetryAfter};
use std::{error, fmt, sync::Arc, time::Duration};

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
    use crate::{Elapsed, Name, Rejected};

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
