use super::{CarryOnLayer, stream::CarriedOn};
use buttress_llm::{AnswerBody, EventStream, LlmError, LlmRequest, LlmResponse};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};
use tower::Service;

/// Carries on the streams of the inner service that break. Made by a [`CarryOnLayer`].
///
/// `poll_ready` drives the very instance that the call then uses; a continuation uses a clone of
/// the service as it was when the layer was put around it, and makes that ready first.
///
/// # Cancellation
/// Dropping a stream drops what it reads from, or the call for its rest that is under way.
pub struct CarryOn<S> {
    inner: S,
    shared: Arc<Shared<S>>,
}

pub(super) struct Shared<S> {
    pub(super) layer: CarryOnLayer,
    template: Mutex<S>,
}

impl<S: Clone> CarryOn<S> {
    /// Puts the layer around this service.
    #[must_use]
    pub fn new(inner: S, layer: CarryOnLayer) -> Self {
        let template = Mutex::new(inner.clone());
        Self {
            inner,
            shared: Arc::new(Shared { layer, template }),
        }
    }
}

impl<S> CarryOn<S> {
    /// The inner service: the instance of the call itself. Continuations use a copy.
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

impl<S: Clone> Shared<S> {
    /// A service for a continuation, not ready yet.
    pub(super) fn service(&self) -> S {
        // A clone that panicked changed nothing in here.
        let template = self.template.lock().unwrap_or_else(PoisonError::into_inner);
        template.clone()
    }
}

impl<S> Service<LlmRequest> for CarryOn<S>
where
    S: Service<LlmRequest, Response = LlmResponse, Error = LlmError> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = LlmResponse;
    type Error = LlmError;
    type Future = CarryOnFuture<S, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LlmError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: LlmRequest) -> Self::Future {
        let may_be_needed = self.shared.layer.max > 0 && request.streams();
        let kept = may_be_needed.then(|| Kept {
            shared: Arc::clone(&self.shared),
            request: request.clone(),
        });
        let future = self.inner.call(request);
        CarryOnFuture { future, kept }
    }
}

/// What is needed to carry on a stream.
struct Kept<S> {
    shared: Arc<Shared<S>>,
    request: LlmRequest,
}

pin_project! {
    /// The future of a [`CarryOn`].
    #[must_use = "futures do nothing unless polled"]
    pub struct CarryOnFuture<S, F> {
        #[pin]
        future: F,
        kept: Option<Kept<S>>,
    }
}

impl<S, F> Future for CarryOnFuture<S, F>
where
    S: Service<LlmRequest, Response = LlmResponse, Error = LlmError> + Clone + Send + 'static,
    S::Future: Send + 'static,
    F: Future<Output = Result<LlmResponse, LlmError>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut response = ready!(this.future.poll(cx))?;
        if let (AnswerBody::Stream(_), Some(Kept { shared, request })) =
            (&response.body, this.kept.take())
        {
            let carried = |events| EventStream::new(CarriedOn::new(shared, request, events));
            response.body = match response.body {
                AnswerBody::Stream(events) => AnswerBody::Stream(carried(events)),
                whole @ AnswerBody::Json(_) => whole,
            };
        }
        Poll::Ready(Ok(response))
    }
}

/// The clone's inner service is a clone too and has to be made ready for itself.
impl<S: Clone> Clone for CarryOn<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for CarryOn<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CarryOn")
            .field("inner", &self.inner)
            .field("layer", &self.shared.layer)
            .finish_non_exhaustive()
    }
}

impl<S, F> fmt::Debug for CarryOnFuture<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CarryOnFuture")
            .field("kept", &self.kept.is_some())
            .finish_non_exhaustive()
    }
}
