//! What stands in for something should not fail with it.

use super::{
    super::{Chain, Config, Diagnostic, Provider, Route, notes::Notes, path::named, value::quoted},
    note,
};
use http::Uri;

pub(super) fn doubts(config: &Config, chain: &Chain, notes: &mut Notes) {
    if !twins(config, chain, notes) {
        one_key(config, chain, notes);
    }
}

/// A route that asks what another one before it asks.
fn twins(config: &Config, chain: &Chain, notes: &mut Notes) -> bool {
    let routes = chain.routes.iter();
    let routes = routes.filter_map(|at| Some((*at, config.routes.get(*at)?)));
    let routes: Vec<(usize, &Route)> = routes.collect();
    let mut found = false;
    for (position, (index, route)) in routes.iter().enumerate() {
        let mut before = routes.iter().take(position);
        let Some((_, other)) = before.find(|(_, other)| is_twin(route, other)) else {
            continue;
        };
        let message = format!(
            "asks what {} asks, at the same place and with the same key: what fails there fails \
             here",
            quoted(&other.name)
        );
        let doubt = Diagnostic::warning(format!("routes[{index}]"), message);
        let help = "let it ask another model or another provider, or leave it out: a route has \
                    retries of its own";
        note(notes, doubt.help(help), &[]);
        found = true;
    }
    found
}

fn is_twin(route: &Route, other: &Route) -> bool {
    let (mine, its) = (&route.provider, &other.provider);
    route.model == other.model
        && mine.base_url == its.base_url
        && mine.api == its.api
        // An organization or a project there has limits of its own.
        && mine.headers == its.headers
        && has_same_key(mine, its)
        // What one of them does not take may be for the other.
        && route.accepts == other.accepts
        && route.shape == other.shape
}

/// A key that is spent or revoked takes all routes with it.
fn one_key(config: &Config, chain: &Chain, notes: &mut Notes) {
    let mut routes = chain
        .routes
        .iter()
        .filter_map(|route| config.routes.get(*route));
    let Some(first) = routes.next() else {
        return;
    };
    let Some(variable) = &first.provider.key_env else {
        return;
    };
    let others: Vec<_> = routes.collect();
    let same = |route: &&Route| has_same_key(&first.provider, &route.provider);
    if !others.is_empty() && others.iter().all(same) {
        let message = format!(
            "every route uses the key in {variable}: when it is limited, spent or revoked, none \
             is left"
        );
        let path = named("models", &chain.model);
        let found = Diagnostic::warning(path, message);
        let last = chain.routes.last().map_or(0, |last| *last);
        let help = "let one of them ask another provider, or use another key";
        note(
            notes,
            found.help(help),
            &[&format!("routes[{last}].provider")],
        );
    }
}

/// Whether two providers are asked with one key: by the name of its variable, or, where it is
/// there to be seen and for the same host, by itself.
fn has_same_key(one: &Provider, other: &Provider) -> bool {
    let host = |provider: &Provider| provider.base_url.as_ref().and_then(Uri::authority).cloned();
    let same_text = match (&one.key, &other.key) {
        (Some(one), Some(other)) => one.expose() == other.expose(),
        _ => false,
    };
    one.key_env == other.key_env || same_text && host(one) == host(other)
}
