use crate::{
    Declares, EncodeAhead, EncodeAheadLayer, LimitLeft, LlmPace, Prices, Shapes, Switch,
    limits::LastLimits,
};
use buttress_circuit_breaker::{CircuitBreaker, CircuitBreakerLayer, Handle};
use buttress_client::LlmClient;
use buttress_core::{ByError, Carried};
use buttress_fallback as fallback;
use buttress_llm::{AtStreamEnd, LlmError, LlmRequest, LlmResponse};
use buttress_retry::{
    Retry, RetryLayer,
    reshape::{ReshapeLayer, Reshaper},
};
use buttress_retry_after::{Gate, GateHandle, GateLayer};
use pin_project_lite::pin_project;
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tower::{Layer as _, Service, ServiceBuilder};

type Inner = Reshaper<Tried, Shapes, ByError, Carried>;

type Tried = EncodeAhead<Retry<LlmGate, ByError, Carried>>;

type LlmGate = Gate<Breaker, Switch<AtStreamEnd>, Switch<LlmPace>, Carried>;

type Breaker = CircuitBreaker<LlmClient, Switch<AtStreamEnd>, Carried>;

/// One place that requests may be sent to, with the layers of its own.
///
/// Everything has the default that is right for LLM calls; what is set here is set for this
/// route. A route can stand in several [`Stack`](crate::Stack)s: its clones share its budget, its
/// gate and its breaker.
#[derive(Clone, Debug)]
pub struct Route {
    name: Arc<str>,
    client: LlmClient,
    retry: RetryLayer<ByError, Carried>,
    gate: LlmGateLayer,
    breaker: CircuitBreakerLayer<Switch<AtStreamEnd>, Carried>,
    patience: Duration,
    declares: Declares,
    shapes: Shapes,
    limits: Arc<LastLimits>,
}

impl Route {
    /// A route of this name, which is what errors, journeys and answers call it.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, client: LlmClient) -> Self {
        let limits = Arc::new(LastLimits::new());
        Self {
            name: name.into(),
            client,
            retry: retry(RetryLayer::standard()),
            gate: gate(GateLayer::standard(), JUDGE, pace(&limits)),
            breaker: breaker(CircuitBreakerLayer::standard(), JUDGE),
            patience: fallback::Route::DEFAULT_PATIENCE,
            declares: Declares::default(),
            shapes: Shapes::new(),
            limits,
        }
    }

    /// Sets when and how often it tries again. Only the settings of the layer count: how
    /// outcomes are judged and requests looked into is the stack's business.
    #[must_use]
    pub fn retry(mut self, layer: RetryLayer) -> Self {
        self.retry = retry(layer);
        self
    }

    /// Sets how calls wait while its key is limited. The gate is the layer's own, so routes that
    /// are given clones of one layer share it: those that ask one key for one model, or for
    /// several that share a limit.
    ///
    /// Routes that ask one key for other models should be given layers
    /// [of one key](GateLayer::of_key): what one of them learns of the key, the others need not
    /// find out.
    #[must_use]
    pub fn gate(mut self, layer: GateLayer) -> Self {
        self.gate = gate(layer, JUDGE, pace(&self.limits));
        self
    }

    /// Lets calls through whatever the limits of its key, and whatever became of it.
    #[must_use]
    pub fn without_gate(mut self) -> Self {
        self.gate = gate(GateLayer::standard(), DEAF, DEAF_PACE);
        self
    }

    /// Sets when it is taken for broken.
    #[must_use]
    pub fn breaker(mut self, layer: CircuitBreakerLayer) -> Self {
        self.breaker = breaker(layer, JUDGE);
        self
    }

    /// Lets calls through however broken it is.
    #[must_use]
    pub fn without_breaker(mut self) -> Self {
        self.breaker = breaker(CircuitBreakerLayer::standard(), DEAF);
        self
    }

    /// Sets how long a call may wait here in all, in line and between attempts, while another
    /// route stands behind [2 s].
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sets what it takes, and what it costs.
    #[must_use]
    pub fn declares(mut self, declares: Declares) -> Self {
        self.declares = declares;
        self
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Reads and overrides its circuit breaker.
    #[must_use]
    pub fn breaker_handle(&self) -> Handle {
        self.breaker.handle()
    }

    /// Reads and overrides its gate.
    #[must_use]
    pub fn gate_handle(&self) -> GateHandle {
        self.gate.handle()
    }

    /// What its provider last said to be left of its key's limits: nothing, where it never did or
    /// there is [no gate](Self::without_gate).
    #[must_use]
    pub fn limits(&self) -> Vec<LimitLeft> {
        self.limits.get().collect()
    }

    /// What tokens cost there, if that is known.
    #[must_use]
    pub const fn prices(&self) -> Option<Prices> {
        self.declares.prices
    }

    /// Sets what is done with a request that can't work as it is \[nothing\].
    ///
    /// Where something is done after a timeout, the same is not sent again after one.
    #[must_use]
    pub fn shapes(mut self, shapes: Shapes) -> Self {
        self.shapes = shapes;
        self
    }

    /// What its calls go through, without a fallback behind it.
    #[must_use]
    pub fn service(&self) -> RouteService {
        let retry = if self.shapes.act_on_timeouts() {
            self.retry.clone().max_timeouts(0)
        } else {
            self.retry.clone()
        };
        let tried = ServiceBuilder::new()
            .layer(&retry)
            .layer(&self.gate)
            .layer(&self.breaker)
            .service(self.client.clone());
        let shapes = ReshapeLayer::new(self.shapes.clone()).observe(Carried::new());
        let ahead = EncodeAheadLayer::new(self.client.clone());
        RouteService {
            inner: shapes.layer(ahead.layer(tried)),
        }
    }

    pub(crate) const fn client(&self) -> &LlmClient {
        &self.client
    }

    pub(crate) fn into_fallback(mut self) -> fallback::Route<RouteService, Declares> {
        // One that speaks as its callers do may understand what another one does not.
        let one = !self.client.asks_as_callers_do();
        self.declares.dialect = one.then(|| self.client.dialect());
        fallback::Route::new(Arc::clone(&self.name), self.service())
            .patience(self.patience)
            .declares(self.declares)
    }
}

