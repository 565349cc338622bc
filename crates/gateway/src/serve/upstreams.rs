//! From the configuration to the stacks that serve it.

use crate::config::{self, Config, Window};
use buttress::{
    Declares, Prices, Route, Stack, StackService,
    circuit_breaker::{CircuitBreakerLayer, Settings},
    client::LlmClient,
    retry::{Backoff, Budget, Jitter, RetryLayer},
    timeout::Limits,
};
use http::HeaderValue;
use std::{collections::HashMap, error::Error, sync::Arc};

type BoxError = Box<dyn Error>;

/// The stacks, one for each chain of the configuration, and the routes that they share.
pub(super) struct Upstreams {
    routes: Vec<Route>,
    stacks: Vec<StackService>,
    signs: HashMap<Arc<str>, Sign>,
}

/// What an answer tells of the route that gave it.
pub(super) struct Sign {
    /// Its name, in the form of a header.
    pub(super) name: HeaderValue,
    /// What tokens cost there, if that is known.
    pub(super) prices: Option<Prices>,
}

impl Upstreams {
    pub(super) fn new(config: &Config) -> Result<Self, BoxError> {
        let mut clients = HashMap::new();
        let mut routes = Vec::with_capacity(config.routes.len());
        for settings in &config.routes {
            let provider = &settings.provider;
            // Routes to one provider share its connections.
            let client = match clients.get(&provider.name) {
                Some(client) => client,
                None => {
                    let client = client(provider)
                        .map_err(|error| format!("provider {:?}: {error}", provider.name))?;
                    clients.entry(Arc::clone(&provider.name)).or_insert(client)
                }
            };
            let route = route(settings, client)
                .map_err(|error| format!("route {:?}: {error}", settings.name))?;
            routes.push(route);
        }
        let stack = |chain: &config::Chain| {
            let mut chained = chain
                .routes
                .iter()
                .filter_map(|&at| routes.get(at).cloned());
            let first = chained.next().ok_or("a chain without routes")?;
            let stack = chained.fold(Stack::new(first), Stack::then);
            let limits = &config.limits;
            let stack = stack.deadline(limits.deadline).max_calls(limits.max_calls);
            Ok(stack.service())
        };
        let stacks = config
            .chains
            .iter()
            .map(stack)
            .collect::<Result<_, BoxError>>()?;
        Ok(Self {
            stacks,
            signs: config.routes.iter().map(sign).collect(),
            routes,
        })
    }

    /// The stack of the chain at this place of the configuration.
    pub(super) fn stack(&self, chain: usize) -> Option<StackService> {
        self.stacks.get(chain).cloned()
    }

    /// What answers tell of the route of this name.
    pub(super) fn sign(&self, route: &str) -> Option<&Sign> {
        self.signs.get(route)
    }

    /// All routes, in the order of the configuration.
    pub(super) fn routes(&self) -> &[Route] {
        &self.routes
    }
}

fn sign(route: &config::Route) -> (Arc<str>, Sign) {
    // A name may hold what can't stand in a header.
    let name = HeaderValue::try_from(route.name.escape_default().to_string());
    let sign = Sign {
        name: name.expect("only printable ASCII is left"),
        prices: prices_of(route),
    };
    (Arc::clone(&route.name), sign)
}

fn prices_of(route: &config::Route) -> Option<Prices> {
    let (input, output) = (route.cost_per_million_input, route.cost_per_million_output);
    Some(Prices::new(input?, output?))
}

fn client(provider: &config::Provider) -> Result<LlmClient, BoxError> {
    let mut client = LlmClient::builder(provider.kind)
        .headers(provider.headers.clone())
        .connect_timeout(provider.connect_timeout)
        .http_version(provider.http);
    if let Some(url) = &provider.base_url {
        client = client.base_url(url.to_string());
    }
    if let Some(key) = &provider.key {
        client = client.key(key.clone());
    }
    Ok(client.build()?)
}

fn route(settings: &config::Route, client: &LlmClient) -> Result<Route, BoxError> {
    let client = match &settings.model {
        Some(model) => client.model(Arc::clone(model)),
        None => client.clone(),
    };
    let client = client.target(|target| match settings.max_output_tokens {
        Some(tokens) => target.max_output_tokens(tokens),
        None => target,
    });
    let timeout = &settings.timeout;
    let whole = Limits::none().attempt(timeout.attempt);
    let streamed = Limits::none()
        .headers(timeout.headers)
        .first_content(timeout.first_content)
        .idle(timeout.idle)
        .attempt(timeout.stream);
    let client = client.whole_limits(whole).stream_limits(streamed);

    let mut declares = Declares::default();
    declares.context_window = settings.context_window;
    declares.tools = settings.accepts.tools;
    declares.images = settings.accepts.images;
    declares.json_schema = settings.accepts.json_schema;
    declares.content_policy = settings.accepts.content_policy;
    declares.invalid_request = settings.accepts.invalid_request;
    declares.prices = prices_of(settings);

    let route = Route::new(Arc::clone(&settings.name), client)
        .declares(declares)
        .patience(settings.patience.unwrap_or(std::time::Duration::MAX))
        .retry(retry(&settings.retry)?);
    let gate = &settings.gate;
    let route = if gate.enabled {
        route.gate(|layer| {
            layer
                .max_wait(gate.max_wait)
                .max_waiting(gate.max_waiting)
                .backoff(gate.backoff, gate.max_backoff)
                .park_for(gate.park_for)
                .spacing(gate.spacing)
                .well_after(gate.well_after)
        })
    } else {
        route.without_gate()
    };
    Ok(if settings.breaker.enabled {
        route.breaker(breaker(&settings.breaker)?)
    } else {
        route.without_breaker()
    })
}

fn retry(settings: &config::Retry) -> Result<RetryLayer, BoxError> {
    let backoff = Backoff::new(settings.base, settings.cap)?.jitter(match settings.jitter {
        config::Jitter::Full => Jitter::Full,
        config::Jitter::Equal => Jitter::Equal,
        config::Jitter::Decorrelated => Jitter::Decorrelated,
        config::Jitter::Additive => Jitter::Additive,
        config::Jitter::None => Jitter::None,
    });
    let layer = RetryLayer::standard()
        .max_retries(settings.max_retries)
        .max_timeouts(settings.max_timeouts)
        .max_wait(settings.max_wait)
        .backoff(backoff);
    Ok(match settings.budget {
        Some(percent) => layer.budget(
            Budget::builder()
                .percent(percent)
                .reserve(settings.budget_reserve)
                .cap(settings.budget_cap)
                .build()?,
        ),
        None => layer.without_budget(),
    })
}

fn breaker(settings: &config::Breaker) -> Result<CircuitBreakerLayer, BoxError> {
    let breaker = Settings::standard()
        .consecutive_failures(settings.consecutive_failures)
        .failure_rate(settings.failure_rate)
        .min_calls(settings.min_calls)
        .open_for(settings.open)
        .open_max(settings.open_max)
        .probes(settings.probes)
        .successes_to_close(settings.successes)
        .probe_lease(settings.probe_lease);
    let breaker = match settings.window {
        Window::Calls(calls) => breaker.count_window(calls),
        Window::Time(span) => breaker.time_window(span),
    };
    let breaker = match settings.slow.zip(settings.slow_rate) {
        Some((after, rate)) => breaker.slow_calls(after, rate),
        None => breaker,
    };
    Ok(CircuitBreakerLayer::new(breaker)?)
}
