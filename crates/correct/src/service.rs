use crate::{CorrectLayer, Policy, ResponseFuture, course::Course};
use buttress_core::{AsFailure, Observe, Uncorrected};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};
use tower_service::Service;

/// Asks `S` again when its answer is wrong. Made by a [`CorrectLayer`].
///
/// `poll_ready` drives the very instance that the first attempt then uses. A correction uses a
/// clone of the service as it was when the layer was put around it, and makes that ready first.
///
/// # Cancellation
/// Dropping the future drops the attempt that is running and the answer that is being read; what
/// was spent on one that was not made is given back.
pub struct Correct<S, P, O = ()> {
    inner: S,
    shared: Arc<Shared<S, P, O>>,
}

pub(crate) struct Shared<S, P, O> {
    pub(crate) layer: CorrectLayer<P, O>,
    template: Mutex<S>,
}

impl<S: Clone, P, O> Correct<S, P, O> {
    /// Puts the layer around this service.
    #[must_use]
    pub fn new(inner: S, layer: CorrectLayer<P, O>) -> Self {
        let template = Mutex::new(inner.clone());
        Self {
            inner,
            shared: Arc::new(Shared { layer, template }),
        }
    }
}

impl<S, P, O> Correct<S, P, O> {
    /// The inner service: the instance of the first attempt. Corrections are made by a copy.
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

impl<S: Clone, P, O> Shared<S, P, O> {
    /// A service for a correction, not ready yet.
    pub(crate) fn service(&self) -> S {
        // A clone that panicked changed nothing in here.
        let template = self.template.lock().unwrap_or_else(PoisonError::into_inner);
        template.clone()
    }
}

impl<Req, S, P, O> Service<Req> for Correct<S, P, O>
where
    Req: Send + 'static,
    S: Service<Req> + Clone + Send + 'static,
    S::Response: Send + 'static,
    S::Error: AsFailure + From<Uncorrected<P::Wrong>> + Send + 'static,
    S::Future: Send + 'static,
    P: Policy<Req, S::Response, S::Error> + Send + Sync + 'static,
    P::Case: Send + 'static,
    P::Wrong: Send + Sync + 'static,
    O: Observe<Req> + Send + Sync + 'static,
    O::Context: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, S::Response, S::Error>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let CorrectLayer {
            policy, observe, ..
        } = &self.shared.layer;
        let case = match policy.open(&request) {
            Ok(Some(case)) => case,
            Ok(None) => return ResponseFuture::passed(self.inner.call(request)),
            Err(error) => return ResponseFuture::refused(error),
        };
        let context = observe.context(&request);
        let first = self.inner.call(request);
        let course = Course::new(Arc::clone(&self.shared), context, case);
        ResponseFuture::checked(Box::pin(course.run(first)))
    }
}

/// The clone's inner service is a clone too and has to be made ready for itself.
impl<S: Clone, P, O> Clone for Correct<S, P, O> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S: fmt::Debug, P, O> fmt::Debug for Correct<S, P, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Correct")
            .field("inner", &self.inner)
            .field("max", &self.shared.layer.max)
            .finish_non_exhaustive()
    }
}
