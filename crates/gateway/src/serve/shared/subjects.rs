use super::{
    identity,
    item::{Item, Subject},
};
use crate::config::{self, Provider};
use buttress::Route;
use std::sync::Arc;

/// What there is to share of these routes, in the order of the configuration.
pub(super) fn of(configured: &[config::Route], routes: &[Route]) -> Vec<Item> {
    let mut items = Vec::new();
    let mut gates: Vec<(&Provider, Option<&str>)> = Vec::new();
    let mut keys: Vec<&Provider> = Vec::new();
    let routes = || configured.iter().zip(routes);
    for (settings, route) in routes() {
        let provider = &*settings.provider;
        let model = settings.model.as_deref();
        if settings.breaker.enabled {
            let identity = identity::of("circuit", &settings.name, provider, model);
            let subject = Subject::Circuit(route.breaker_handle());
            items.push(Item::new(identity, Arc::clone(&settings.name), subject));
        }
        if !settings.gate.enabled {
            continue;
        }
        // Routes to one model of a provider share its gate, and all models of one its key.
        let same =
            |(other, of): &(&Provider, Option<&str>)| other.name == provider.name && *of == model;
        if !gates.iter().any(same) {
            gates.push((provider, model));
            let identity = identity::of("gate", &provider.name, provider, model);
            let subject = Subject::Gate(route.gate_handle());
            items.push(Item::new(identity, Arc::clone(&settings.name), subject));
        }
        if !keys.iter().any(|other| other.name == provider.name) {
            keys.push(provider);
            let gates = routes()
                .filter(|(other, _)| other.provider.name == provider.name && other.gate.enabled);
            let gates = gates.map(|(_, route)| route.gate_handle()).collect();
            let identity = identity::of("key", &provider.name, provider, None);
            items.push(Item::new(
                identity,
                Arc::clone(&provider.name),
                Subject::Key(gates),
            ));
        }
    }
    items
}
