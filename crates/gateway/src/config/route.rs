use super::{
    Breaker, Gate, Provider, Retry, Shape, Stream, Timeout,
    documented::documented,
    fields::Fields,
    settings::Settings,
    value::{dollars, duration, flag, integer, or_off, text},
};
use buttress::fallback;
use std::{sync::Arc, time::Duration};

documented! {
    /// `[[routes]]`: a model at a provider, and how a call to it is recovered.
    #[derive(Clone, Debug, PartialEq)]
    #[non_exhaustive]
    pub struct Route {
        /// What answers, logs and `[models]` call it: `PROVIDER/MODEL` unless it is named.
        pub name: Arc<str>,
        /// Who is asked.
        pub provider: Arc<Provider>,
        /// The model to ask for; `None` is the one that the caller asked for.
        pub model: Option<Arc<str>>,
        /// The most tokens that are asked for: a request that wants more is clamped, and one that
        /// sets no limit gets this one.
        pub max_output_tokens: Option<u64>,
        /// The size of the model's context window in tokens.
        pub context_window: Option<u64>,
        /// What a million input tokens cost, in US dollars.
        pub cost_per_million_input: Option<f64>,
        /// What a million output tokens cost, in US dollars.
        pub cost_per_million_output: Option<f64>,
        /// What it takes.
        pub accepts: Accepts,
        /// How long a call may wait here in all while another route stands behind; `None` is
        /// without a limit.
        pub patience: Option<Duration>,
        /// When and how often it tries again.
        pub retry: Retry,
        /// When it is taken for broken.
        pub breaker: Breaker,
        /// How calls wait while its key is limited.
        pub gate: Gate,
        /// How long an attempt may keep silent.
        pub timeout: Timeout,
        /// How streamed answers are given out.
        pub stream: Stream,
        /// What is done with a request that can't work as it is.
        pub shape: Shape,
    }
}

documented! {
    /// `[accepts]`: what a route takes.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Accepts {
        /// Requests with tools.
        pub tools: bool,
        /// Requests with images.
        pub images: bool,
        /// Requests for an answer that follows a JSON schema.
        pub json_schema: bool,
        /// Requests for more tokens than its `max_output_tokens`, of which it is asked for that
        /// many.
        pub clamped: bool,
        /// What another route refused for its content.
        pub content_policy: bool,
        /// What another route called malformed.
        pub invalid_request: bool,
    }
}

documented! {
    /// `[defaults]`: what routes have unless they say otherwise.
    #[derive(Clone, Debug)]
    pub(super) struct Defaults {
        accepts: Accepts,
        /// How long a call may wait on a route in all while another one stands behind it; `None`
        /// is without a limit.
        patience: Option<Duration>,
        retry: Retry,
        breaker: Breaker,
        gate: Gate,
        timeout: Timeout,
        stream: Stream,
        shape: Shape,
    }
}

impl Default for Accepts {
    fn default() -> Self {
        Self {
            tools: true,
            images: true,
            json_schema: true,
            clamped: true,
            content_policy: false,
            invalid_request: false,
        }
    }
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            accepts: Accepts::default(),
            patience: Some(fallback::Route::DEFAULT_PATIENCE),
            retry: Retry::default(),
            breaker: Breaker::default(),
            gate: Gate::default(),
            timeout: Timeout::default(),
            stream: Stream::default(),
            shape: Shape::default(),
        }
    }
}

impl Route {
    /// A route with the default settings.
    #[must_use]
    pub fn new(provider: Arc<Provider>, model: Option<&str>) -> Self {
        Self::inheriting(&Defaults::default(), provider, model)
    }

    fn inheriting(defaults: &Defaults, provider: Arc<Provider>, model: Option<&str>) -> Self {
        let name = match model {
            Some(model) => format!("{}/{model}", provider.name).into(),
            None => Arc::clone(&provider.name),
        };
        let defaults = defaults.clone();
        Self {
            name,
            provider,
            model: model.map(Arc::from),
            max_output_tokens: None,
            context_window: None,
            cost_per_million_input: None,
            cost_per_million_output: None,
            accepts: defaults.accepts,
            patience: defaults.patience,
            retry: defaults.retry,
            breaker: defaults.breaker,
            gate: defaults.gate,
            timeout: defaults.timeout,
            stream: defaults.stream,
            shape: defaults.shape,
        }
    }

    /// Whether the other one asks the same model at the same place with the same key, so that what
    /// is known of one holds for the other.
    pub(crate) fn asks_the_same(&self, other: &Self) -> bool {
        self.model == other.model && self.provider.is_same(&other.provider)
    }

    /// The model that the provider is asked for, when the caller asked for this one.
    #[must_use]
    pub fn upstream_model<'a>(&'a self, requested: &'a str) -> &'a str {
        self.model.as_deref().unwrap_or(requested)
    }

    /// Reads all of it but the provider.
    pub(super) fn read(
        fields: &mut Fields<'_>,
        defaults: &Defaults,
        provider: Arc<Provider>,
    ) -> Self {
        let model = fields.get("model", text());
        let mut route = Self::inheriting(defaults, provider, model.as_deref());
        if let Some(name) = fields.get("name", text()) {
            route.name = name.into();
        }
        let tokens = || or_off(integer(1..=1_000_000_000));
        fields.set("max_output_tokens", &mut route.max_output_tokens, tokens());
        fields.set("context_window", &mut route.context_window, tokens());
        let input = fields.get("cost_per_million_input", dollars());
        let output = fields.get("cost_per_million_output", dollars());
        (route.cost_per_million_input, route.cost_per_million_output) = (input, output);
        fields.set("patience", &mut route.patience, patience());
        fields.section("accepts", |fields| route.accepts.read(fields));
        table(&mut route.retry, fields);
        table(&mut route.breaker, fields);
        table(&mut route.gate, fields);
        table(&mut route.timeout, fields);
        table(&mut route.stream, fields);
        table(&mut route.shape, fields);
        route
    }
}

impl Defaults {
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        fields.of::<Self>();
        let mut defaults = Self::default();
        fields.set("patience", &mut defaults.patience, patience());
        fields.section("accepts", |fields| defaults.accepts.read(fields));
        table(&mut defaults.retry, fields);
        table(&mut defaults.breaker, fields);
        table(&mut defaults.gate, fields);
        table(&mut defaults.timeout, fields);
        table(&mut defaults.stream, fields);
        table(&mut defaults.shape, fields);
        defaults
    }
}

impl Accepts {
    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.of::<Self>();
        fields.set("tools", &mut self.tools, flag());
        fields.set("images", &mut self.images, flag());
        fields.set("json_schema", &mut self.json_schema, flag());
        fields.set("clamped", &mut self.clamped, flag());
        fields.set("content_policy", &mut self.content_policy, flag());
        fields.set("invalid_request", &mut self.invalid_request, flag());
    }
}

fn table<S: Settings>(settings: &mut S, fields: &mut Fields<'_>) {
    fields.section(S::TABLE, |fields| settings.read(fields));
}

fn patience() -> impl super::value::Read<Option<Duration>> {
    or_off(duration(Duration::ZERO..=Duration::from_secs(3600)))
}
