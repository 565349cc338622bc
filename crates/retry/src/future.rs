use crate::{
    Replay, Retryable,
    budget::Payment,
    plan::{Attempts, Plan, Room},
    service::Shared,
};
use buttress_core::{Class, Classify, Context as _, Event, Failure, GiveUp, Observe};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep};
use tower_service::Service;

pin_project! {
    /// A call with its retries. Made by [`Retry`](crate::Retry).
    pub struct ResponseFuture<Req, S, C, O, R, P>
    where
        S: Service<R::Request>,
        O: Observe<Req>,
        R: Replay<Req>,
    {
        #[pin]
        state: State<S::Future, S, R::Request>,
        session: Session<Req, S, C, O, R, P>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, S, Q> {
        // An attempt is running.
        Called { #[pin] future: F },
        // The next one has to wait.
        Waiting { sleep: Pin<Box<Sleep>>, next: Option<Next<Q>> },
        // Its service has to become ready: readiness counts for one call.
        Readying { service: S, next: Option<Next<Q>> },
    }
}

/// The attempt to come.
struct Next<Q> {
    request: Q,
    wait: Duration,
    payment: Option<Payment>,
}

/// All of a call but its current attempt.
struct Session<Req, S, C, O, R, P>
where
    O: Observe<Req>,
    R: Replay<Req>,
{
    shared: Arc<Shared<S, C, O, R, P>>,
    context: O::Context,
    kept: Option<R::Kept>,
    /// Made at the first failure: a call that succeeds at once neither counts nor draws.
    attempts: Option<Box<Attempts>>,
}

impl<Req, S, C, O, R, P> ResponseFuture<Req, S, C, O, R, P>
where
    S: Service<R::Request>,
    O: Observe<Req>,
    R: Replay<Req>,
{
    pub(crate) fn new(
        shared: Arc<Shared<S, C, O, R, P>>,
        context: O::Context,
        kept: Option<R::Kept>,
        future: S::Future,
    ) -> Self {
        Self {
            state: State::Called { future },
            session: Session {
                shared,
                context,
                kept,
                attempts: None,
            },
        }
    }
}

impl<Req, S, C, O, R, P> Future for ResponseFuture<Req, S, C, O, R, P>
where
    S: Service<R::Request> + Clone,
    C: Classify<S::Response, S::Error>,
    O: Observe<Req>,
    R: Replay<Req>,
    P: Retryable<S::Response, S::Error>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let session = this.session;
        loop {
            let result = match this.state.as_mut().project() {
                StateProj::Called { future } => ready!(future.poll(cx)),
                // Waiting => Readying
                StateProj::Waiting { sleep, next } => {
                    ready!(sleep.as_mut().poll(cx));
                    let next = next.take();
                    if let Some(next) = &next {
                        session.context.waited(next.wait);
                    }
                    let service = session.shared.service();
                    this.state.set(State::Readying { service, next });
                    continue;
                }
                // Readying => Called
                StateProj::Readying { service, next } => match ready!(service.poll_ready(cx)) {
                    Ok(()) => {
                        let next = next.take().expect("an attempt is begun once");
                        if let Some(payment) = next.payment {
                            payment.settle();
                        }
                        let future = service.call(next.request);
                        this.state.set(State::Called { future });
                        continue;
                    }
                    // Broken for good: an attempt that failed before it was made.
                    Err(error) => Err(error),
                },
            };
            let Err(failure) = session.classify(&result) else {
                return Poll::Ready(result);
            };
            // Called | Readying => Waiting | Readying
            let Some(next) = session.retry(&failure, result.as_ref()) else {
                return Poll::Ready(result);
            };
            // A failed response may hold a connection, and nobody will read it.
            drop(result);
            this.state.set(if next.wait.is_zero() {
                let service = session.shared.service();
                let next = Some(next);
                State::Readying { service, next }
            } else {
                let sleep = Box::pin(sleep(next.wait));
                let next = Some(next);
                State::Waiting { sleep, next }
            });
        }
    }
}

impl<Req, S, C, O, R, P> Session<Req, S, C, O, R, P>
where
    O: Observe<Req>,
    R: Replay<Req>,
{
    fn classify<T, E>(&self, result: &Result<T, E>) -> Result<(), Failure>
    where
        C: Classify<T, E>,
    {
        let verdict = self.shared.parts.classify.classify(result.as_ref());
        if verdict.is_ok()
            && let Some(budget) = &self.shared.settings.budget
        {
            budget.deposit();
        }
        verdict
    }

    /// The next attempt, if there is to be one.
    #[cold]
    fn retry<T, E>(
        &mut self,
        failure: &Failure,
        outcome: Result<&T, &E>,
    ) -> Option<Next<R::Request>>
    where
        C: Classify<T, E>,
        P: Retryable<T, E>,
    {
        self.context.record(Event::Failed {
            failure: *failure,
            kind: self.shared.parts.classify.kind(outcome),
        });
        let retryable = self.shared.parts.retryable.retryable(failure, outcome);
        match self.prepare(failure, retryable) {
            Ok(next) => {
                self.context.record(Event::Retry { wait: next.wait });
                Some(next)
            }
            Err(why) => {
                self.context.record(Event::GaveUp(why));
                None
            }
        }
    }

    /// Plans the next attempt, pays for it and takes its request over from the last one. The last
    /// step may cut off what is still being sent, so it comes when nothing else can say no.
    fn prepare(&mut self, failure: &Failure, retryable: bool) -> Result<Next<R::Request>, GiveUp> {
        let Shared {
            settings, parts, ..
        } = &*self.shared;
        let attempts = self.attempts.get_or_insert_default();
        let deadline = self.context.deadline();
        let room = Room {
            patience: self.context.patience(),
            left: deadline.map(|at| at.saturating_duration_since(Instant::now())),
        };
        let replayable = |kept: &R::Kept| parts.replay.replayable(kept);
        let replayable = self.kept.as_ref().is_some_and(replayable);
        let plan = settings.plan(failure, retryable, replayable, attempts, room)?;
        let payment = if plan.free {
            None
        } else {
            pay(settings.budget.as_ref(), &self.context, failure)?
        };
        attempts.count(plan, failure);
        let kept = self.kept.as_mut().ok_or(GiveUp::NotReplayable)?;
        let request = parts.replay.again(kept, attempts.retries());
        let request = request.ok_or(GiveUp::NotReplayable)?;
        let Plan { wait, .. } = plan;
        Ok(Next {
            request,
            wait,
            payment,
        })
    }
}

/// Takes a retry out of the layer's budget and a call out of the request's.
fn pay(
    budget: Option<&crate::Budget>,
    context: &impl buttress_core::Context,
    failure: &Failure,
) -> Result<Option<Payment>, GiveUp> {
    let payment = match budget {
        Some(budget) => Some(budget.pay().ok_or(GiveUp::BudgetEmpty)?),
        None => None,
    };
    // A call that was rejected was not made, and what it cost passes on.
    if failure.class != Class::Rejected && !context.spend_call() {
        return Err(GiveUp::CallsSpent);
    }
    Ok(payment)
}

impl<Req, S, C, O, R, P> fmt::Debug for ResponseFuture<Req, S, C, O, R, P>
where
    S: Service<R::Request>,
    O: Observe<Req>,
    R: Replay<Req>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Called { .. } => "Called",
            State::Waiting { .. } => "Waiting",
            State::Readying { .. } => "Readying",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
