use super::{Degradable, DegradeLayer, DegradePolicy, ResponseFuture};
use crate::Queue;
use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tower_layer::Layer;
use tower_service::Service;

/// What all services of a layer share.
#[derive(Clone, Debug)]
pub(super) struct Shared<P> {
    pub(super) queue: Queue,
    pub(super) policy: P,
    pub(super) limit: Duration,
}

/// The service that a [`DegradeLayer`] makes. It is ready when the inner one is.
///
/// # Cancellation
/// A call that is dropped is not queued. One that is dropped while it is being queued is in the
/// queue, or it is not.
#[derive(Debug)]
pub struct Degrade<S, P> {
    inner: S,
    shared: Arc<Shared<P>>,
}

impl<S, P> Degrade<S, P> {
    /// Puts what fails in this service into this queue, as this policy says.
    #[must_use]
    pub fn new(inner: S, queue: Queue, policy: P) -> Self {
        DegradeLayer::new(queue, policy).layer(inner)
    }

    pub(super) const fn of(inner: S, shared: Arc<Shared<P>>) -> Self {
        Self { inner, shared }
    }

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

impl<S, P, Req> Service<Req> for Degrade<S, P>
where
    S: Service<Req>,
    P: DegradePolicy<Req, S::Error>,
{
    type Response = Degradable<S::Response, S::Error>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, Req, S::Error, P>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let kept = self.shared.policy.keep(&request);
        let kept = kept.map(|kept| (kept, Arc::clone(&self.shared)));
        ResponseFuture::new(self.inner.call(request), kept)
    }
}

impl<S: Clone, P> Clone for Degrade<S, P> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            shared: Arc::clone(&self.shared),
        }
    }
}