/// What a route's calls go through: shapes, encode ahead, retry, gate, circuit breaker, client. What
/// can't be written for the client does not begin. Made by [`Route::service`].
///
/// # Errors
/// The [`LlmError`] of the last attempt, or of the layer that refused it.
#[derive(Clone)]
pub struct RouteService {
    inner: Inner,
}

impl Service<LlmRequest> for RouteService {
    type Response = LlmResponse;
    type Error = LlmError;
    type Future = RouteFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LlmError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: LlmRequest) -> RouteFuture {
        RouteFuture {
            inner: self.inner.call(request),
        }
    }
}

pin_project! {
    /// The future of a [`RouteService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct RouteFuture {
        #[pin]
        inner: <Inner as Service<LlmRequest>>::Future,
    }
}

impl Future for RouteFuture {
    type Output = Result<LlmResponse, LlmError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().inner.poll(cx)
    }
}

impl fmt::Debug for RouteService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RouteService")
    }
}

impl fmt::Debug for RouteFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RouteFuture")
    }
}

type LlmGateLayer = GateLayer<Switch<AtStreamEnd>, Switch<LlmPace>, Carried>;

const DEAF_PACE: Switch<LlmPace> = Switch::off(LlmPace::new());
const JUDGE: Switch<AtStreamEnd> = Switch::on(AtStreamEnd::new());
const DEAF: Switch<AtStreamEnd> = Switch::off(AtStreamEnd::new());

fn pace(limits: &Arc<LastLimits>) -> Switch<LlmPace> {
    Switch::on(LlmPace::keep(limits))
}

fn retry(layer: RetryLayer) -> RetryLayer<ByError, Carried> {
    layer.classify(ByError::new()).observe(Carried::new())
}

fn gate(layer: GateLayer, judge: Switch<AtStreamEnd>, pace: Switch<LlmPace>) -> LlmGateLayer {
    layer.judge(judge).pace_hint(pace).observe(Carried::new())
}

fn breaker(
    layer: CircuitBreakerLayer,
    judge: Switch<AtStreamEnd>,
) -> CircuitBreakerLayer<Switch<AtStreamEnd>, Carried> {
    layer.judge(judge).observe(Carried::new())
}
