//! What routes are made of, and what of it outlives a change of the configuration.
//!
//! Each part is kept as long as the settings that it is made of stay the same, and whoever is asked
//! does: a breaker knows of one model at one place, a gate of the limits of one key.

use super::{
    layers::{bare, breaker, budget, client, gate, retry},
    upstreams::BoxError,
};
use crate::config;
use buttress::{
    Route,
    circuit_breaker::CircuitBreakerLayer,
    client::LlmClient,
    retry::{Budget, BudgetBuilder},
    retry_after::{GateLayer, SharedKey},
};
use std::{collections::HashMap, sync::Arc};

/// What routes are made of.
#[derive(Default)]
pub(super) struct Parts {
    providers: HashMap<Arc<str>, OfProvider>,
    /// One for each model of a provider, whose limits are its own.
    gates: HashMap<(Arc<str>, Option<Arc<str>>), OfGate>,
    routes: HashMap<Arc<str>, OfRoute>,
}

/// What routes to one provider share.
struct OfProvider {
    settings: Arc<config::Provider>,
    /// With its connections.
    client: LlmClient,
    /// What all gates of a provider are to each other: they have one key.
    key: SharedKey,
}

/// What routes to one model of a provider share.
struct OfGate {
    settings: config::Gate,
    layer: GateLayer,
}

/// What a route has for itself.
#[derive(Clone)]
struct OfRoute {
    settings: config::Route,
    budget: Option<Budget>,
    breaker: Option<CircuitBreakerLayer>,
    route: Route,
}

impl Parts {
    /// The route with these settings, of what there is already or was before.
    pub(super) fn route(
        &mut self,
        settings: &config::Route,
        before: &Self,
    ) -> Result<Route, BoxError> {
        self.provider(&settings.provider, before)
            .map_err(|error| format!("provider {:?}: {error}", settings.provider.name))?;
        let made = self
            .make(settings, before)
            .map_err(|error| format!("route {:?}: {error}", settings.name))?;
        let route = made.route.clone();
        self.routes.insert(Arc::clone(&settings.name), made);
        Ok(route)
    }

    fn provider(
        &mut self,
        settings: &Arc<config::Provider>,
        before: &Self,
    ) -> Result<(), BoxError> {
        if self.providers.contains_key(&settings.name) {
            return Ok(());
        }
        let known = before.providers.get(&settings.name);
        let known = known.filter(|known| known.settings.is_same(settings));
        let unchanged = known.filter(|known| known.settings == *settings);
        let made = OfProvider {
            client: match unchanged {
                Some(known) => known.client.clone(),
                None => client(settings)?,
            },
            key: known.map_or_else(SharedKey::new, |known| known.key.clone()),
            settings: Arc::clone(settings),
        };
        self.providers.insert(Arc::clone(&settings.name), made);
        Ok(())
    }

    fn make(&mut self, settings: &config::Route, before: &Self) -> Result<OfRoute, BoxError> {
        let known = before.routes.get(&settings.name);
        let known = known.filter(|known| known.settings.asks_the_same(settings));
        let gate = self.gate(settings, before)?;
        if let Some(known) = known.filter(|known| known.settings == *settings) {
            return Ok(known.clone());
        }
        let same_budget = |known: &&OfRoute| known.settings.retry.has_same_budget(&settings.retry);
        let budget = match known.filter(same_budget) {
            Some(known) => known.budget.clone(),
            None => budget(&settings.retry)
                .map(BudgetBuilder::build)
                .transpose()?,
        };
        let same_breaker = |known: &&OfRoute| known.settings.breaker == settings.breaker;
        let breaker = match known.filter(same_breaker) {
            Some(known) => known.breaker.clone(),
            None if settings.breaker.enabled => Some(breaker(&settings.breaker)?),
            None => None,
        };
        let client = self.providers.get(&settings.provider.name);
        let client = client.ok_or("its provider is not there")?;
        let route = bare(settings, &client.client).retry(retry(&settings.retry, budget.clone())?);
        let route = match gate {
            Some(gate) => route.gate(gate),
            None => route.without_gate(),
        };
        let route = match &breaker {
            Some(breaker) => route.breaker(breaker.clone()),
            None => route.without_breaker(),
        };
        Ok(OfRoute {
            settings: settings.clone(),
            budget,
            breaker,
            route,
        })
    }

