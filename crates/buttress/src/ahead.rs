use buttress_client::LlmClient;
use buttress_core::{AsFailure, Carry, Context as _, Event};
use buttress_llm::{LlmError, LlmRequest, LlmResponse};
use pin_project_lite::pin_project;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};
use tower::{Layer, Service};

/// Writes requests for a client before they wait for their turn. See [`EncodeAhead`].
#[derive(Clone, Debug)]
pub struct EncodeAheadLayer {
    client: LlmClient,
}

impl EncodeAheadLayer {
    /// Writes for this client, around which the layers below stand.
    #[must_use]
    pub const fn new(client: LlmClient) -> Self {
        Self { client }
    }
}

impl<S> Layer<S> for EncodeAheadLayer {
    type Service = EncodeAhead<S>;

    fn layer(&self, inner: S) -> EncodeAhead<S> {
        EncodeAhead::new(inner, self.client.clone())
    }
}

/// Writes requests for a client before they wait for their turn to be sent by it.
///
/// A request that can't be carried over to the client's dialect fails here, at once: it neither
/// stands in line at a gate nor takes a probe's place, and its upstream call is given back. One in
/// the client's own dialect passes by.
#[derive(Clone, Debug)]
pub struct EncodeAhead<S> {
    inner: S,
    client: LlmClient,
}

impl<S> EncodeAhead<S> {
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

impl<S> EncodeAhead<S> {
    /// Writes for this client, which is somewhere below the inner service.
    pub(crate) const fn new(inner: S, client: LlmClient) -> Self {
        Self { inner, client }
    }
}

impl<S> Service<LlmRequest> for EncodeAhead<S>
where
    S: Service<LlmRequest, Response = LlmResponse, Error = LlmError>,
{
    type Response = LlmResponse;
    type Error = LlmError;
    type Future = EncodeAheadFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LlmError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: LlmRequest) -> Self::Future {
        let state = match self.client.encode_ahead(&mut request) {
            Ok(()) => State::Called {
                future: self.inner.call(request),
            },
            Err(error) => {
                if let Some(call) = request.call() {
                    call.refund_call();
                    call.record(Event::Failed(error.as_failure()));
                }
                State::Refused { error: Some(error) }
            }
        };
        EncodeAheadFuture { state }
    }
}

pin_project! {
    /// The future of an [`EncodeAhead`].
    #[must_use = "futures do nothing unless polled"]
    pub struct EncodeAheadFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Called { #[pin] future: F },
        Refused { error: Option<LlmError> },
    }
}

impl<F> Future for EncodeAheadFuture<F>
where
    F: Future<Output = Result<LlmResponse, LlmError>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match self.project().state.project() {
            StateProj::Called { future } => future.poll(cx),
            StateProj::Refused { error } => {
                Poll::Ready(Err(error.take().expect("polled after it was ready")))
            }
        }
    }
}

impl<F> fmt::Debug for EncodeAheadFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncodeAheadFuture")
    }
}
