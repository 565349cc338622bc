use crate::{Limits, LimitsFor, ResponseFuture, Scope, Stopwatch, ToAnswer};
use buttress_core::{Context as _, Elapsed, Observe};
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

/// Limits how long one attempt may take, phase by phase.
///
/// It belongs below retry, breaker and fallback, right above the client: so that each attempt
/// has its own time, and that the layers above hear of one that took too long.
///
/// An attempt never outlasts the deadline of its request, if the observer knows one.
#[derive(Clone, Copy, Debug)]
pub struct TimeoutLayer<L = Limits, O = (), X = ToAnswer> {
    limits: L,
    observe: O,
    scope: X,
}

impl<L> TimeoutLayer<L> {
    /// Holds each call to these limits, until its future resolves: so the limits on headers,
    /// on the first content and on the attempt all end there. A body is not watched, see
    /// [`scope`](Self::scope).
    #[must_use]
    pub const fn new(limits: L) -> Self {
        Self {
            limits,
            observe: (),
            scope: ToAnswer::new(),
        }
    }
}

impl<L, O, X> TimeoutLayer<L, O, X> {
    /// Sets how the request's deadline is found. For requests that carry a
    /// [`Call`](buttress_core::Call): [`Carried`](buttress_core::Carried).
    #[must_use]
    pub fn observe<T>(self, observe: T) -> TimeoutLayer<L, T, X> {
        TimeoutLayer {
            limits: self.limits,
            observe,
            scope: self.scope,
        }
    }

    /// Sets how far the limits reach: to the answer ([`ToAnswer`], the default), or to the end
    /// of its body (`ToEnd`).
    #[must_use]
    pub fn scope<T>(self, scope: T) -> TimeoutLayer<L, O, T> {
        TimeoutLayer {
            limits: self.limits,
            observe: self.observe,
            scope,
        }
    }
}

impl<S, L: Clone, O: Clone, X: Clone> Layer<S> for TimeoutLayer<L, O, X> {
    type Service = Timeout<S, L, O, X>;

    fn layer(&self, inner: S) -> Self::Service {
        let layer = self.clone();
        Timeout { inner, layer }
    }
}

/// The service that [`TimeoutLayer`] makes.
#[derive(Clone, Debug)]
pub struct Timeout<S, L = Limits, O = (), X = ToAnswer> {
    inner: S,
    layer: TimeoutLayer<L, O, X>,
}

impl<S, L, O, X> Timeout<S, L, O, X> {
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

impl<S, L, O, X, Req> Service<Req> for Timeout<S, L, O, X>
where
    S: Service<Req>,
    S::Error: From<Elapsed>,
    L: LimitsFor<Req>,
    O: Observe<Req>,
    X: Scope<S::Response> + Clone,
{
    type Response = X::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, X>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let layer = &self.layer;
        let deadline = layer.observe.context(&request).deadline();
        let watch = Stopwatch::start(layer.limits.limits(&request), deadline);
        ResponseFuture::new(self.inner.call(request), watch, layer.scope.clone())
    }
}
