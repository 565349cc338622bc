//! A configuration without a file: the providers whose keys are in the environment.

use super::{
    Chain, Config, Correct, Diagnostic, Journal, Limits, Lookup, Mode, Options, Provider, Queue,
    Report, Route, Server, Shared, Telemetry, checks,
    provider::{key, url},
    server::{ADMIN_KEY, CLIENT_KEY},
    value::{Wrong, quoted},
};
use buttress_llm as llm;
use http::HeaderValue;
use std::sync::Arc;

impl Config {
    /// The providers whose keys are in the environment, found under the names that the official
    /// SDKs use: `OPENAI_API_KEY`, `OPENAI_BASE_URL`, `OPENAI_ORG_ID`, `OPENAI_PROJECT_ID`,
    /// `ANTHROPIC_API_KEY`, `ANTHROPIC_BASE_URL`, and `X_API_KEY`, `X_BASE_URL` of the others.
    ///
    /// A model goes to the provider whose it is, by its name, and otherwise to the first one. The
    /// others stand behind it with a model of their own: `X_MODEL`, or for the larger providers
    /// one that is set here. `None` when there is no key.
    ///
    /// # Errors
    ///
    /// What is wrong with the variables that are set.
    pub fn from_env(options: &Options<'_>) -> Result<Option<Self>, Report> {
        let mut found = Vec::new();
        let mut routes = Vec::new();
        let mut providers = Vec::new();
        for kind in llm::Provider::ALL {
            match provider(kind, options) {
                Ok(None) => {}
                Ok(Some((provider, stand_in))) => {
                    let own = routes.len();
                    let provider = Arc::new(provider);
                    routes.push(Route::new(Arc::clone(&provider), None));
                    let stand_in = stand_in.map(|model| {
                        routes.push(Route::new(provider, Some(&model)));
                        own + 1
                    });
                    providers.push((kind, own, stand_in));
                }
                Err((variable, wrong)) => found.push(unusable(&variable, wrong)),
            }
        }
        let server = server(options).unwrap_or_else(|(variable, wrong)| {
            found.push(unusable(variable, wrong));
            Server::default()
        });
        let queue = Queue::from_env(options.env).unwrap_or_else(|(variable, wrong)| {
            found.push(unusable(variable, wrong));
            Queue::default()
        });
        let journal = Journal::from_env(options.env).unwrap_or_else(|(variable, wrong)| {
            found.push(unusable(variable, wrong));
            Journal::default()
        });
        let shared = Shared::from_env(options.env).unwrap_or_else(|(variable, wrong)| {
            found.push(unusable(variable, wrong));
            Shared::default()
        });
        let telemetry = Telemetry::from_env(options.env).unwrap_or_else(|(variable, wrong)| {
            found.push(unusable(variable, wrong));
            Telemetry::default()
        });
        if !found.is_empty() {
            return Err(Report::new("environment", "", found));
        }
        if providers.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            mode: Mode::Environment,
            server,
            limits: Limits::default(),
            queue,
            journal,
            shared,
            correct: Correct::default(),
            telemetry,
            chains: chains(&providers),
            routes,
        }))
    }

    /// What is served when there is neither a file nor a key: nothing yet.
    ///
    /// It takes no queue, no journal and no server to share with, whatever the environment says: what
    /// others left in them is not to be answered by providers that are none.
    ///
    /// # Errors
    ///
    /// When a key that callers or admins have to present is set to something that is none.
    pub fn sandbox(options: &Options<'_>) -> Result<Self, Report> {
        let wrong = |(variable, wrong): (&str, Wrong)| refused(variable, wrong);
        Ok(Self {
            mode: Mode::Sandbox,
            server: server(options).map_err(wrong)?,
            limits: Limits::default(),
            queue: Queue::default(),
            journal: Journal::default(),
            shared: Shared::default(),
            correct: Correct::default(),
            telemetry: Telemetry::from_env(options.env).map_err(wrong)?,
            routes: Vec::new(),
            chains: Vec::new(),
        })
    }

    /// The same configuration for whoever looks into the stores and asks no provider: they are
    /// where the environment says also when there is nobody to ask.
    pub(super) fn with_stores(mut self, env: Lookup<'_>) -> Result<Self, Report> {
        if self.mode == Mode::Sandbox {
            let wrong = |(variable, wrong): (&str, Wrong)| refused(variable, wrong);
            self.queue = Queue::from_env(env).map_err(wrong)?;
            self.journal = Journal::from_env(env).map_err(wrong)?;
        }
        Ok(self)
    }
}

fn refused(variable: &str, wrong: Wrong) -> Report {
    Report::new("sandbox", "", vec![unusable(variable, wrong)])
}

fn server(options: &Options<'_>) -> Result<Server, (&'static str, Wrong)> {
    let mut server = Server::default();
    server.listen = options.listen.unwrap_or(server.listen);
    // A key that can't be used must not let everybody in.
    let usable = |variable| match (options.env)(variable) {
        Some(_) => key(options.env, variable)
            .map(Some)
            .map_err(|wrong| (variable, wrong)),
        None => Ok(None),
    };
    server.client_key = usable(CLIENT_KEY)?;
    server.admin_key = usable(ADMIN_KEY)?;
    Ok(server)
}

