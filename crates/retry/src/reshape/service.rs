use super::{Reshape, ReshapeFuture, ReshapeLayer};
use buttress_core::{ByError, Classify, Observe};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};
use tower_service::Service;

/// Sends failed requests again in another shape. Made by a [`ReshapeLayer`].
///
/// `poll_ready` drives the very instance that the first attempt then uses; a later one uses a
/// clone of the service as it was when the layer was put around it, and makes that ready first.
///
/// # Cancellation
/// Dropping the future drops the attempt that is running. What was spent on one that was not made
/// is given back.
pub struct Reshaper<S, H, C = ByError, O = ()> {
    inner: S,
    shared: Arc<Shared<S, H, C, O>>,
}

pub(super) struct Shared<S, H, C, O> {
    pub(super) layer: ReshapeLayer<H, C, O>,
    template: Mutex<S>,
}

impl<S: Clone, H, C, O> Reshaper<S, H, C, O> {
    /// Puts the layer around this service.
    #[must_use]
    pub fn new(inner: S, layer: ReshapeLayer<H, C, O>) -> Self {
        let template = Mutex::new(inner.clone());
        Self {
            inner,
            shared: Arc::new(Shared { layer, template }),
        }
    }
}

impl<S, H, C, O> Reshaper<S, H, C, O> {
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

impl<S: Clone, H, C, O> Shared<S, H, C, O> {
    /// A service for another attempt, not ready yet.
    pub(super) fn service(&self) -> S {
        // A clone that panicked changed nothing in here.
        let template = self.template.lock().unwrap_or_else(PoisonError::into_inner);
        template.clone()
    }
}

impl<Req, S, H, C, O> Service<Req> for Reshaper<S, H, C, O>
where
    Req: Clone,
    S: Service<Req> + Clone,
    H: Reshape<Req, S::Response, S::Error>,
    C: Classify<S::Response, S::Error>,
    O: Observe<Req>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ReshapeFuture<Req, S, H, C, O>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let layer = &self.shared.layer;
        let context = layer.observe.context(&request);
        let idle = layer.max == 0 || layer.hook.is_idle();
        let kept = (!idle).then(|| request.clone());
        let future = self.inner.call(request);
        ReshapeFuture::new(Arc::clone(&self.shared), context, kept, future)
    }
}

/// The clone's inner service is a clone too and has to be made ready for itself.
impl<S: Clone, H, C, O> Clone for Reshaper<S, H, C, O> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S: fmt::Debug, H, C, O> fmt::Debug for Reshaper<S, H, C, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reshaper")
            .field("inner", &self.inner)
            .field("layer", &self.shared.layer)
            .finish_non_exhaustive()
    }
}
