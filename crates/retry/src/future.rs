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
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep};
use tower_service::Service;

pin_project! {
    /// A call with its retries. Made by [`Retry`](crate::Retry).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<Req, S, C, O, R, P>
    where
        S: Service<R::Request>,
        O: Observe<Req>,
        R: Replay<Req>,
    {
        #[pin]
        state: State<S::Future, S, R::Request, S::Error>,
        session: Session<Req, S, C, O, R, P>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, S, Q, E> {
        // An attempt is running.
        Called { #[pin] future: F },
        // The next one has not begun. Boxed, since most calls never come here.
        Later { later: Box<Later<S, Q, E>> },
    }
}

/// What an attempt gave, and the verdict on it.
type Failed<T, E> = (Result<T, E>, Failure);

/// What is between two attempts.
struct Later<S, Q, E> {
    /// The next one has to wait.
    sleep: Option<Pin<Box<Sleep>>>,
    /// Its service has to become ready: readiness counts for one call.
    service: Option<S>,
    next: Option<Next<Q>>,
    /// What the last one said, for when no time is left for another.
    error: Option<E>,
    /// Whether the last one was refused and not made.
    refused: bool,
}

/// What comes of the attempt to come.
enum Begun<F, E> {
    Called(F),
    /// It came too late: this is the last word.
    Late(E),
    /// Its service is broken for good: an attempt that failed before it was made.
    Broken(E),
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

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.as_mut().project();
        let StateProj::Called { future } = this.state.project() else {
            return self.poll_again(None, cx);
        };
        // Taken apart and put together again: to hand a whole `Result` on from layer to layer
        // takes longer than all else here.
        let failed = match ready!(future.poll(cx)) {
            Ok(response) => match this.session.classify(Ok(&response)) {
                Ok(()) => return Poll::Ready(Ok(response)),
                Err(failure) => (Ok(response), failure),
            },
            Err(error) => match this.session.classify(Err(&error)) {
                Ok(()) => return Poll::Ready(Err(error)),
                Err(failure) => (Err(error), failure),
            },
        };
        self.poll_again(Some(failed), cx)
    }
}

impl<Req, S, C, O, R, P> ResponseFuture<Req, S, C, O, R, P>
where
    S: Service<R::Request> + Clone,
    C: Classify<S::Response, S::Error>,
    O: Observe<Req>,
    R: Replay<Req>,
    P: Retryable<S::Response, S::Error>,
{
    /// Goes on after a failure. Kept apart, so that what a call does that succeeds at once is
    /// small enough to become part of its caller.
    #[cold]
    #[inline(never)]
    fn poll_again(
        self: Pin<&mut Self>,
        mut failed: Option<Failed<S::Response, S::Error>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<S::Response, S::Error>> {
        let mut this = self.project();
        let session = this.session;
        loop {
            // Called | Later => Later
            if let Some((result, failure)) = failed.take() {
                let Some(next) = session.retry(&failure, result.as_ref()) else {
                    return Poll::Ready(result);
                };
                // A failed response may hold a connection, and nobody will read it.
                let error = result.err();
                let refused = failure.class == Class::Rejected;
                let later = Box::new(Later::new(next, error, refused));
                this.state.set(State::Later { later });
            }
            let result = match this.state.as_mut().project() {
                StateProj::Called { future } => ready!(future.poll(cx)),
                // Later => Called
                StateProj::Later { later } => match ready!(session.poll_call(later, cx)) {
                    Begun::Called(future) => {
                        this.state.set(State::Called { future });
                        continue;
                    }
                    Begun::Late(error) => return Poll::Ready(Err(error)),
                    Begun::Broken(error) => Err(error),
                },
            };
            match session.classify(result.as_ref()) {
                Ok(()) => return Poll::Ready(result),
                Err(failure) => failed = Some((result, failure)),
            }
        }
    }
}

impl<S, Q, E> Later<S, Q, E> {
    fn new(next: Next<Q>, error: Option<E>, refused: bool) -> Self {
        let wait = next.wait;
        Self {
            sleep: (!wait.is_zero()).then(|| Box::pin(sleep(wait))),
            service: None,
            next: Some(next),
            error,
            refused,
        }
    }
}

impl<Req, S, C, O, R, P> Session<Req, S, C, O, R, P>
where
    O: Observe<Req>,
    R: Replay<Req>,
{
    #[inline]
    fn classify<T, E>(&self, outcome: Result<&T, &E>) -> Result<(), Failure>
    where
        C: Classify<T, E>,
    {
        let verdict = self.shared.parts.classify.classify(outcome);
        if verdict.is_ok()
            && let Some(budget) = &self.shared.settings.budget
        {
            budget.deposit();
        }
        verdict
    }

    /// Makes the next attempt, when it has waited and its service is ready.
    fn poll_call(
        &mut self,
        later: &mut Later<S, R::Request, S::Error>,
        cx: &mut Context<'_>,
    ) -> Poll<Begun<S::Future, S::Error>>
    where
        S: Service<R::Request> + Clone,
    {
        if let Some(sleep) = &mut later.sleep {
            ready!(sleep.as_mut().poll(cx));
            later.sleep = None;
            if let Some(next) = &later.next {
                self.context.waited(next.wait);
            }
        }
        let shared = &self.shared;
        let service = later.service.get_or_insert_with(|| shared.service());
        if let Err(error) = ready!(service.poll_ready(cx)) {
            return Poll::Ready(Begun::Broken(error));
        }
        // It may have taken as long as there was. Of a response nothing is left to give back: the
        // attempt is made then, and whoever set the deadline ends it.
        let deadline = self.context.deadline();
        if deadline.is_some_and(|deadline| deadline <= Instant::now())
            && let Some(error) = later.error.take()
        {
            self.context.record(Event::GaveUp(GiveUp::DeadlineTooNear));
            if later.refused {
                // The call passes on to whoever hears of the failure.
                self.take_call_in_hand();
            }
            return Poll::Ready(Begun::Late(error));
        }
        let next = later.next.take().expect("an attempt is begun once");
        if let Some(payment) = next.payment {
            payment.settle();
        }
        if let Some(attempts) = &mut self.attempts {
            attempts.call_in_hand = false;
        }
        Poll::Ready(Begun::Called(service.call(next.request)))
    }

    /// The next attempt, if there is to be one.
    fn retry<T, E>(
        &mut self,
        failure: &Failure,
        outcome: Result<&T, &E>,
    ) -> Option<Next<R::Request>>
    where
        C: Classify<T, E>,
        P: Retryable<T, E>,
    {
        self.context.record(Event::Failed(*failure));
        let retryable = self.shared.parts.retryable.retryable(failure, outcome);
        match self.prepare(failure, retryable) {
            Ok(next) => {
                self.context.record(Event::Retry { wait: next.wait });
                Some(next)
            }
            Err(why) => {
                self.context.record(Event::GaveUp(why));
                if failure.class == Class::Rejected {
                    // The call passes on to whoever hears of the failure.
                    self.take_call_in_hand();
                }
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
            // A call that was rejected was not made, and what it cost passes on.
            let paid = attempts.call_in_hand || failure.class == Class::Rejected;
            let payment = pay(settings.budget.as_ref(), &self.context, paid)?;
            attempts.call_in_hand = true;
            payment
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

impl<Req, S, C, O, R, P> Session<Req, S, C, O, R, P>
where
    O: Observe<Req>,
    R: Replay<Req>,
{
    fn take_call_in_hand(&mut self) -> bool {
        let attempts = self.attempts.as_deref_mut();
        attempts.is_some_and(|attempts| mem::take(&mut attempts.call_in_hand))
    }
}

/// Whoever drops a call while it waits for its next attempt may have other uses for what that
/// would have cost: another route, or an attempt of its own.
impl<Req, S, C, O, R, P> Drop for Session<Req, S, C, O, R, P>
where
    O: Observe<Req>,
    R: Replay<Req>,
{
    fn drop(&mut self) {
        if self.take_call_in_hand() {
            self.context.refund_call();
        }
    }
}

/// Takes a retry out of the layer's budget and, unless that is paid, a call out of the request's.
fn pay(
    budget: Option<&crate::Budget>,
    context: &impl buttress_core::Context,
    paid: bool,
) -> Result<Option<Payment>, GiveUp> {
    let payment = match budget {
        Some(budget) => Some(budget.pay().ok_or(GiveUp::BudgetEmpty)?),
        None => None,
    };
    if !paid && !context.spend_call() {
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
            State::Later { later } if later.sleep.is_some() => "Waiting",
            State::Later { .. } => "Readying",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
