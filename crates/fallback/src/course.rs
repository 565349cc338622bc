use crate::{Failed, Policy, service::Shared, setbacks::Setbacks};
use buttress_core::{Class, Context, Event, Exhausted, Failure, GiveUp, Observe, RouteReason};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use tower_service::Service;

/// One request's way along the routes: where it is, what happened on the way, and which route
/// comes next. It decides; the future does the calling and the waiting.
pub(crate) struct Course<S, P, D, Req>
where
    S: Service<Req>,
    P: Policy<Req, S::Response, S::Error, D>,
{
    shared: Arc<Shared<S, P, D>>,
    /// The call as it came, before any route.
    call: <P::Observe as Observe<Req>>::Context,
    /// The call as the route knows it that was entered last.
    entered: Option<<P::Observe as Observe<Req>>::Context>,
    at: usize,
    /// The first route not looked at yet.
    next: usize,
    /// The request, for the routes not looked at yet.
    kept: Option<Req>,
    /// An upstream call is in hand: the first one, or one that a route did not make. Given back
    /// if it is still there in the end.
    paid: bool,
    /// What went wrong so far. Made when something does, so that a healthy call is small.
    setbacks: Option<Box<Setbacks<S::Response, S::Error>>>,
}

/// Why a route is passed over.
#[derive(Clone, Copy)]
enum Closed {
    /// After what another one said.
    RuledOut(&'static str),
    /// It can't take the request.
    Unfit(&'static str),
}

/// A route that was entered and has to be made ready.
pub(crate) struct Entry<S, Req> {
    pub(crate) service: S,
    /// Until the route is called.
    pub(crate) request: Option<Req>,
    /// How long it may take to be ready, if another route stands behind.
    pub(crate) patience: Option<Duration>,
}

impl<S, P, D, Req> Course<S, P, D, Req>
where
    S: Service<Req>,
    P: Policy<Req, S::Response, S::Error, D>,
{
    /// A course that has not begun.
    #[inline]
    pub(crate) fn new(shared: Arc<Shared<S, P, D>>, request: &Req) -> Self {
        Self {
            call: shared.policy.observe().context(request),
            shared,
            entered: None,
            at: 0,
            next: 0,
            kept: None,
            paid: true,
            setbacks: None,
        }
    }

    /// Begins at the primary, which is ready already, unless that can't take the request.
    #[inline]
    pub(crate) fn begin(&mut self, request: &mut Req) -> bool {
        if self.open(0, request).is_err() {
            return false;
        }
        self.enter(0, request);
        self.paid = false;
        true
    }

    /// Begins by looking for a route that can take the request and be made ready.
    pub(crate) fn search(&mut self, request: Req) {
        self.kept = Some(request);
    }

    /// Goes on to the next route that may be tried and can take the request, if there is one
    /// and the request has time and calls left.
    pub(crate) fn advance(&mut self) -> Option<Entry<S, Req>>
    where
        S: Clone,
    {
        let Some(mut request) = self.kept.take() else {
            if self.next < self.shared.routes.len() {
                self.call.record(Event::GaveUp(GiveUp::NotReplayable));
            }
            return None;
        };
        while self.next < self.shared.routes.len() {
            let at = self.next;
            if let Err(closed) = self.open(at, &request) {
                self.pass_over(at, closed, &mut request);
                continue;
            }
            if let Err(why) = self.afford() {
                self.call.record(Event::GaveUp(why));
                let rest = at..self.shared.routes.len();
                rest.for_each(|at| self.skipped(at, RouteReason::Skipped(why.as_str())));
                return None;
            }
            let patience = self.enter(at, &mut request);
            return Some(Entry {
                service: self.shared.template(at),
                request: Some(request),
                patience,
            });
        }
        None
    }

    /// The route is called now, after this wait for it to be ready.
    pub(crate) fn called(&mut self, waited: Duration) {
        self.waited(waited);
        self.paid = false;
        if let Some(setbacks) = &mut self.setbacks {
            setbacks.let_go();
        }
    }

    /// The route could not be made ready in this time, which was all that it had.
    pub(crate) fn not_ready(&mut self, waited: Duration) {
        self.waited(waited);
        let why = "not ready in time";
        if let Some(route) = &self.entered {
            route.record(Event::Skipped { why });
        }
        self.skipped(self.at, RouteReason::Skipped(why));
    }

    /// The route failed to be made ready.
    pub(crate) fn broken(&mut self, error: S::Error, waited: Duration) {
        self.waited(waited);
        let failure = self.shared.policy.classify(Err(&error)).err();
        self.failed(failure.unwrap_or(Failure::SERVICE), Err(error));
    }

    /// The route gave this. An answer that is to go to the caller is signed.
    #[inline]
    pub(crate) fn settle(
        &self,
        outcome: Result<&mut S::Response, &S::Error>,
    ) -> Result<(), Failure> {
        let seen = match &outcome {
            Ok(response) => Ok(&**response),
            Err(error) => Err(*error),
        };
        self.shared.policy.classify(seen)?;
        if let Some(route) = &self.entered {
            route.record(Event::Answered);
        }
        if let Ok(response) = outcome {
            self.sign(self.at, response);
        }
        Ok(())
    }

    /// What the caller gets when there is no route left.
    pub(crate) fn finish(&mut self) -> Result<S::Response, S::Error>
    where
        S::Error: From<Exhausted<S::Error>>,
    {
        let setbacks = self.setbacks.take();
        let setbacks = setbacks.unwrap_or_else(|| Setbacks::new(0));
        match setbacks.finish() {
            Ok((at, mut response)) => {
                self.pass_on(Ok(&response));
                self.sign(at, &mut response);
                Ok(response)
            }
            Err(error) => {
                self.pass_on(Err(&error));
                Err(error)
            }
        }
    }

    /// The caller hears of this last. When it says that nothing was sent, a call that is in hand
    /// passes on to the caller.
    fn pass_on(&mut self, outcome: Result<&S::Response, &S::Error>) {
        let verdict = self.shared.policy.classify(outcome);
        if verdict.is_err_and(|failure| failure.class == Class::Rejected) {
            self.paid = false;
        }
    }

    /// When all has to be over.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.call.deadline()
    }

    fn waited(&self, wait: Duration) {
        if !wait.is_zero()
            && let Some(route) = &self.entered
        {
            route.waited(wait);
        }
    }

    /// Enters a route, and keeps the request for those behind it. Gives the patience that the
    /// route has if one of them could take it, which a fallback around this one may limit further.
    #[inline]
    fn enter(&mut self, at: usize, request: &mut Req) -> Option<Duration> {
        self.at = at;
        self.next = at + 1;
        let policy = &self.shared.policy;
        let mut behind = self.next..self.shared.routes.len();
        if !behind.is_empty() {
            self.kept = policy.keep(request);
        }
        let route = &self.shared.routes[at];
        let hurry = self.kept.is_some() && behind.any(|at| self.open(at, request).is_ok());
        let patience = hurry.then_some(route.patience);
        let observe = policy.observe();
        let context = observe.enter(request, &self.call, &route.name, patience);
        policy.prepare(request, &route.declares);
        context.record(Event::Entered);
        let patience = patience.into_iter().chain(context.patience()).min();
        self.entered = Some(context);
        patience
    }

    /// Whether nothing speaks against this route.
    #[inline]
    fn open(&self, at: usize, request: &Req) -> Result<(), Closed> {
        if let Some(setbacks) = &self.setbacks
            && let Some(why) = setbacks.ruled_out(at)
        {
            return Err(Closed::RuledOut(why));
        }
        let declares = &self.shared.routes[at].declares;
        let fits = self.shared.policy.fits(request, declares);
        fits.map_err(Closed::Unfit)
    }

    /// Passes over a route without asking it.
    fn pass_over(&mut self, at: usize, closed: Closed, request: &mut Req) {
        self.next = at + 1;
        let route = &self.shared.routes[at];
        // Entered only so that the step in the journey has the route's name: the request is
        // prepared anew for the route that it really enters.
        let observe = self.shared.policy.observe();
        let context = observe.enter(request, &self.call, &route.name, None);
        let (why, reason) = match closed {
            Closed::RuledOut(why) => (why, RouteReason::Skipped(why)),
            Closed::Unfit(why) => (why, RouteReason::Unfit(why)),
        };
        context.record(Event::Skipped { why });
        self.skipped(at, reason);
    }

    /// Whether the request has the time and an upstream call for another route.
    fn afford(&mut self) -> Result<(), GiveUp> {
        let deadline = self.call.deadline();
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(GiveUp::DeadlineTooNear);
        }
        if !self.paid && !self.call.spend_call() {
            return Err(GiveUp::CallsSpent);
        }
        self.paid = true;
        Ok(())
    }

