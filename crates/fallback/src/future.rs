use crate::{
    Policy,
    course::{Course, Entry},
    limit::Limit,
};
use buttress_core::Exhausted;
use pin_project_lite::pin_project;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tower_service::Service;

pin_project! {
    /// The future of a [`Fallback`](crate::Fallback).
    ///
    /// # Cancellation
    /// Dropped, it drops the call under way, or the backup that is being made ready; no other
    /// call waits for either.
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
        // The next route is looked for.
        Between,
        // A route was entered and is made ready.
        Readying {
            service: S,
            request: Option<Req>,
            patience: Option<Duration>,
            limit: Limit,
        },
        // A route was asked.
        Calling {
            #[pin]
            future: F,
        },
    }
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

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let course = this.course;
        loop {
            let next = match this.state.as_mut().project() {
                // Between => Readying, or the end
                StateProj::Between => match course.advance() {
                    Some(entry) => entry.into(),
                    None => return Poll::Ready(course.finish()),
                },
                // Readying => Calling, or Between when it can't be had
                StateProj::Readying {
                    service,
                    request,
                    patience,
                    limit,
                } => match service.poll_ready(cx) {
                    Poll::Ready(Ok(())) => {
                        course.called(limit.waited());
                        let request = request.take();
                        let request = request.expect("kept until the state is left");
                        State::Calling {
                            future: service.call(request),
                        }
                    }
                    Poll::Ready(Err(error)) => {
                        course.broken(error, limit.waited());
                        State::Between
                    }
                    Poll::Pending => {
                        let deadline = course.deadline();
                        ready!(limit.poll_passed(cx, *patience, deadline));
                        course.not_ready(limit.waited());
                        State::Between
                    }
                },
                // Calling => the end, or Between after a failure
                StateProj::Calling { future } => {
                    let outcome = ready!(future.poll(cx));
                    if let Some(outcome) = course.settle(outcome) {
                        return Poll::Ready(outcome);
                    }
                    State::Between
                }
            };
            this.state.set(next);
        }
    }
}

impl<S, F, Req> From<Entry<S, Req>> for State<S, F, Req> {
    fn from(entry: Entry<S, Req>) -> Self {
        Self::Readying {
            service: entry.service,
            request: Some(entry.request),
            patience: entry.patience,
            limit: Limit::default(),
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
