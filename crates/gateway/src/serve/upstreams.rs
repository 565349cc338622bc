//! From the configuration to the stacks that serve it.

use super::parts::Parts;
use crate::config::{self, Config};
use buttress::{
    LlmCorrect, LlmMetrics, Prices, Route, Stack, StackService,
    correct::{Streams, ToolCalls},
    llm::LlmRequest,
    metrics::Recorder,
};
use http::HeaderValue;
use std::{collections::HashMap, error::Error, sync::Arc};
use tower::ServiceExt as _;

pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// The stacks, one for each chain of the configuration, and the routes that they share.
pub(super) struct Upstreams {
    routes: Vec<Route>,
    parts: Parts,
    stacks: Vec<StackService>,
    signs: HashMap<Arc<str>, Sign>,
    metrics: LlmMetrics,
}

/// What an answer tells of the route that gave it.
pub(super) struct Sign {
    /// Its name, in the form of a header.
    pub(super) name: HeaderValue,
    /// What tokens cost there, if that is known.
    pub(super) prices: Option<Prices>,
}

impl Upstreams {
    /// What is counted of them is written to this recorder.
    pub(super) fn new(config: &Config, recorder: Recorder) -> Result<Self, BoxError> {
        Self::after(&Parts::default(), config, recorder)
    }

    /// Those of another configuration. What it does not change is the same, with its state.
    pub(super) fn renewed(&self, config: &Config) -> Result<Self, BoxError> {
        Self::after(&self.parts, config, self.metrics.recorder().clone())
    }

