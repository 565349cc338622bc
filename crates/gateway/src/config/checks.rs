//! What each field alone does not show: whether they make sense together.

mod calls;
mod gates;
mod same;
mod stores;
mod time;

use super::{
    Config, Diagnostic, Options, Provider, Route, Severity, correct, env, notes::Notes,
    path::named, provider, settings, units, value::quoted,
};
use buttress_llm::Dialect;
use http::Uri;
use std::{collections::HashMap, net::IpAddr, sync::Arc};

/// Notes what makes no sense. What is merely doubtful is kept back while there are errors, some
/// of which would be its cause; a key that is missing is so for no other reason.
pub(super) fn run(config: &Config, options: &Options<'_>, notes: &mut Notes) {
    names(config, notes);
    for (index, route) in config.routes.iter().enumerate() {
        let path = format!("routes[{index}]");
        settings::check(&route.retry, &path, notes);
        settings::check(&route.breaker, &path, notes);
        settings::check(&route.gate, &path, notes);
        settings::check(&route.timeout, &path, notes);
        settings::check(&route.stream, &path, notes);
        settings::check(&route.shape, &path, notes);
        window(route, &path, notes);
        prices(route, &path, notes);
    }
    room(config, notes);
    gates::alike(config, notes);
    stores::waits(config, notes);
    served(
        "correct.stronger",
        config.correct.stronger.as_ref(),
        config,
        notes,
    );
    served(
        "queue.default_model",
        config.queue.default_model.as_ref(),
        config,
        notes,
    );
    keys(config, options, notes);
    if !notes.has_errors() {
        doubts(config, notes);
    }
}

/// What is doubtful where there is no file: the fields are variables then.
pub(super) fn without_file(config: &Config, notes: &mut Notes) {
    listen(config, notes);
    one_key(config, notes);
    for route in &config.routes {
        let variable = route.provider.key_env.as_deref().map(env::base_url);
        address(&route.provider, &variable.unwrap_or_default(), &[], notes);
    }
}

fn doubts(config: &Config, notes: &mut Notes) {
    listen(config, notes);
    one_key(config, notes);
    time::deadline(config, notes);
    time::never(config, notes);
    time::patience(config, notes);
    calls::doubts(config, notes);
    correct::doubts(config, notes);
    stores::doubts(config, notes);
    for chain in &config.chains {
        same::doubts(config, chain, notes);
    }
    for (index, route) in config.routes.iter().enumerate() {
        let served = config
            .chains
            .iter()
            .any(|chain| chain.routes.contains(&index));
        if !served {
            let found = Diagnostic::warning(format!("routes[{index}]"), "serves no model");
            note(notes, found.help("name it in [models], or remove it"), &[]);
        }
        let provider = &route.provider;
        let path = format!("{}.base_url", named("providers", &provider.name));
        let instead = format!("routes[{index}].provider");
        address(provider, &path, &[&instead], notes);
    }
}

/// Adds what was found at its field, or where that is left to its default, at another one.
fn note(notes: &mut Notes, found: Diagnostic, instead: &[&str]) {
    let place = notes.place(&found.path);
    let place = place.or_else(|| instead.iter().find_map(|path| notes.place(path)));
    notes.push(found.at(place));
}

/// Whether a name can stand in a header, and comes out of it as it went in.
pub(super) fn is_sendable(name: &str) -> bool {
    let visible = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    name.bytes().all(visible) && name.trim() == name
}

/// Each route has a name of its own, that can be sent in a header.
fn names(config: &Config, notes: &mut Notes) {
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (index, route) in config.routes.iter().enumerate() {
        let path = format!("routes[{index}].name");
        let table = format!("routes[{index}]");
        let model = format!("routes[{index}].model");
        if !is_sendable(&route.name) {
            let message = format!("{} can't be sent in a header", quoted(&route.name));
            let found = Diagnostic::error(&path, message);
            let found = found.help("name the route in visible ASCII");
            note(notes, found, &[&model, &table]);
        }
        let Some(other) = first.get(&*route.name) else {
            first.insert(&route.name, index);
            continue;
        };
        let message = format!("there are two routes {}", quoted(&route.name));
        let names = [format!("routes[{other}].name"), format!("routes[{other}]")];
        let other = names.iter().find_map(|path| notes.place(path));
        let found = Diagnostic::error(&path, message);
        let found = found
            .help("name one of them: name = …")
            .related(other, "the first of them");
        note(notes, found, &[&table]);
    }
}

