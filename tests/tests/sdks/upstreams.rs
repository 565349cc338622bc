//! The gateway that an SDK asks, and the providers behind it.
//!
//! | model | |
//! |---|---|
//! | `openai`, `responses`, `anthropic`, `gemini` | is well, and asked in this dialect: see [`mirror`] |
//! | `anthropic-older` | the same, but a schema has to be asked of it as a tool |
//! | `claude-sonnet-4-5-by-openai` | is `openai`, by a name that an SDK knows |
//! | `openai-FAULT`, … | fails like this: see [`faults`] |
//! | `openai-half`, … | breaks its stream off, and goes on from there when it is asked to |
//! | `openai-then-anthropic`, … | is well until a tool was called; then the first provider is down, and the second one takes over |
//! | `down` | three routes, and nobody is there |
//!
//! There is a second gateway before the same, which carries on streams that break.

use crate::mirror;
use buttress_testkit::{Dialect, Fault, Provider, Received, Reply};
use buttress_tests::{Gateway, Setup};
use std::collections::HashMap;

/// No request of a caller's causes more upstream calls than this.
pub const MAX_CALLS: usize = 3;

/// How long a route waits for an answer that does not come.
const PATIENCE: &str = "100ms";

/// The dialects in which providers are asked, and a model of each.
const DIALECTS: [(&str, Dialect, &str); 4] = [
    ("openai", Dialect::OpenAi, "gpt-4o"),
    ("responses", Dialect::Responses, "gpt-4o-mini"),
    ("anthropic", Dialect::Anthropic, "claude-sonnet-4-5"),
    ("gemini", Dialect::Gemini, "gemini-3-flash"),
];

const OLDER: &str = "claude-3-haiku-20240307";

/// What fails, by name.
fn faults() -> Vec<(&'static str, Reply)> {
    let error = Reply::error;
    let cut = || Reply::text("One two three four.");
    vec![
        // For longer than anybody waits.
        ("rate-limited", Reply::rate_limited().retry_after(90)),
        ("quota", Reply::insufficient_quota()),
        ("overloaded", Reply::overloaded()),
        ("broken", Reply::server_error()),
        ("html", Reply::bad_gateway()),
        ("invalid-key", Reply::invalid_key()),
        ("permission", error(Fault::Permission)),
        ("unknown-model", error(Fault::UnknownModel)),
        ("conflict", error(Fault::Conflict)),
        ("invalid", error(Fault::InvalidRequest)),
        ("too-long", Reply::context_too_long()),
        ("policy", Reply::content_policy()),
        ("too-large", error(Fault::RequestTooLarge)),
        // Until the route has enough of it, and until the caller has.
        ("silent", Reply::silence()),
        ("hangs", Reply::silence()),
        // Streams that break in the middle.
        ("cut", cut().reset_after(2)),
        ("overloaded-later", cut().error_after(2, Fault::Overloaded)),
    ]
}

pub struct Upstreams {
    providers: Vec<Provider>,
    gateway: Gateway,
    carries_on: Gateway,
    routes: Vec<String>,
}

