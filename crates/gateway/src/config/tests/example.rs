use super::{
    super::{
        Accepts, Breaker, Correct, Forgives, Gate, Limits, Options, Retry, Server, Timeout,
        fields::Fields, notes::Notes, read,
    },
    fine, keys,
};
use std::{collections::BTreeSet, time::Duration};
use toml::de::DeTable;

const EXAMPLE: &str = include_str!("../../../../../docs/buttress.example.toml");

/// The example with the settings that are off switched on.
pub(super) fn complete() -> String {
    let setting = |line: &&str| {
        line.strip_prefix('#')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
    };
    let lines = EXAMPLE.lines();
    let lines = lines.map(|line| if setting(&line) { &line[1..] } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn it_shows_the_defaults() {
    let config = fine(EXAMPLE);
    let (server, default) = (&config.server, Server::default());
    assert_eq!(server.listen, default.listen);
    assert_eq!(server.client_key_env, default.client_key_env);
    assert_eq!(server.max_body, default.max_body);
    assert_eq!(server.max_in_flight_bytes, default.max_in_flight_bytes);
    assert_eq!(server.max_connections, default.max_connections);
    assert_eq!(server.max_header, default.max_header);
    assert_eq!(server.header_timeout, default.header_timeout);
    assert_eq!(server.drain_delay, default.drain_delay);
    assert_eq!(server.shutdown_grace, default.shutdown_grace);
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.correct, Correct::default());

    let route = &config.routes[0];
    assert_eq!(route.accepts, Accepts::default());
    assert_eq!(route.retry, Retry::default());
    assert_eq!(route.breaker, Breaker::default());
    assert_eq!(route.gate, Gate::default());
    assert_eq!(route.timeout, Timeout::default());

    // Declared or not, it is the same provider.
    let declared = format!("{:?}", config.routes[0]);
    let short = fine("[[routes]]\nprovider = \"openai\"\nmodel = \"gpt-4.1\"");
    assert_eq!(declared, format!("{:?}", short.routes[0]));
}

#[test]
fn it_is_right_with_everything_switched_on() {
    let config = fine(&complete());
    let route = &config.routes[0];
    assert!(route.breaker.slow.is_some() && route.breaker.slow_rate.is_some());
    assert_eq!(route.max_output_tokens, Some(32_768));
    assert_eq!(route.cost_per_million_output, Some(8.0));
    assert_eq!(route.provider.headers.len(), 1);
}

#[test]
fn it_has_every_setting() {
    let source = complete();
    let table = DeTable::parse(&source).unwrap();
    let mut notes = Notes::default();
    let options = Options::new(&keys);
    Fields::document(table.get_ref(), &mut notes, |fields| {
        read::config(fields, &options)
    });

    let present = present(table.get_ref(), "");
    let shown = |known: &&str| {
        // What routes inherit is shown once.
        let inherited = known.replace("routes[]", "defaults");
        present.contains(*known) || present.contains(&inherited)
    };
    let known = notes.into_known();
    let missing: Vec<_> = known.paths().filter(|known| !shown(known)).collect();
    assert_eq!(missing, [""; 0]);
    assert!(known.get("routes[].breaker.probe_lease").is_some());
}

#[test]
fn the_plain_counter_of_the_documentation_is_one() {
    let guide = include_str!("../../../../../docs/configuration.md");
    let mut blocks = guide.split("```");
    let block = blocks
        .find(|block| block.contains("success_forgives = "))
        .unwrap();
    let source = block.trim_start_matches("toml");
    let config = fine(&format!("{source}\n[[routes]]\nprovider = \"ollama\""));
    let minute = Duration::from_secs(60);
    let expected = Breaker {
        consecutive_failures: Some(5),
        success_forgives: Forgives::One,
        failure_rate: None,
        open: minute,
        open_max: minute,
        jitter: None,
        ..Breaker::default()
    };
    assert_eq!(config.routes[0].breaker, expected);
}

/// The fields of a table, as `routes[].retry.base`. The names that a file chooses are `NAME`.
fn present(table: &DeTable<'_>, path: &str) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    for (key, value) in table {
        let chosen = ["providers", "models", "providers.NAME.headers"].contains(&path);
        let key = if chosen { "NAME" } else { key.get_ref() };
        let path = if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        };
        fields.insert(path.clone());
        let (here, tables) = match value.get_ref() {
            toml::de::DeValue::Table(table) => (path, vec![table]),
            toml::de::DeValue::Array(items) => {
                let tables = items.iter().filter_map(|item| item.get_ref().as_table());
                (format!("{path}[]"), tables.collect())
            }
            _ => continue,
        };
        for table in tables {
            fields.extend(present(table, &here));
        }
    }
    fields
}