/// More tokens are asked for than there is room for.
fn window(route: &Route, path: &str, notes: &mut Notes) {
    if let (Some(output), Some(window)) = (route.max_output_tokens, route.context_window)
        && output > window
    {
        let message = format!("{output} tokens do not fit a context window of {window}");
        let found = Diagnostic::error(format!("{path}.max_output_tokens"), message);
        note(
            notes,
            found.help("lower it, or raise `context_window`"),
            &[],
        );
    }
}

/// A request that may be read has to find room when there is no other.
fn room(config: &Config, notes: &mut Notes) {
    let server = &config.server;
    let paths = ["server.max_in_flight_bytes", "server.max_body"];
    let wrong = paths.iter().any(|path| notes.is_wrong(path));
    if server.max_in_flight_bytes < server.max_body && !wrong {
        let message = format!(
            "a request of {} (`max_body`) never fits into {}",
            units::size(server.max_body),
            units::size(server.max_in_flight_bytes)
        );
        let found = Diagnostic::error(paths[0], message);
        note(
            notes,
            found.help("raise it, or lower `max_body`"),
            &paths[1..],
        );
    }
}

/// What a call cost is known when both prices are.
fn prices(route: &Route, path: &str, notes: &mut Notes) {
    let (given, missing) = match (route.cost_per_million_input, route.cost_per_million_output) {
        (Some(_), None) => ("input", "output"),
        (None, Some(_)) => ("output", "input"),
        _ => return,
    };
    let missing = format!("cost_per_million_{missing}");
    if notes.is_wrong(&format!("{path}.{missing}")) {
        return;
    }
    let path = format!("{path}.cost_per_million_{given}");
    let found = Diagnostic::error(path, format!("does nothing without `{missing}`"));
    note(notes, found.help(format!("set `{missing}` as well")), &[]);
}

/// A model that this program asks of its own accord is one that is served.
fn served(path: &str, model: Option<&String>, config: &Config, notes: &mut Notes) {
    let Some(model) = model.filter(|model| config.chain(model).is_none()) else {
        return;
    };
    let message = format!("no route serves the model {}", quoted(model));
    let served = config.chains.iter().map(|chain| quoted(&chain.model));
    let served: Vec<_> = served.collect();
    let help = format!("name it in [models], or write one of {}", served.join(", "));
    note(notes, Diagnostic::error(path, message).help(help), &[]);
}

/// The keys that routes need are there.
fn keys(config: &Config, options: &Options<'_>, notes: &mut Notes) {
    let mut asked: Vec<&Arc<Provider>> = Vec::new();
    for (index, route) in config.routes.iter().enumerate() {
        let provider = &route.provider;
        let Some(variable) = &provider.key_env else {
            continue;
        };
        if asked.iter().any(|asked| Arc::ptr_eq(asked, provider)) {
            continue;
        }
        asked.push(provider);
        if let Err(wrong) = provider::key(options.env, variable) {
            let table = named("providers", &provider.name);
            let mut found = Diagnostic::error(format!("{table}.key_env"), wrong.message);
            found.help = wrong.help;
            found.severity = missing(variable, options);
            note(
                notes,
                found,
                &[&table, &format!("routes[{index}].provider")],
            );
        }
    }
    // Without the field an unset variable only means that no key is asked for.
    let server = &config.server;
    for (path, variable) in [
        ("server.client_key_env", &server.client_key_env),
        ("server.admin_key_env", &server.admin_key_env),
    ] {
        if (notes.place(path).is_some() || (options.env)(variable).is_some())
            && let Err(wrong) = provider::key(options.env, variable)
        {
            let mut found = Diagnostic::error(path, wrong.message);
            found.help = wrong.help;
            found.severity = missing(variable, options);
            note(notes, found, &[]);
        }
    }
    if let Err(wrong) = config.queue.webhook.signing_secret(options.env) {
        let mut found = Diagnostic::error("queue.webhook.secret_env", wrong.message);
        found.help = wrong.help;
        found.severity = missing(&config.queue.webhook.secret_env, options);
        note(notes, found, &["queue.webhook.url"]);
    }
}