    fn gate(
        &mut self,
        settings: &config::Route,
        before: &Self,
    ) -> Result<Option<GateLayer>, BoxError> {
        if !settings.gate.enabled {
            return Ok(None);
        }
        let provider = &settings.provider;
        let of = (Arc::clone(&provider.name), settings.model.clone());
        if let Some(known) = self.gates.get(&of) {
            return Ok(Some(known.layer.clone()));
        }
        let same = before.providers.get(&provider.name);
        let same = same.is_some_and(|known| known.settings.is_same(provider));
        let known = before.gates.get(&of).filter(|_| same);
        let known = known.filter(|known| known.settings == settings.gate);
        let layer = match (known, self.providers.get(&provider.name)) {
            (Some(known), _) => known.layer.clone(),
            (None, Some(provider)) => gate(&settings.gate)?.of_key(&provider.key),
            (None, None) => return Err("its provider is not there".into()),
        };
        let made = OfGate {
            settings: settings.gate.clone(),
            layer: layer.clone(),
        };
        self.gates.insert(of, made);
        Ok(Some(layer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Options};
    use buttress::{circuit_breaker::State, retry_after::GateState};

    const FILE: &str = "\
        [providers.p]\n\
        kind = 'openai'\n\
        key_env = 'ONE_KEY'\n\
        [[routes]]\n\
        name = 'a'\n\
        provider = 'p'\n\
        model = 'm'\n";

    fn read(file: &str) -> Config {
        let key = |name: &str| name.ends_with("_KEY").then(|| format!("sk-{name}"));
        let read = Config::parse("buttress.toml", file, &Options::new(&key));
        read.unwrap_or_else(|report| panic!("{report}")).0
    }

    fn parts(file: &str, before: &Parts) -> Parts {
        let mut parts = Parts::default();
        for settings in &read(file).routes {
            parts.route(settings, before).unwrap();
        }
        parts
    }

    /// What is still known of the route `a` after everything was known of it: its circuit is
    /// isolated, its gate closed, its budget spent, its key parked.
    fn known_after(that: &str, this: &str) -> [bool; 4] {
        assert!(FILE.contains(that), "{that}");
        let before = parts(FILE, &Parts::default());
        let route = &before.routes["a"];
        let budget = route.budget.as_ref().unwrap();
        while budget.withdraw() {}
        route.route.breaker_handle().isolate();
        let closed = std::time::Duration::from_secs(9);
        route.route.gate_handle().close_for(closed);

        let after = parts(&FILE.replace(that, this), &before);
        let route = &after.routes["a"];
        let gate = route.route.gate_handle();
        let closed = matches!(gate.state(), GateState::Closed { .. });
        let budget = route.budget.as_ref();
        // Parked is the key, with all of its gates.
        before.routes["a"].route.gate_handle().park(None);
        [
            route.route.breaker_handle().state() == State::Isolated,
            closed,
            budget.is_some_and(|budget| !budget.withdraw()),
            matches!(gate.state(), GateState::Parked { .. }),
        ]
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_change_keeps_what_it_knows() {
        let all = [true; 4];
        let name = "name = 'a'";
        for (this, known) in [
            ("name = 'a'", all),
            ("name = 'a'\naccepts.tools = false", all),
            ("name = 'a'\ntimeout.attempt = '9s'", all),
            ("name = 'a'\nretry.max_retries = 1", all),
            (
                "name = 'a'\nretry.budget = '50%'",
                [true, true, false, true],
            ),
            ("name = 'a'\nbreaker.probes = 7", [false, true, true, true]),
            (
                "name = 'a'\nbreaker.enabled = false",
                [false, true, true, true],
            ),
            (
                "name = 'a'\ngate.max_wait = '1s'",
                [true, false, true, true],
            ),
            (
                "name = 'a'\ngate.enabled = false",
                [true, false, true, false],
            ),
        ] {
            assert_eq!(known_after(name, this), known, "{this}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_asked_otherwise_is_another() {
        let (all, none) = ([true; 4], [false; 4]);
        for (that, this, known) in [
            ("'ONE_KEY'", "'ONE_KEY'\nconnect_timeout = '1s'", all),
            ("'ONE_KEY'", "'OTHER_KEY'", none),
            ("'ONE_KEY'", "'ONE_KEY'\nheaders.x-team = 'a'", none),
            (
                "'ONE_KEY'",
                "'ONE_KEY'\nbase_url = 'https://example.com/v1'",
                none,
            ),
            ("'ONE_KEY'", "'ONE_KEY'\napi = 'chat'", none),
            // The key is the same, of which another model learns.
            ("'m'", "'n'", [false, false, false, true]),
        ] {
            assert_eq!(known_after(that, this), known, "{this}");
        }
    }

    #[tokio::test]
    async fn routes_of_one_provider_share_its_connections_and_its_key() {
        let second = format!("{FILE}[[routes]]\nname = 'b'\nprovider = 'p'\nmodel = 'n'\n");
        let before = parts(FILE, &Parts::default());
        let after = parts(&second, &before);
        assert_eq!((after.providers.len(), after.gates.len()), (1, 2));
        before.routes["a"].route.gate_handle().park(None);
        let new = after.routes["b"].route.gate_handle();
        assert_eq!(new.state(), GateState::Parked { wait: None });
    }
}
