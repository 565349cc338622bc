use crate::{Cause, Failure};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// How a layer looks into a request, and where it reports what it does.
///
/// The mechanisms are generic over their request and know nothing of it. What one of them has to
/// know (a deadline, how many upstream calls are left) it asks the [`Context`] that this trait
/// draws from the request before the call is made; what happens it tells the same context. So
/// the same layer serves a `u64` in a benchmark with `()`, an `http::Request` with
/// [`Carried`](crate::Carried), and whatever else an application has.
///
/// `()` looks at nothing and costs nothing. A pair of observers reports to both.
pub trait Observe<Req> {
    /// What is kept of the request while its call runs.
    type Context: Context;

    /// Draws it from the request.
    fn context(&self, request: &Req) -> Self::Context;

    /// Prepares the request for one route of a fallback, where it may spend this much time
    /// waiting, and gives the context in which that route runs. `call` is the context that was
    /// drawn from the request before any route was tried.
    ///
    /// For an observer that tells routes apart; others leave the request as it is.
    fn enter(
        &self,
        request: &mut Req,
        call: &Self::Context,
        route: &Arc<str>,
        patience: Option<Duration>,
    ) -> Self::Context {
        let _ = (call, route, patience);
        self.context(request)
    }
}

/// One request's limits, and the record of what is done for it.
pub trait Context {
    /// When the whole call must be over. Nothing is begun that can't be done by then.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// How much longer this call may spend waiting where it is, when there is another place that
    /// it could go to. `None` is: as long as the deadline and the layer's own limits allow.
    fn patience(&self) -> Option<Duration> {
        None
    }

    /// Takes one upstream call out of the request's budget; `false` when there is none left.
    ///
    /// The rule that keeps stacked layers from multiplying: a request comes with its first call
    /// paid for, and *whoever starts another attempt* spends one more. An attempt that ended in
    /// [`Class::Rejected`](crate::Class::Rejected) was never made, so its call passes on to the
    /// next one and nothing is spent.
    fn spend_call(&self) -> bool {
        true
    }

    /// Gives back a call that was [spent](Self::spend_call) on an attempt which is not made: it
    /// was still waiting when its future was dropped, or its service did not become ready. The
    /// request may live on with whoever started it.
    fn refund_call(&self) {}

    /// This much time was spent waiting.
    fn waited(&self, wait: Duration) {
        let _ = wait;
    }

    /// This happened.
    fn record(&self, event: Event) {
        let _ = event;
    }
}

/// What a layer did for a request.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A call went out to the service.
    Attempt,
    /// An attempt failed, with this verdict.
    Failed(Failure),
    /// An attempt had not ended when its call did: the caller left, or a limit of the whole call
    /// was reached.
    CutOff,
    /// The same place is tried again after a wait.
    Retry {
        /// How long, back-off and the wait asked for taken together.
        wait: Duration,
    },
    /// The same place is not tried again.
    GaveUp(GiveUp),
    /// The call stands in line for a limited key.
    Queued {
        /// The wait expected.
        wait: Duration,
    },
    /// A layer refused the call.
    Rejected(Cause),
    /// A route was passed over without being asked.
    Skipped {
        /// Why, in the words of the routing policy.
        why: &'static str,
    },
    /// A route was entered. Its name is the step's.
    Entered,
    /// The answer, or its first content, is there.
    Answered,
    /// An answer that had begun to be given broke off, with this verdict.
    Broke(Failure),
    /// An answer was wrong, and this was done about it, in stable words.
    Corrected(&'static str),
    /// Something else worth knowing, in stable words.
    Note(&'static str),
}

/// Why a retry was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GiveUp {
    /// The failure is not one that goes away by trying again here.
    NotRetryable,
    /// As many retries as allowed were made.
    RetriesSpent,
    /// As many attempts as allowed timed out.
    TimeoutsSpent,
    /// The retry budget shared by all callers is empty.
    BudgetEmpty,
    /// The wait asked for is longer than allowed.
    WaitTooLong,
    /// The wait does not fit what this route may spend waiting.
    PatienceSpent,
    /// The wait does not fit the request's deadline.
    DeadlineTooNear,
    /// The request has used up its upstream calls.
    CallsSpent,
    /// The request could not be kept for another attempt.
    NotReplayable,
}

impl GiveUp {
    /// A stable lower-case name, for logs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotRetryable => "not_retryable",
            Self::RetriesSpent => "retries_spent",
            Self::TimeoutsSpent => "timeouts_spent",
            Self::BudgetEmpty => "budget_empty",
            Self::WaitTooLong => "wait_too_long",
            Self::PatienceSpent => "patience_spent",
            Self::DeadlineTooNear => "deadline_too_near",
            Self::CallsSpent => "calls_spent",
            Self::NotReplayable => "not_replayable",
        }
    }
}

impl Context for () {}

impl<Req> Observe<Req> for () {
    type Context = ();

    fn context(&self, _: &Req) {}
}

/// The tighter limit of the two; both are told everything.
impl<A: Context, B: Context> Context for (A, B) {
    fn deadline(&self) -> Option<Instant> {
        tighter(self.0.deadline(), self.1.deadline())
    }

    fn patience(&self) -> Option<Duration> {
        tighter(self.0.patience(), self.1.patience())
    }

    fn spend_call(&self) -> bool {
        if !self.0.spend_call() {
            return false;
        }
        let spent = self.1.spend_call();
        if !spent {
            self.0.refund_call();
        }
        spent
    }

    fn refund_call(&self) {
        self.0.refund_call();
        self.1.refund_call();
    }

    fn waited(&self, wait: Duration) {
        self.0.waited(wait);
        self.1.waited(wait);
    }

    fn record(&self, event: Event) {
        self.0.record(event.clone());
        self.1.record(event);
    }
}

impl<Req, A: Observe<Req>, B: Observe<Req>> Observe<Req> for (A, B) {
    type Context = (A::Context, B::Context);

    fn context(&self, request: &Req) -> Self::Context {
        (self.0.context(request), self.1.context(request))
    }

    fn enter(
        &self,
        request: &mut Req,
        call: &Self::Context,
        route: &Arc<str>,
        patience: Option<Duration>,
    ) -> Self::Context {
        (
            self.0.enter(request, &call.0, route, patience),
            self.1.enter(request, &call.1, route, patience),
        )
    }
}

/// No context is one without limits.
impl<C: Context> Context for Option<C> {
    fn deadline(&self) -> Option<Instant> {
        self.as_ref().and_then(C::deadline)
    }

    fn patience(&self) -> Option<Duration> {
        self.as_ref().and_then(C::patience)
    }

    fn spend_call(&self) -> bool {
        self.as_ref().is_none_or(C::spend_call)
    }

    fn refund_call(&self) {
        if let Some(context) = self {
            context.refund_call();
        }
    }

    fn waited(&self, wait: Duration) {
        if let Some(context) = self {
            context.waited(wait);
        }
    }

    fn record(&self, event: Event) {
        if let Some(context) = self {
            context.record(event);
        }
    }
}

fn tighter<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