/// How bad it is that no key can be had from a variable.
fn missing(variable: &str, options: &Options<'_>) -> Severity {
    match options.need_keys {
        true => Severity::Error,
        // Whoever checks may be where no keys are; one that is there and is none is wrong anywhere.
        false if (options.env)(variable).is_some() => Severity::Warning,
        false => Severity::Note,
    }
}

/// Whoever reaches the port may spend the keys' money.
pub(super) fn listen(config: &Config, notes: &mut Notes) {
    let server = &config.server;
    let path = "server.client_key_env";
    let keyed = server.client_key.is_some() || notes.place(path).is_some();
    if !server.listen.ip().is_loopback() && !keyed {
        let message = format!(
            "{} can be reached from elsewhere, and no key is asked for",
            server.listen
        );
        let found = Diagnostic::warning("server.listen", message);
        let variable = &server.client_key_env;
        let help =
            format!("set {variable} to a key that callers have to present, or listen on 127.0.0.1");
        note(notes, found.help(help), &[]);
    }
}

/// Whoever has the one has the other.
fn one_key(config: &Config, notes: &mut Notes) {
    let server = &config.server;
    let same = match (&server.client_key, &server.admin_key) {
        (Some(client), Some(admin)) => client.expose() == admin.expose(),
        // Where the keys are elsewhere, the names tell.
        _ => server.client_key_env == server.admin_key_env,
    };
    if same {
        let message = "the admin key is the client key, so every caller may change things by hand";
        let found = Diagnostic::warning("server.admin_key_env", message);
        let variable = &server.admin_key_env;
        let help = match server.client_key_env == *variable {
            true => "name another variable, with a key of its own".to_owned(),
            false => format!("make {variable} a key of its own: `openssl rand -hex 32`"),
        };
        note(notes, found.help(help), &["server.client_key_env"]);
    }
}

fn address(provider: &Provider, path: &str, instead: &[&str], notes: &mut Notes) {
    let Some(url) = &provider.base_url else {
        return;
    };
    if url.scheme_str() == Some("http") && provider.key_env.is_some() && !is_local(url) {
        let found = Diagnostic::warning(
            path,
            "the key and all prompts go over the network unencrypted",
        );
        note(notes, found.help("write https://"), instead);
    }
    let segment = url.path().trim_end_matches('/');
    let dialect = provider.dialect();
    if dialect == Some(Dialect::AnthropicMessages) && segment.ends_with("/v1") {
        let found = Diagnostic::warning(path, "requests will go to /v1/v1/messages");
        note(
            notes,
            found.help("leave out /v1: it is added to each request"),
            instead,
        );
    }
    if dialect == Some(Dialect::Gemini) {
        let (what, help) = match segment {
            _ if segment.ends_with("/openai") => (
                "Gemini's own dialect is not spoken there",
                "write kind = \"compatible\" for this address, or leave out /v1beta/openai",
            ),
            _ if segment.ends_with("/v1beta") => (
                "requests will go to /v1beta/v1beta/models",
                "leave out /v1beta: it is added to each request",
            ),
            _ => return,
        };
        note(notes, Diagnostic::warning(path, what).help(help), instead);
    }
    let openai = [Dialect::OpenAiChat, Dialect::OpenAiResponses];
    if let Some(dialect) = dialect.filter(|it| openai.contains(it))
        && segment.is_empty()
    {
        let known = provider
            .kind
            .base_url()
            .and_then(|known| known.parse().ok());
        if known.as_ref() != Some(url) {
            let message = format!(
                "requests will go to {}, without /v1",
                dialect.path("", false)
            );
            let found = Diagnostic::warning(path, message);
            let help = "most servers that speak OpenAI's dialect want /v1 at the end";
            note(notes, found.help(help), instead);
        }
    }
}

fn is_local(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    let address = host
        .parse::<IpAddr>()
        .is_ok_and(|address| address.is_loopback());
    address || host == "localhost" || host.ends_with(".localhost")
}
