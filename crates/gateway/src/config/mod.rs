//! The configuration: a TOML file, the environment, or neither.
//!
//! A file is read once, by a reader of its own that knows where everything stands. It reports
//! all that is wrong at once, each with its line, its field and what to do about it
//! ([`Report`]). Keys never stand in it: it names the environment variables that hold them.
//!
//! ```
//! use buttress_gateway::config::{Config, Options};
//!
//! let file = r#"
//!     [[routes]]
//!     provider = "openai"
//!     model = "gpt-4.1"
//!
//!     [[routes]]
//!     provider = "anthropic"
//!     model = "claude-sonnet-4-5"
//!     retry.max_retries = 1
//! "#;
//! let env = |name: &str| name.ends_with("_API_KEY").then(|| "a-key".to_owned());
//! let (config, warnings) = Config::parse("buttress.toml", file, &Options::new(&env))?;
//! assert!(warnings.is_empty());
//! assert_eq!(&*config.routes[1].name, "anthropic/claude-sonnet-4-5");
//! # Ok::<(), buttress_gateway::config::Report>(())
//! ```

mod breaker;
mod chain;
mod changes;
mod checks;
mod correct;
mod diagnostic;
mod documented;
mod env;
mod fields;
mod gate;
mod interpolate;
mod journal;
mod kind;
mod known;
mod load;
mod mask;
mod notes;
mod path;
mod provider;
mod queue;
mod read;
mod retry;
mod route;
mod schema;
mod server;
mod settings;
mod shape;
mod shared;
mod signing;
mod store;
mod stream;
mod summary;
mod telemetry;
#[cfg(test)]
mod tests;
mod timeout;
mod units;
mod value;

pub use self::{
    breaker::{Breaker, Forgives, Window},
    chain::Chain,
    changes::Changes,
    correct::{Calls, Checked, Correct},
    diagnostic::{Diagnostic, Report, Severity},
    gate::Gate,
    journal::{Journal, OnChange},
    load::DEFAULT_FILE,
    provider::{Api, HttpVersion, Provider},
    queue::{Accept, Degraded, Queue, Webhook},
    retry::{Jitter, Retry},
    route::{Accepts, Route},
    schema::{markdown, schema},
    server::{Limits, Server},
    shape::Shape,
    shared::Shared,
    store::StoreUrl,
    stream::{Commit, Stream},
    telemetry::{Protocol, Telemetry},
    timeout::Timeout,
    units::{duration, rate, size},
};
pub(crate) use self::{
    server::parse_listen,
    signing::{InvalidSecret, signing_key},
    units::parse_duration,
};
use std::{cmp::Reverse, fmt, net::SocketAddr, path::PathBuf};

/// What the program is to do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where it came from.
    pub mode: Mode,
    /// Where callers are listened to.
    pub server: Server,
    /// What one request may spend.
    pub limits: Limits,
    /// What becomes of requests that nobody could answer.
    pub queue: Queue,
    /// What is done about answers that are not what was asked for.
    pub correct: Correct,
    /// What is recorded of sessions.
    pub journal: Journal,
    /// Where traces go.
    pub telemetry: Telemetry,
    /// What gateways tell each other.
    pub shared: Shared,
    /// The routes that there are. Empty in the sandbox, which brings its own.
    pub routes: Vec<Route>,
    /// Which of them serve which model.
    pub chains: Vec<Chain>,
}

/// Where a configuration came from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// A file.
    File(PathBuf),
    /// The providers whose keys are in the environment.
    Environment,
    /// Nothing: providers that only exist in this process are to be served.
    Sandbox,
}

/// How a configuration is read.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Options<'a> {
    /// Looks up an environment variable.
    pub env: Lookup<'a>,
    /// The address to listen on, instead of the one that is configured.
    pub listen: Option<SocketAddr>,
    /// Whether a key that is missing in the environment is an error, and a variable that a value
    /// stands in. When it is not, it is a warning: a file is checked on other machines than the one
    /// that has them.
    pub need_keys: bool,
}

/// Looks up an environment variable; `None` when it is not set.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl<'a> Options<'a> {
    /// With the keys needed, on the address that is configured.
    #[must_use]
    pub const fn new(env: Lookup<'a>) -> Self {
        Self {
            env,
            listen: None,
            need_keys: true,
        }
    }

    /// Sets the address to listen on, instead of the one that is configured.
    #[must_use]
    pub const fn listen(mut self, listen: Option<SocketAddr>) -> Self {
        self.listen = listen;
        self
    }

    /// Makes a key that is missing in the environment a warning.
    #[must_use]
    pub const fn keys_may_be_missing(mut self) -> Self {
        self.need_keys = false;
        self
    }
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("listen", &self.listen)
            .field("need_keys", &self.need_keys)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// The chain for the model that a caller asks for: the one with this very name, else the
    /// pattern that says most about it. `None` when no chain serves it.
    #[must_use]
    pub fn chain(&self, model: &str) -> Option<&Chain> {
        self.chains.get(self.chain_index(model)?)
    }

    /// Where that chain stands in [`chains`](Self::chains).
    #[must_use]
    pub fn chain_index(&self, model: &str) -> Option<usize> {
        let close = |(at, chain): (usize, &Chain)| Some((chain.closeness(model)?, at));
        let close = self.chains.iter().enumerate().filter_map(close);
        // Of two that are as close, the first in the file.
        let closest = close.max_by_key(|&(closeness, at)| (closeness, Reverse(at)));
        closest.map(|(_, at)| at)
    }

    /// The models to show to a caller who asks which there are: the names that are served, and
    /// for the patterns the models that their routes ask for. Each once, in order.
    #[must_use]
    pub fn models(&self) -> Vec<&str> {
        let mut models: Vec<&str> = Vec::new();
        for chain in &self.chains {
            let routes = chain
                .routes
                .iter()
                .filter_map(|route| self.routes.get(*route));
            let asked = routes.filter_map(|route| route.model.as_deref());
            let named = chain.is_exact().then_some(chain.model.as_str());
            let shown = match named {
                Some(name) => vec![name],
                None => asked.collect(),
            };
            for model in shown {
                if !models.contains(&model) {
                    models.push(model);
                }
            }
        }
        models
    }
}
