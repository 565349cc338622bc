use super::{
    conclude::{conclude, dead},
    request::request,
};
use buttress_core::{Call, Carry};
use buttress_llm::{Kind, LlmError, LlmRequest, LlmResponse};
use buttress_queue::{Delivery, Verdict};
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tower::Service;

/// Makes the requests of a queue again. See the [module's documentation](super).
///
/// A task that a [`DegradeLayer`](crate::queue::DegradeLayer) wrote is the request that its caller
/// made, in its dialect, but for a whole answer. One that another program wrote is one for OpenAI's
/// chat completions: its `messages` are the messages, or the whole request.
///
/// Each delivery has a [`Call`] of its own.
///
/// # Errors
/// Those of the inner service becoming ready; what comes of a call is in the [`Verdict`].
#[derive(Clone, Debug)]
pub struct Replay<S> {
    inner: S,
    model: Option<Arc<str>>,
    max_calls: u32,
    deadline: Option<Duration>,
}

impl<S> Replay<S> {
    /// Through this service.
    #[must_use]
    pub const fn new(inner: S) -> Self {
        Self {
            inner,
            model: None,
            max_calls: Call::DEFAULT_MAX_CALLS,
            deadline: Some(Duration::from_secs(1800)),
        }
    }

    /// Sets the model to ask for where a task of another program's names none [none: such a task
    /// is given up].
    #[must_use]
    pub fn model(mut self, model: impl Into<Arc<str>>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Sets the most upstream calls that one delivery may cause \[12\].
    #[must_use]
    pub const fn max_calls(mut self, calls: u32) -> Self {
        self.max_calls = calls;
        self
    }

    /// Sets how long one delivery may take, where the inner service has a layer that sees to it
    /// [30 min].
    #[must_use]
    pub fn deadline(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.deadline = limit.into();
        self
    }

    /// The inner service.
    #[must_use]
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, without this one.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.inner
    }

    fn call(&self) -> Call {
        let call = Call::new().max_calls(self.max_calls);
        match self.deadline {
            Some(limit) => call.within(limit),
            None => call,
        }
    }
}

impl<S> Service<Delivery> for Replay<S>
where
    S: Service<LlmRequest, Response = LlmResponse, Error = LlmError>,
    S::Future: Send + 'static,
{
    type Response = Verdict;
    type Error = LlmError;
    type Future = ReplayFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LlmError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, delivery: Delivery) -> ReplayFuture {
        let before = delivery.task.attempts;
        let mut request = match request(delivery.task, self.model.as_deref()) {
            Ok(request) => request,
            Err(unreadable) => {
                let verdict = dead(400, Kind::InvalidRequest, &unreadable.to_string());
                return ReplayFuture(Box::pin(std::future::ready(verdict)));
            }
        };
        let call = Self::call(self);
        request.set_call(call.clone());
        let dialect = request.dialect();
        let answer = self.inner.call(request);
        ReplayFuture(Box::pin(async move {
            conclude(answer.await, dialect, &call, before).await
        }))
    }
}

/// The future of a [`Replay`]. Boxed: beside a call over the network, and the reading of a task
/// before it, an allocation is nothing.
#[must_use = "futures do nothing unless polled"]
pub struct ReplayFuture(Pin<Box<dyn Future<Output = Verdict> + Send>>);

impl Future for ReplayFuture {
    type Output = Result<Verdict, LlmError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for ReplayFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplayFuture")
    }
}
