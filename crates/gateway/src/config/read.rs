use super::{
    Chain, Config, Correct, Journal, Limits, Mode, Options, Provider, Queue, Route, Server, Shared,
    Telemetry,
    chain::indices,
    fields::Fields,
    kind::Kind,
    path::named,
    provider,
    route::Defaults,
    value::{Wrong, closest, quoted, reader, text, texts},
};
use buttress_llm as llm;
use serde_json::Value;
use std::sync::Arc;
use toml::de::DeValue;

/// Reads the table at the top of a file.
pub(super) fn config(fields: &mut Fields<'_>, options: &Options<'_>) -> Config {
    let mut server = Server::default();
    fields.section("server", |fields| server.read(fields));
    server.listen = options.listen.unwrap_or(server.listen);
    server.client_key = provider::key(options.env, &server.client_key_env).ok();
    server.admin_key = provider::key(options.env, &server.admin_key_env).ok();

    let mut limits = Limits::default();
    fields.section("limits", |fields| limits.read(fields));
    let mut correct = Correct::default();
    fields.section("correct", |fields| correct.read(fields));

    let mut queue = Queue::default();
    fields.section("queue", |fields| queue.read(fields, options.env));

    let mut journal = Journal::default();
    fields.section("journal", |fields| journal.read(fields, options.env));

    let mut telemetry = Telemetry::default();
    fields.section("telemetry", |fields| telemetry.read(fields, options.env));
    let mut shared = Shared::default();
    fields.section("shared", |fields| shared.read(fields, options.env));

    let mut providers = fields.section("providers", |fields| providers(fields, options));
    let defaults = fields.section("defaults", Defaults::read);
    let routes = fields.list("routes", |fields| {
        let provider = asked(fields, &mut providers, options);
        Route::read(fields, &defaults, provider)
    });
    if routes.is_empty() && !fields.has("routes") {
        let help = "write one:\n[[routes]]\nprovider = \"openai\"\nmodel = \"gpt-4.1\"";
        fields.wrong("routes", Wrong::new("there are no routes", help));
    }

    let models = fields.has("models");
    let names: Vec<_> = routes.iter().map(|route| &*route.name).collect();
    let chains = fields.section("models", |fields| chains(fields, &names));
    Config {
        mode: Mode::Environment,
        chains: match models {
            true => chains,
            false => vec![Chain::everything(routes.len())],
        },
        server,
        limits,
        queue,
        journal,
        shared,
        correct,
        telemetry,
        routes,
    }
}

fn providers(fields: &mut Fields<'_>, options: &Options<'_>) -> Vec<Arc<Provider>> {
    fields.about(&["Who can be asked, by name."]);
    let entries = fields.entries().into_iter();
    let read = entries.map(|(name, value)| {
        let provider = fields.entry(&name, value, |fields| Provider::read(&name, fields));
        Arc::new(provider.with_key(options.env))
    });
    read.collect()
}

/// The provider that a route asks. One that is known by its name need not be declared.
fn asked(
    fields: &mut Fields<'_>,
    providers: &mut Vec<Arc<Provider>>,
    options: &Options<'_>,
) -> Arc<Provider> {
    fields.of::<Route>();
    let name = fields.get("provider", text()).unwrap_or_default();
    if let Some(provider) = providers.iter().find(|provider| *provider.name == *name) {
        return Arc::clone(provider);
    }
    if let Some(provider) = Provider::known(&name) {
        let provider = Arc::new(provider.with_key(options.env));
        providers.push(Arc::clone(&provider));
        return provider;
    }
    if !fields.has("provider") {
        let help = "say who is asked, such as provider = \"openai\"";
        fields.wrong("provider", Wrong::new("is missing", help));
    } else if !name.is_empty() {
        let known = llm::Provider::ALL
            .into_iter()
            .filter(|kind| kind.base_url().is_some());
        let known = known.map(|kind| -> &str { kind.as_str() });
        let declared = providers.iter().map(|provider| &*provider.name);
        let help = match closest(&name, declared.chain(known)) {
            Some(close) => format!("did you mean \"{close}\"?"),
            None => format!(
                "declare it: [{}] with kind, base_url and key_env",
                named("providers", &name)
            ),
        };
        fields.wrong(
            "provider",
            Wrong::new(format!("there is no provider {}", quoted(&name)), help),
        );
    }
    let mut nobody = Provider::new(name, llm::Provider::Compatible);
    nobody.key_env = None;
    Arc::new(nobody)
}

fn chains(fields: &mut Fields<'_>, routes: &[&str]) -> Vec<Chain> {
    fields.about(&[
        "Which routes serve which model. Without this table all of them serve every model.",
    ]);
    let entries = fields.entries().into_iter();
    let read = entries.filter_map(|(model, value)| {
        let read = |value: &DeValue<'_>| {
            if model.trim().is_empty() {
                let help = "name the model that callers ask for; \"*\" stands for all of them";
                return Err(Wrong::new("is no model", help));
            }
            indices(&texts(value)?, routes)
        };
        let read = reader(Kind::Texts, read, |_| Value::Null);
        let about = "The names of the routes that serve this model, in order. `*` in the model \
                     stands for any text.";
        let routes = fields.entry_value(&model, value, &[about], read)?;
        Some(Chain { model, routes })
    });
    read.collect()
}