fn unusable(variable: &str, wrong: Wrong) -> Diagnostic {
    // The variable is the field here.
    let message = wrong.message.trim_start_matches(variable).trim_start();
    let mut error = Diagnostic::error(variable, message);
    error.help = wrong.help;
    error
}

/// A provider with its key, and the model that it stands in with.
type Found = (Provider, Option<String>);

fn provider(kind: llm::Provider, options: &Options<'_>) -> Result<Option<Found>, (String, Wrong)> {
    let env = |variable: &str| (options.env)(variable).filter(|value| !value.is_empty());
    let mut provider = Provider::new(kind.as_str(), kind);
    let (Some(variable), Some(_)) = (provider.key_env.clone(), &provider.base_url) else {
        return Ok(None);
    };
    if !variable.ends_with("_API_KEY") || env(&variable).is_none() {
        return Ok(None);
    }
    provider.key = match key(options.env, &variable) {
        Ok(key) => Some(key),
        Err(wrong) => return Err((variable, wrong)),
    };
    let base = base_url(&variable);
    if let Some(set) = env(&base) {
        provider.base_url = Some(url(&set).map_err(|wrong| (base, wrong))?);
    }
    if kind == llm::Provider::OpenAi {
        for (variable, header) in [
            ("OPENAI_ORG_ID", "openai-organization"),
            ("OPENAI_PROJECT_ID", "openai-project"),
        ] {
            let value = env(variable).and_then(|id| HeaderValue::try_from(id).ok());
            provider
                .headers
                .extend(value.map(|id| (http::HeaderName::from_static(header), id)));
        }
    }
    let named = beside(&variable, "MODEL");
    let model = match env(&named) {
        Some(name) => Some(model(name).map_err(|wrong| (named, wrong))?),
        None => stand_in(kind).map(str::to_owned),
    };
    Ok(Some((provider, model)))
}

/// The name of a model, which is part of its route's.
fn model(name: String) -> Result<String, Wrong> {
    let message = match () {
        () if name.trim().is_empty() => "is empty".to_owned(),
        () if !checks::is_sendable(&name) => format!("{} can't be sent in a header", quoted(&name)),
        () => return Ok(name),
    };
    Err(Wrong::new(
        message,
        "name a model of this provider, or unset it",
    ))
}

/// The variable that says where a provider is, beside the one with its key.
pub(super) fn base_url(key: &str) -> String {
    beside(key, "BASE_URL")
}

fn beside(key: &str, what: &str) -> String {
    let prefix = key.strip_suffix("_API_KEY").unwrap_or(key);
    format!("{prefix}_{what}")
}

/// The model that a provider is asked for in another one's stead: a general one of the middle
/// size, under a name that its provider keeps.
const fn stand_in(kind: llm::Provider) -> Option<&'static str> {
    match kind {
        llm::Provider::OpenAi => Some("gpt-4.1"),
        llm::Provider::Anthropic => Some("claude-sonnet-4-5"),
        llm::Provider::Gemini => Some("gemini-2.5-flash"),
        llm::Provider::Mistral => Some("mistral-medium-latest"),
        llm::Provider::Groq => Some("llama-3.3-70b-versatile"),
        llm::Provider::DeepSeek => Some("deepseek-chat"),
        llm::Provider::OpenRouter => Some("openrouter/auto"),
        _ => None,
    }
}

/// How the names of a provider's own models look.
const fn own_models(kind: llm::Provider) -> &'static [&'static str] {
    match kind {
        llm::Provider::OpenAi => &["gpt-*", "chatgpt-*", "o1*", "o3*", "o4*"],
        llm::Provider::Anthropic => &["claude-*"],
        llm::Provider::Mistral => &["mistral-*", "ministral-*", "magistral-*", "codestral-*"],
        llm::Provider::DeepSeek => &["deepseek-*"],
        llm::Provider::Gemini => &["gemini-*"],
        llm::Provider::Xai => &["grok-*"],
        llm::Provider::Cohere => &["command-*"],
        llm::Provider::Fireworks => &["accounts/fireworks/*"],
        llm::Provider::OpenRouter | llm::Provider::Together => &["*/*"],
        _ => &[],
    }
}

/// The route with the model that was asked for, and behind it all others with theirs.
fn chains(providers: &[(llm::Provider, usize, Option<usize>)]) -> Vec<Chain> {
    let chain = |model: &str, first: usize| Chain {
        model: model.to_owned(),
        routes: {
            let others = providers.iter().filter(|(_, own, _)| *own != first);
            let stand_ins = others.filter_map(|(_, _, stand_in)| *stand_in);
            [first].into_iter().chain(stand_ins).collect()
        },
    };
    let mut chains: Vec<Chain> = Vec::new();
    for (kind, own, _) in providers {
        for model in own_models(*kind) {
            if chains.iter().all(|chain| chain.model != *model) {
                chains.push(chain(model, *own));
            }
        }
    }
    let first = providers.first().map(|(_, own, _)| chain("*", *own));
    chains.extend(first);
    chains
}
