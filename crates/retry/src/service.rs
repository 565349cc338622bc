use crate::{
    ByClass, Cloned, Replay, ResponseFuture, RetryLayer, Retryable, layer::Parts, plan::Settings,
};
use buttress_core::{ByError, Classify, Observe};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};
use tower_service::Service;

/// Retries failed calls to `S`. Made by [`RetryLayer`].
///
/// `poll_ready` drives the very instance that the first attempt then uses. A later attempt uses
/// a clone of the service as it was when the layer was put around it, and makes that ready first.
///
/// # Cancellation
/// Dropping the future drops the attempt that is running, or ends the wait for the next one; what
/// was withdrawn from the budget for an attempt that was not made is given back.
pub struct Retry<S, C = ByError, O = (), R = Cloned, P = ByClass> {
    inner: S,
    shared: Arc<Shared<S, C, O, R, P>>,
}

/// What a call in flight points to: one reference counted per call, and on a healthy path
/// nothing in here is written or locked.
pub(crate) struct Shared<S, C, O, R, P> {
    pub(crate) settings: Settings,
    pub(crate) parts: Parts<C, O, R, P>,
    template: Mutex<S>,
}

impl<S: Clone, C, O, R, P> Retry<S, C, O, R, P> {
    /// Puts the layer around this service.
    #[must_use]
    pub fn new(inner: S, layer: RetryLayer<C, O, R, P>) -> Self {
        let shared = Arc::new(Shared {
            settings: layer.settings,
            parts: layer.parts,
            template: Mutex::new(inner.clone()),
        });
        Self { inner, shared }
    }
}

impl<S, C, O, R, P> Retry<S, C, O, R, P> {
    /// The inner service: the instance of the first attempt. Later ones are made of a copy.
    #[must_use]
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, without this one.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone, C, O, R, P> Shared<S, C, O, R, P> {
    /// A service for another attempt, not ready yet.
    pub(crate) fn service(&self) -> S {
        // A clone that panicked changed nothing in here.
        let template = self.template.lock().unwrap_or_else(PoisonError::into_inner);
        template.clone()
    }
}

impl<Req, S, C, O, R, P> Service<Req> for Retry<S, C, O, R, P>
where
    S: Service<R::Request> + Clone,
    C: Classify<S::Response, S::Error>,
    O: Observe<Req>,
    R: Replay<Req>,
    P: Retryable<S::Response, S::Error>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<Req, S, C, O, R, P>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let parts = &self.shared.parts;
        let context = parts.observe.context(&request);
        let (request, kept) = parts.replay.keep(request);
        let future = self.inner.call(request);
        let shared = Arc::clone(&self.shared);
        ResponseFuture::new(shared, context, kept, future)
    }
}

/// The clone's inner service is a clone too and has to be made ready for itself.
impl<S: Clone, C, O, R, P> Clone for Retry<S, C, O, R, P> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S: fmt::Debug, C, O, R, P> fmt::Debug for Retry<S, C, O, R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Retry");
        self.shared
            .settings
            .fmt_into(fields.field("inner", &self.inner))
    }
}