    /// Takes the failure down, and rules out the routes that may not be tried after it.
    pub(crate) fn failed(&mut self, failure: Failure, outcome: Result<S::Response, S::Error>) {
        // Nothing was sent, so its call is still there.
        self.paid |= failure.class == Class::Rejected;
        let Shared { policy, routes } = &*self.shared;
        let setbacks = self
            .setbacks
            .get_or_insert_with(|| Setbacks::new(routes.len()));
        if let Some(request) = &self.kept {
            let failed = Failed {
                route: &routes[self.at].name,
                declares: &routes[self.at].declares,
                failure,
                outcome: outcome.as_ref(),
            };
            for (at, route) in routes.iter().enumerate().skip(self.next) {
                if let Err(why) = policy.falls_back(request, &failed, &route.declares) {
                    setbacks.rule_out(at, why);
                }
            }
        }
        setbacks.failed(self.at, &routes[self.at].name, failure, outcome);
    }

    fn skipped(&mut self, at: usize, reason: RouteReason<S::Error>) {
        let routes = &self.shared.routes;
        let setbacks = self
            .setbacks
            .get_or_insert_with(|| Setbacks::new(routes.len()));
        setbacks.skipped(&routes[at].name, reason);
    }

    /// Puts the name of this route on its answer.
    #[inline]
    fn sign(&self, at: usize, response: &mut S::Response) {
        let route = &self.shared.routes[at].name;
        let policy = &self.shared.policy;
        policy.answered(response, route, &self.call);
    }
}

/// Whoever drops a call between two routes, or hears that the last one was not asked, may have
/// other uses for what asking it would have cost.
impl<S, P, D, Req> Drop for Course<S, P, D, Req>
where
    S: Service<Req>,
    P: Policy<Req, S::Response, S::Error, D>,
{
    fn drop(&mut self) {
        if self.paid {
            self.call.refund_call();
        }
    }
}
