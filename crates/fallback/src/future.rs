use crate::{
    Policy,
    course::{Course, Entry},
    limit::Limit,
};
use buttress_core::{Exhausted, Failure};
use pin_project_lite::pin_project;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower_service::Service;

pin_project! {
    /// The future of a [`Fallback`](crate::Fallback).
    ///
    /// # Cancellation
    /// Dropped, it drops the call under way, or the backup that is being made ready; no other
    /// call waits for either.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, P, D, Req>
    where
        S: Service<Req>,
        P: Policy<Req, S::Response, S::Error, D>,
    {
        course: Course<S, P, D, Req>,
        #[pin]
        state: State<S, S::Future, Req>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F, Req> {
        // A route was asked.
        Calling { #[pin] future: F },
        // The next route is looked for.
        Between,
        // A route was entered and is made ready. Boxed, since most calls never come here.
        Readying { readying: Box<Readying<S, Req>> },
    }
}

/// What a route gave, and the verdict on it.
type Failed<T, E> = (Result<T, E>, Failure);

struct Readying<S, Req> {
    entry: Entry<S, Req>,
    limit: Limit,
}

impl<S, P, D, Req> ResponseFuture<S, P, D, Req>
where
    S: Service<Req>,
    P: Policy<Req, S::Response, S::Error, D>,
{
    /// The primary was ready and has been asked.
    pub(crate) fn new(course: Course<S, P, D, Req>, future: S::Future) -> Self {
        let state = State::Calling { future };
        Self { course, state }
    }

    /// No route was asked yet.
    pub(crate) fn search(course: Course<S, P, D, Req>) -> Self {
        let state = State::Between;
        Self { course, state }
    }
}

impl<S, P, D, Req> Future for ResponseFuture<S, P, D, Req>
where
    S: Service<Req> + Clone,
    S::Error: From<Exhausted<S::Error>>,
    P: Policy<Req, S::Response, S::Error, D>,
{
    type Output = Result<S::Response, S::Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.as_mut().project();
        let StateProj::Calling { future } = this.state.project() else {
            return self.poll_on(None, cx);
        };
        // Taken apart and put together again: to hand a whole `Result` on from layer to layer
        // takes longer than all else here.
        let failed = match ready!(future.poll(cx)) {
            Ok(mut response) => match this.course.settle(Ok(&mut response)) {
                Ok(()) => return Poll::Ready(Ok(response)),
                Err(failure) => (Ok(response), failure),
            },
            Err(error) => match this.course.settle(Err(&error)) {
                Ok(()) => return Poll::Ready(Err(error)),
                Err(failure) => (Err(error), failure),
            },
        };
        self.poll_on(Some(failed), cx)
    }
}

impl<S, P, D, Req> ResponseFuture<S, P, D, Req>
where
    S: Service<Req> + Clone,
    S::Error: From<Exhausted<S::Error>>,
    P: Policy<Req, S::Response, S::Error, D>,
{
    /// Goes on along the routes. Kept apart, so that what a call does that the primary answers
    /// is small enough to become part of its caller.
    #[cold]
    #[inline(never)]
    fn poll_on(
        self: Pin<&mut Self>,
        mut failed: Option<Failed<S::Response, S::Error>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<S::Response, S::Error>> {
        let mut this = self.project();
        let course = this.course;
        loop {
            // Calling => Between
            if let Some((outcome, failure)) = failed.take() {
                course.failed(failure, outcome);
                this.state.set(State::Between);
            }
            let next = match this.state.as_mut().project() {
                // Between => Readying, or the end
                StateProj::Between => match course.advance() {
                    Some(entry) => State::readying(entry),
                    None => return Poll::Ready(course.finish()),
                },
                // Readying => Calling, or Between when it can't be had
                StateProj::Readying { readying } => match ready!(readying.poll_call(course, cx)) {
                    Some(future) => State::Calling { future },
                    None => State::Between,
                },
                // Calling => the end, or Between after a failure
                StateProj::Calling { future } => {
                    let mut outcome = ready!(future.poll(cx));
                    let Err(failure) = course.settle(outcome.as_mut().map_err(|error| &*error))
                    else {
                        return Poll::Ready(outcome);
                    };
                    failed = Some((outcome, failure));
                    continue;
                }
            };
            this.state.set(next);
        }
    }
}

impl<S, F, Req> State<S, F, Req> {
    fn readying(entry: Entry<S, Req>) -> Self {
        let limit = Limit::default();
        let readying = Box::new(Readying { entry, limit });
        Self::Readying { readying }
    }
}

impl<S, Req> Readying<S, Req> {
    /// Calls the route when it is ready; nothing, when it can't be had.
    fn poll_call<P, D>(
        &mut self,
        course: &mut Course<S, P, D, Req>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<S::Future>>
    where
        S: Service<Req>,
        P: Policy<Req, S::Response, S::Error, D>,
    {
        let Self { entry, limit } = self;
        match entry.service.poll_ready(cx) {
            Poll::Ready(Ok(())) => {
                course.called(limit.waited());
                let request = entry.request.take();
                let request = request.expect("kept until the route is called");
                Poll::Ready(Some(entry.service.call(request)))
            }
            Poll::Ready(Err(error)) => {
                course.broken(error, limit.waited());
                Poll::Ready(None)
            }
            Poll::Pending => {
                let deadline = course.deadline();
                ready!(limit.poll_passed(cx, entry.patience, deadline));
                course.not_ready(limit.waited());
                Poll::Ready(None)
            }
        }
    }
}

impl<S, P, D, Req> fmt::Debug for ResponseFuture<S, P, D, Req>
where
    S: Service<Req>,
    P: Policy<Req, S::Response, S::Error, D>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Between => "Between",
            State::Readying { .. } => "Readying",
            State::Calling { .. } => "Calling",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