impl Upstreams {
    pub async fn start() -> Self {
        let mut replies = HashMap::new();
        let mut routes = Vec::new();
        for (kind, dialect, model) in DIALECTS {
            for (fault, reply) in faults() {
                let name = format!("{kind}-{fault}");
                replies.insert(name.clone(), reply);
                routes.push((name, dialect));
            }
            routes.push((format!("{kind}-unprocessable"), dialect));
            routes.push((format!("{kind}-leaves"), dialect));
            routes.push((format!("{kind}-half"), dialect));
            routes.push((model.to_owned(), dialect));
        }
        routes.push((OLDER.to_owned(), Dialect::Anthropic));
        for (name, dialect) in [
            ("down-1", Dialect::OpenAi),
            ("down-2", Dialect::Anthropic),
            ("down-3", Dialect::OpenAi),
        ] {
            replies.insert(name.to_owned(), Reply::server_error());
            routes.push((name.to_owned(), dialect));
        }

        let mut providers = Vec::new();
        for (_, dialect, _) in DIALECTS {
            let replies = replies.clone();
            let script = move |call: &Received| match replies.get(call.model()) {
                Some(reply) => reply.clone(),
                None => mirror::reply(call),
            };
            let provider = Provider::builder(dialect).forever(script);
            providers.push(provider.start().await.expect("a port"));
        }

        let mut setup = Setup::new()
            .with("server.client_key_env = 'KEY'")
            .with(&format!("limits.max_calls = {MAX_CALLS}"))
            .with("defaults.retry.max_retries = 1")
            .with("defaults.retry.base = '1ms'")
            // A script asks what fails again and again.
            .with("defaults.breaker.enabled = false");
        for (name, dialect) in &routes {
            let provider = DIALECTS.iter().position(|(_, it, _)| it == dialect);
            let provider = &providers[provider.expect("one of each")];
            setup = setup.route(name, *dialect, provider.url());
            if name.ends_with("-silent") {
                setup = setup
                    .and(&format!("timeout.attempt = '{PATIENCE}'"))
                    .and(&format!("timeout.first_content = '{PATIENCE}'"))
                    .and("retry.max_timeouts = 0");
            }
        }
        for (name, routes) in models(&routes) {
            setup = setup.with(&format!("models.'{name}' = {routes:?}"));
        }
        let carries_on = setup.clone().with("limits.continuations = 1");
        Self {
            providers,
            gateway: setup.start().await,
            carries_on: carries_on.start().await,
            routes: routes.into_iter().map(|(name, _)| name).collect(),
        }
    }

    pub fn gateway_url(&self) -> String {
        format!("http://{}", self.gateway.address())
    }

    pub fn carries_on_url(&self) -> String {
        format!("http://{}", self.carries_on.address())
    }

    pub const fn gateway_key(&self) -> &'static str {
        "the-callers-key"
    }

    /// How many calls there were for this route's model.
    fn calls(&self, route: &str) -> usize {
        let calls = self.providers.iter().flat_map(Provider::calls);
        calls.filter(|call| call.model() == route).count()
    }

    /// How many calls there were for the model `down`.
    pub fn calls_while_down(&self) -> usize {
        ["down-1", "down-2", "down-3"]
            .map(|route| self.calls(route))
            .iter()
            .sum()
    }

    /// Nothing that is here was left out by the script.
    pub fn assert_all_asked(&self) {
        let asked = |route: &&String| **route != "down-3" && self.calls(route) == 0;
        let left_out: Vec<_> = self.routes.iter().filter(asked).collect();
        assert!(left_out.is_empty(), "never asked: {left_out:?}");
    }
}

/// What can be asked for, and the routes that it takes: each route by itself, and some by another
/// name, or with others behind them.
fn models(routes: &[(String, Dialect)]) -> Vec<(String, Vec<&str>)> {
    let each = routes.iter();
    let mut models: Vec<_> = each
        .map(|(name, _)| (name.clone(), vec![&**name]))
        .collect();
    let mut add = |name: &str, routes| models.push((name.to_owned(), routes));
    for (kind, _, model) in DIALECTS {
        add(kind, vec![model]);
        let leaves = format!("{kind}-leaves");
        let leaves = routes.iter().find(|(name, _)| *name == leaves);
        let (leaves, _) = leaves.expect("one of each");
        for (next, _, model) in DIALECTS {
            if next != kind {
                add(&format!("{kind}-then-{next}"), vec![leaves, model]);
            }
        }
    }
    add("anthropic-older", vec![OLDER]);
    add("claude-sonnet-4-5-by-openai", vec!["gpt-4o"]);
    add("down", vec!["down-1", "down-2", "down-3"]);
    models
}