    fn after(before: &Parts, config: &Config, recorder: Recorder) -> Result<Self, BoxError> {
        let mut parts = Parts::default();
        let mut routes = Vec::with_capacity(config.routes.len());
        for settings in &config.routes {
            routes.push(parts.route(settings, before)?);
        }
        let metrics = LlmMetrics::new(recorder, &routes);
        let stack = |chain: &config::Chain| {
            let chained = chain.routes.iter();
            let chained = chained.filter_map(|&at| routes.get(at).cloned());
            stack(&config.limits, chained).ok_or("a chain without routes")
        };
        let stronger = match &config.correct.stronger {
            Some(model) => {
                let chain = config
                    .chain(model)
                    .ok_or("no chain serves the stronger model")?;
                Some((Arc::from(&**model), stack(chain)?.service()))
            }
            None => None,
        };
        let correct = correct(&config.correct, stronger);
        let stack = |chain: &config::Chain| {
            let stack = stack(chain)?.metrics(&metrics, chain.model.as_str());
            Ok(match &correct {
                Some(correct) => stack.correct(correct.clone()).service(),
                None => stack.service(),
            })
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
            parts,
            metrics,
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

    /// What is counted of them.
    pub(super) const fn metrics(&self) -> &LlmMetrics {
        &self.metrics
    }

    /// All routes, in the order of the configuration.
    pub(super) fn routes(&self) -> &[Route] {
        &self.routes
    }
}

fn stack(limits: &config::Limits, mut routes: impl Iterator<Item = Route>) -> Option<Stack> {
    let first = Stack::new(routes.next()?);
    let stack = routes.fold(first, Stack::then);
    let stack = stack.deadline(limits.deadline);
    let stack = stack.continuations(limits.continuations);
    Some(stack.max_calls(limits.max_calls))
}

/// What corrects answers. The stacks share it, and with it the schemas that were compiled.
fn correct(
    settings: &config::Correct,
    stronger: Option<(Arc<str>, StackService)>,
) -> Option<LlmCorrect> {
    let correct = LlmCorrect::new()
        .max(settings.max?)
        .repair(settings.repair)
        .streams(match settings.stream {
            config::Checked::Hold => Streams::Hold,
            config::Checked::Pass => Streams::Pass,
        })
        .tools(match settings.tools {
            config::Calls::Never => ToolCalls::Never,
            config::Calls::Whole => ToolCalls::Whole,
            config::Calls::Always => ToolCalls::Always,
        });
    Some(match stronger {
        Some((model, stack)) => {
            let of_model = move |request: LlmRequest| request.with_model(&model).unwrap_or(request);
            correct.stronger(stack.map_request(of_model))
        }
        None => correct,
    })
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

pub(super) fn prices_of(route: &config::Route) -> Option<Prices> {
    let (input, output) = (route.cost_per_million_input, route.cost_per_million_output);
    Some(Prices::new(input?, output?))
}

#[cfg(test)]
mod tests {
    use super::{super::layers::budget, *};
    use crate::config::Options;
    use buttress::{
        client::{LlmClient, Secret},
        llm::Provider,
        retry::Budget,
        retry_after::{GateLayer, SharedKey},
        timeout::Limits,
    };
    use proptest::prelude::*;

    /// What may stand in a file, from edge to edge, and now and then beyond.
    const FIELDS: [(&str, &str, &[&str]); 32] = [
        (
            "breaker",
            "consecutive_failures",
            &["1", "1000000", "\"off\""],
        ),
        ("breaker", "success_forgives", &["\"one\"", "\"all\""]),
        ("breaker", "failure_rate", &["\"1%\"", "1", "\"off\""]),
        (
            "breaker",
            "window",
            &["1", "59", "60", "10000", "\"100ms\"", "\"1s\"", "\"24h\""],
        ),
        (
            "breaker",
            "min_calls",
            &["1", "60", "2000", "2001", "10000"],
        ),
        ("breaker", "slow", &["\"100ms\"", "\"24h\"", "\"off\""]),
        ("breaker", "slow_rate", &["\"100%\"", "0.001", "\"off\""]),
        ("breaker", "open", &["\"100ms\"", "\"30s\"", "\"24h\""]),
        ("breaker", "open_max", &["\"100ms\"", "\"30s\"", "\"24h\""]),
        ("breaker", "jitter", &["\"100%\"", "0.001", "\"off\""]),
        ("breaker", "probes", &["1", "1024"]),
        ("breaker", "successes", &["1", "255"]),
        ("breaker", "probe_lease", &["\"100ms\"", "\"24h\""]),
        ("retry", "max_retries", &["0", "100"]),
        ("retry", "base", &["\"1ms\"", "\"1h\""]),
        ("retry", "cap", &["\"1ms\"", "\"1h\""]),
        (
            "retry",
            "jitter",
            &["\"full\"", "\"decorrelated\"", "\"none\""],
        ),
        ("retry", "max_wait", &["\"0s\"", "\"1h\""]),
        ("retry", "budget", &["\"1%\"", "\"100%\"", "\"off\""]),
        ("retry", "budget_cap", &["1", "1000000"]),
        ("retry", "budget_reserve", &["0", "1000000"]),
        ("gate", "enabled", &["true", "false"]),
        ("gate", "max_wait", &["\"0s\"", "\"1h\""]),
        ("gate", "max_waiting", &["0", "1000000"]),
        ("gate", "backoff", &["\"1ms\"", "\"1h\""]),
        ("gate", "max_backoff", &["\"1ms\"", "\"1h\""]),
        ("gate", "max_closed", &["\"1ms\"", "\"7d\"", "\"24h\""]),
        ("gate", "park_for", &["\"1ms\"", "\"1h\"", "\"24h\""]),
        ("gate", "spacing", &["\"0s\"", "\"1h\""]),
        ("gate", "well_after", &["\"0s\"", "\"1h\""]),
        ("timeout", "attempt", &["\"1ms\"", "\"1h\"", "\"off\""]),
        ("timeout", "headers", &["\"1ms\"", "\"1h\"", "\"off\""]),
    ];

    proptest! {
        /// What is accepted when it is checked is not refused when it is served.
        #[test]
        fn what_is_accepted_can_be_made(
            fields in prop::sample::subsequence(FIELDS.to_vec(), 0..6),
            picks in any::<[prop::sample::Index; 6]>(),
        ) {
            let mut file = "[[routes]]\nprovider = \"openai\"\n".to_owned();
            for ((table, key, values), pick) in fields.into_iter().zip(picks) {
                let value = values[pick.index(values.len())];
                file.push_str(&format!("{table}.{key} = {value}\n"));
            }
            let key = |name: &str| (name == "OPENAI_API_KEY").then(|| "sk".to_owned());
            if let Ok((config, _)) = Config::parse("buttress.toml", &file, &Options::new(&key)) {
                let made = Upstreams::new(&config, Recorder::installed()).err();
                prop_assert!(made.is_none(), "{}\n{file}", made.unwrap_or("".into()));
            }
        }
    }

    /// The numbers stand here and in the layers: what a file without them means is what the layers
    /// mean by themselves.
    #[test]
    fn the_defaults_are_those_of_the_layers() {
        let key = |name: &str| (name == "OPENAI_API_KEY").then(|| "sk".to_owned());
        let file = "[[routes]]\nprovider = \"openai\"\n";
        let (config, _) = Config::parse("buttress.toml", file, &Options::new(&key)).unwrap();
        let given = Upstreams::new(&config, Recorder::installed())
            .unwrap()
            .routes()
            .to_vec();
        let given = stack(&config.limits, given.into_iter()).unwrap();

        // With streams it differs on purpose: the layers do not know whether there is a deadline
        // around them, and here there is one.
        let streamed = Limits::streamed().attempt(None);
        let client = LlmClient::builder(Provider::OpenAi).key(Secret::new("sk"));
        let client = client.build().unwrap().stream_limits(streamed);
        // The gates here are always of a key.
        let gate = GateLayer::standard().of_key(&SharedKey::new());
        let expected = Stack::new(Route::new("openai", client).gate(gate));

        let shown = |stack: &Stack| {
            // The same length; that it was set is no difference as long as `open` is shorter.
            let shown = format!("{stack:#?}").replace("AtLeast(", "Set(");
            // By these a gate and a breaker that came anew are told from those before.
            let ids = ["word: ", "epoch: ", "first: ", "reopened: ", "generation: "];
            let is_id = |line: &str| ids.iter().any(|id| line.trim_start().starts_with(id));
            let settings: Vec<_> = shown.lines().filter(|line| !is_id(line)).collect();
            settings.join("\n")
        };
        assert_eq!(shown(&given), shown(&expected));

        let given = correct(&config.correct, None).unwrap();
        // Unasked no money is spent on calls of tools, which agents check by themselves.
        let expected = LlmCorrect::new().tools(ToolCalls::Never);
        assert_eq!(format!("{given:?}"), format!("{expected:?}"));

        // Of a budget that is made only the reserve is shown.
        let given = budget(&config.routes[0].retry).unwrap();
        assert_eq!(format!("{given:?}"), format!("{:?}", Budget::builder()));
        let deadline = config.limits.deadline;
        assert_eq!(
            deadline,
            Limits::streamed().attempt,
            "the deadline takes its place"
        );
    }

    /// Most of what is tried above has to get that far.
    #[test]
    fn a_plain_file_can_be_made() {
        let key = |name: &str| (name == "OPENAI_API_KEY").then(|| "sk".to_owned());
        let file = "[[routes]]\nprovider = \"openai\"\n";
        let config = Config::parse("buttress.toml", file, &Options::new(&key));
        assert_eq!(
            Upstreams::new(&config.unwrap().0, Recorder::installed())
                .unwrap()
                .routes()
                .len(),
            1
        );
    }
}
