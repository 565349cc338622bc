use crate::{Limits, ResponseFuture, Scope, SetDeadline, Stopwatch, ToAnswer};
use buttress_core::{Carried, Cause, Context as _, Elapsed, Event, Rejected};
use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

/// Limits how long a whole call may take, all its attempts, waits and routes taken together.
///
/// It belongs above all of them. It tells the request its deadline, so that nothing below begins
/// what can't be done by then, and ends the call when the deadline comes all the same. An earlier
/// deadline that the request has already stays.
///
/// A request whose deadline is past is refused without a call. The time until the inner service
/// is ready does not count: there is no request yet.
#[derive(Clone, Copy, Debug)]
pub struct DeadlineLayer<P = Carried, X = ToAnswer> {
    limit: Option<Duration>,
    set: P,
    scope: X,
}

impl DeadlineLayer {
    /// Gives each call this much time. The request carries its [`Call`](buttress_core::Call),
    /// and is given one if it has none.
    #[must_use]
    pub const fn new(limit: Duration) -> Self {
        Self {
            limit: Some(limit),
            set: Carried::new(),
            scope: ToAnswer::new(),
        }
    }
}

impl<P, X> DeadlineLayer<P, X> {
    /// Sets how much time each call is given; `None` leaves it to the request.
    #[must_use]
    pub fn limit(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.limit = limit.into();
        self
    }

    /// Sets how a request is told its deadline. `()` tells it nothing and suits any request;
    /// `Grpc` reads and writes `grpc-timeout` as well.
    #[must_use]
    pub fn set_by<T>(self, set: T) -> DeadlineLayer<T, X> {
        DeadlineLayer {
            limit: self.limit,
            set,
            scope: self.scope,
        }
    }

    /// Sets how far the deadline reaches: to the answer ([`ToAnswer`], the default), or to the
    /// end of its body (`ToEnd`).
    #[must_use]
    pub fn scope<T>(self, scope: T) -> DeadlineLayer<P, T> {
        DeadlineLayer {
            limit: self.limit,
            set: self.set,
            scope,
        }
    }
}

impl<S, P: Clone, X: Clone> Layer<S> for DeadlineLayer<P, X> {
    type Service = Deadline<S, P, X>;

    fn layer(&self, inner: S) -> Self::Service {
        let layer = self.clone();
        Deadline { inner, layer }
    }
}

/// The service that [`DeadlineLayer`] makes.
#[derive(Clone, Debug)]
pub struct Deadline<S, P = Carried, X = ToAnswer> {
    inner: S,
    layer: DeadlineLayer<P, X>,
}

impl<S, P, X> Deadline<S, P, X> {
    /// The inner service.
    #[must_use]
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to change it.
    #[must_use]
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service, without this one.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, P, X, Req> Service<Req> for Deadline<S, P, X>
where
    S: Service<Req>,
    S::Error: From<Elapsed> + From<Rejected>,
    P: SetDeadline<Req>,
    X: Scope<S::Response> + Clone,
{
    type Response = X::Response;
    type Error = S::Error;
    type Future = DeadlineFuture<S::Future, X>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Req) -> Self::Future {
        let DeadlineLayer { limit, set, scope } = &self.layer;
        let context = set.set_deadline(&mut request, *limit);
        let deadline = context.deadline();
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            context.record(Event::Rejected(Cause::DeadlinePast));
            return DeadlineFuture { inner: None };
        }
        let watch = Stopwatch::start(Limits::none(), deadline);
        let inner = ResponseFuture::new(self.inner.call(request), watch, scope.clone());
        DeadlineFuture { inner: Some(inner) }
    }
}

pin_project! {
    /// The future of a [`Deadline`].
    ///
    /// # Cancellation
    /// Dropped, it drops the call under way and stops the timer.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct DeadlineFuture<F, X> {
        // None when the deadline was past, and no call was made.
        #[pin]
        inner: Option<ResponseFuture<F, X>>,
    }
}

impl<F, X, T, E> Future for DeadlineFuture<F, X>
where
    F: Future<Output = Result<T, E>>,
    E: From<Elapsed> + From<Rejected>,
    X: Scope<T>,
{
    type Output = Result<X::Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().inner.as_pin_mut() {
            Some(inner) => inner.poll(cx),
            None => Poll::Ready(Err(Rejected::new(Cause::DeadlinePast).into())),
        }
    }
}
