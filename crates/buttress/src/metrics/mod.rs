//! How recovery is doing: [`LlmMetrics`] for a [`Stack`](crate::Stack), and the layer by itself.
//!
//! Beside what happens to calls, which is counted when it happens, there is what routes are like:
//! circuits, gates and limits. Of those [`LlmMetrics::sample`] writes down how they stand, when
//! the metrics are asked for, and [`LlmMetrics::follow`] counts how circuits change.
//!
//! ```
//! use buttress::{LlmMetrics, Route, Stack, client::LlmClient, llm::Provider, metrics::Recorder};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = LlmClient::builder(Provider::OpenAi).build()?;
//! let route = Route::new("gpt", client.model("gpt-5-mini"));
//! let metrics = LlmMetrics::new(Recorder::installed(), [&route]);
//! let stack = Stack::new(route).metrics(&metrics, "gpt-5-mini").service();
//! // When the metrics are asked for:
//! metrics.sample();
//! # Ok(())
//! # }
//! ```

mod circuit;
mod states;
mod tally;
#[cfg(test)]
mod tests;

pub use self::tally::Tallied;
pub use buttress_metrics::{
    Metered, MeteredFuture, Metrics, MetricsLayer, Model, Recorder, Running, names,
};

use self::{circuit::Circuit, states::States, tally::Tokens};
use crate::Route;
use std::{fmt, sync::Arc};

/// What is counted of stacks over LLM routes. Clones count to the same.
#[derive(Clone)]
pub struct LlmMetrics {
    metrics: Metrics,
    tokens: Arc<Tokens>,
    circuits: Arc<[Circuit]>,
    states: Arc<[States]>,
}

impl LlmMetrics {
    /// Those of stacks with these routes, written to this recorder.
    #[must_use]
    pub fn new<'a>(recorder: Recorder, routes: impl IntoIterator<Item = &'a Route>) -> Self {
        let routes: Vec<_> = routes.into_iter().collect();
        let names = routes.iter().map(|route| Arc::clone(route.name()));
        let metrics = Metrics::to(recorder, names);
        let recorder = metrics.recorder();
        let circuit = |route: &&Route| Circuit::new(route, recorder);
        let states = |route: &&Route| States::new(route, recorder);
        Self {
            tokens: Arc::new(Tokens::new(&routes, recorder)),
            circuits: routes.iter().map(circuit).collect(),
            states: routes.iter().map(states).collect(),
            metrics,
        }
    }

    /// The layer for calls for this model, as the outermost of a stack. The name becomes a label:
    /// it must not come from a caller.
    #[must_use]
    pub fn layer(&self, model: impl Into<Arc<str>>) -> MetricsLayer<Tallied> {
        let judge = Tallied::new(&self.tokens);
        MetricsLayer::new(self.metrics.model(model)).judge(judge)
    }

    /// Where it is written to.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        self.metrics.recorder()
    }

    /// Writes down how circuits, gates and limits stand now.
    pub fn sample(&self) {
        for circuit in &*self.circuits {
            circuit.sample();
        }
        for states in &*self.states {
            states.sample();
        }
    }

    /// Writes down that this route is in no state any more: nobody asks it. What was counted of it
    /// stays.
    pub fn forget(&self, route: &str) {
        let parts = self.circuits.iter().zip(&*self.states);
        for (circuit, states) in parts.filter(|(_, states)| states.is_of(route)) {
            circuit.forget();
            states.forget();
        }
    }

    /// Counts the changes of all circuits, until it is dropped.
    pub async fn follow(&self) {
        futures_util::future::join_all(self.circuits.iter().map(Circuit::follow)).await;
    }
}

impl fmt::Debug for LlmMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LlmMetrics").field(&self.metrics).finish()
    }
}
