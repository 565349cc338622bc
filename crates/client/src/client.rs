use crate::{
    ClientBuilder, Commit, exchange,
    shared::{Asked, Place, Shared},
};
use buttress_llm::{Dialect, LlmError, LlmRequest, LlmResponse, Provider, Target};
use buttress_timeout::Limits;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// The LLM service: one model at one provider.
///
/// Clones and [`model`](Self::model)s share their connections.
///
/// What went out and what came back is recorded in the journey of the request's
/// [`Call`](buttress_core::Call), if it carries one; the call's deadline limits the attempt.
#[derive(Clone)]
pub struct LlmClient {
    asked: Arc<Asked>,
}

impl LlmClient {
    /// Begins a client for this provider.
    pub fn builder(provider: Provider) -> ClientBuilder {
        ClientBuilder::new(provider)
    }

    pub(crate) fn new(shared: Shared, target: Target) -> Self {
        let place = Place {
            target,
            model: None,
            whole: Limits::whole(),
            streamed: Limits::streamed(),
            commit: Commit::Content,
            max_held: Self::MAX_HELD,
        };
        let shared = Arc::new(shared);
        Self {
            asked: Arc::new(Asked { shared, place }),
        }
    }

    /// The same client for this model, whatever model a request names.
    #[must_use]
    pub fn model(&self, model: impl Into<Arc<str>>) -> Self {
        let model = model.into();
        self.at(|place| {
            place.target = place.target.clone().model(Arc::clone(&model));
            place.model = Some(model);
        })
    }

    /// The same client with requests written differently: see [`Target`] for what can be set
    /// beside the model.
    #[must_use]
    pub fn target(&self, change: impl FnOnce(Target) -> Target) -> Self {
        self.at(|place| place.target = change(place.target.clone()))
    }

    /// The same client with other limits on how long an attempt may keep silent, and last, when a
    /// whole answer is asked for [[`Limits::whole`]].
    #[must_use]
    pub fn whole_limits(self, limits: Limits) -> Self {
        self.at(|place| place.whole = limits)
    }

    /// The same client with other limits on how long an attempt may keep silent, and last, when a
    /// stream is asked for [[`Limits::streamed`]].
    #[must_use]
    pub fn stream_limits(self, limits: Limits) -> Self {
        self.at(|place| place.streamed = limits)
    }

    /// The default for how much of a stream is held back, in bytes: 256 KiB.
    pub const MAX_HELD: usize = 256 << 10;

    /// The same client with streamed answers given out at another point than their
    /// [first content](Commit::Content), and with up to so many bytes of each held back until
    /// then [[`MAX_HELD`](Self::MAX_HELD)]: its frames, and what each is wrapped in, which of small
    /// ones is the most. When that is not enough, what is held back is given out as it is; before
    /// its first content an answer that needs more is thinking, or a provider that keeps talking
    /// about nothing.
    #[must_use]
    pub fn commit(&self, commit: Commit, max_held: usize) -> Self {
        self.at(|place| (place.commit, place.max_held) = (commit, max_held))
    }

    /// Who is asked.
    #[must_use]
    pub fn provider(&self) -> Provider {
        self.asked.shared.provider
    }

    /// What is spoken there, to callers who speak [something else](Self::asks_as_callers_do).
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.asked.place.target.dialect()
    }

    /// The host and the port that are asked.
    #[must_use]
    pub fn address(&self) -> Option<(&str, u16)> {
        self.asked.shared.endpoint.address()
    }

    /// Whether a request may go there in a dialect that is not [the usual one](Self::dialect).
    #[must_use]
    pub fn asks_as_callers_do(&self) -> bool {
        self.asked.shared.callers.is_some()
    }

    /// [Writes](LlmRequest::encode_ahead) a request for this client ahead of its call.
    ///
    /// # Errors
    /// The request can't be carried over to the dialect that is spoken there.
    pub fn encode_ahead(&self, request: &mut LlmRequest) -> Result<(), LlmError> {
        let (target, _) = self.asked.written_for(request);
        Ok(request.encode_ahead(&target)?)
    }

    fn at(&self, change: impl FnOnce(&mut Place)) -> Self {
        let mut asked = Asked::clone(&self.asked);
        change(&mut asked.place);
        Self {
            asked: Arc::new(asked),
        }
    }
}

/// Always ready: waiting for a connection is part of the call.
impl Service<LlmRequest> for LlmClient {
    type Response = LlmResponse;
    type Error = LlmError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LlmError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: LlmRequest) -> ResponseFuture {
        let exchange = exchange::run(Arc::clone(&self.asked), request);
        ResponseFuture(Box::pin(exchange))
    }
}

impl fmt::Debug for LlmClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LlmClient")
            .field("provider", &self.asked.shared.provider)
            .field("endpoint", &self.asked.shared.endpoint)
            .field("place", &self.asked.place)
            .finish_non_exhaustive()
    }
}

/// One call to a provider.
///
/// Boxed: beside a round trip over the network an allocation is nothing, and the whole of an
/// exchange reads better as one function.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture(Pin<Box<dyn Future<Output = Result<LlmResponse, LlmError>> + Send>>);

impl Future for ResponseFuture {
    type Output = Result<LlmResponse, LlmError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}
