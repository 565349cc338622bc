use crate::{
    CarryOnLayer, Declares, LlmCorrect, LlmMetrics, LlmPolicy, Route, RouteService,
    carry_on::CarryOn,
    metrics::Tallied,
    trace::{TraceLayer, Traced, Traces},
};
use buttress_core::{Call, Carried, Carry};
use buttress_correct::Correct;
use buttress_fallback::{Fallback, Routes};
use buttress_llm::{LlmError, LlmRequest, LlmResponse};
use buttress_metrics::{Metered, MetricsLayer};
use buttress_timeout::{Deadline, DeadlineLayer};
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tower::{Layer, Service};

type Routed = CarryOn<Fallback<RouteService, LlmPolicy, Declares>>;
type Corrected = Correct<Routed, LlmCorrect, Carried>;
type Inner = Traced<Metered<Deadline<Corrected, Carried>, Tallied>>;

/// The ready-made stack over ordered routes, outermost first:
///
/// ```text
/// trace · metrics · deadline · correct · carry on · fallback[ per route: shapes · encode ahead · retry · gate · circuit breaker · client (with its timeouts) ]
/// ```
///
/// The same can be written by hand with `ServiceBuilder`: every part of it is public. The example
/// `axum-agent` does so with the layers that are on by default: all but trace, metrics, correct,
/// carry on and shapes.
#[derive(Clone, Debug)]
pub struct Stack {
    first: Route,
    backups: Vec<Route>,
    deadline: Option<Duration>,
    max_calls: u32,
    continuations: u32,
    correct: LlmCorrect,
    metrics: MetricsLayer<Tallied>,
    trace: TraceLayer,
}

impl Stack {
    /// How long a call may take by default: 30 min.
    pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(1800);

    /// A stack with one route.
    #[must_use]
    pub fn new(first: Route) -> Self {
        Self {
            first,
            backups: Vec::new(),
            deadline: Some(Self::DEFAULT_DEADLINE),
            max_calls: Call::DEFAULT_MAX_CALLS,
            continuations: 0,
            correct: LlmCorrect::off(),
            metrics: MetricsLayer::off().judge(Tallied::off()),
            trace: TraceLayer::off(),
        }
    }

    /// Adds a route behind the others.
    #[must_use]
    pub fn then(mut self, route: Route) -> Self {
        self.backups.push(route);
        self
    }

    /// Sets how long a call may take, all its attempts, waits and routes taken together
    /// [30 min: a long stream is not cut off]. A request's own earlier deadline stays.
    #[must_use]
    pub fn deadline(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.deadline = limit.into();
        self
    }

    /// Sets the most upstream calls that one request may cause \[12\], where it comes without a
    /// [`Call`] of its own.
    #[must_use]
    pub const fn max_calls(mut self, calls: u32) -> Self {
        self.max_calls = calls;
        self
    }

    /// Sets how often a stream that breaks is [carried on](crate::carry_on), by whichever route is
    /// next \[0: it is not\].
    #[must_use]
    pub const fn continuations(mut self, times: u32) -> Self {
        self.continuations = times;
        self
    }

    /// Sets how answers that are not what was asked for are [corrected](crate::correct), by
    /// whichever route is next \[they are not looked at\].
    #[must_use]
    pub fn correct(mut self, correct: LlmCorrect) -> Self {
        self.correct = correct;
        self
    }

    /// Counts its calls as ones for this model, which becomes a label: it must not come from a
    /// caller [nothing is counted].
    #[must_use]
    pub fn metrics(mut self, metrics: &LlmMetrics, model: impl Into<Arc<str>>) -> Self {
        self.metrics = metrics.layer(model);
        self
    }

    /// Opens a span for each call, and in it one for all that is done for it \[no call is traced\].
    #[must_use]
    pub fn traced(mut self, traces: &Traces) -> Self {
        self.trace = traces.layer();
        self
    }

    /// Makes the service.
    #[must_use]
    pub fn service(self) -> StackService {
        let mut routes = Routes::new(self.first.into_fallback());
        routes.extend(self.backups.into_iter().map(Route::into_fallback));
        let fallback = Fallback::new(routes, LlmPolicy::new());
        let carried = CarryOnLayer::new().max(self.continuations).layer(fallback);
        let corrected = self.correct.layer().layer(carried);
        let deadline = DeadlineLayer::new(Duration::MAX).limit(self.deadline);
        let metered = self.metrics.layer(deadline.layer(corrected));
        StackService {
            inner: self.trace.layer(metered),
            max_calls: self.max_calls,
        }
    }
}

/// The service that a [`Stack`] makes. Clones share all that the routes share.
///
/// # Errors
/// An [`LlmError`]: of the one route that was asked, or [`LlmError::Exhausted`] with what each
/// of several said.
#[derive(Clone)]
pub struct StackService {
    inner: Inner,
    max_calls: u32,
}

impl Service<LlmRequest> for StackService {
    type Response = LlmResponse;
    type Error = LlmError;
    type Future = StackFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LlmError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: LlmRequest) -> StackFuture {
        request.call_or(|| Call::new().max_calls(self.max_calls));
        StackFuture(Box::pin(self.inner.call(request)))
    }
}

/// The future of a [`StackService`].
///
/// Boxed, so that a name can be given to it, and because the futures of all layers together are
/// large: moving them around would cost more than the allocation.
#[must_use = "futures do nothing unless polled"]
pub struct StackFuture(Pin<Box<<Inner as Service<LlmRequest>>::Future>>);

impl Future for StackFuture {
    type Output = Result<LlmResponse, LlmError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for StackService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StackService")
            .field("max_calls", &self.max_calls)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for StackFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StackFuture")
    }
}
