use super::{
    super::{Config, Options, fields::Fields, known::Known, markdown, notes::Notes, read, schema},
    example::complete,
    fine, keys,
};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;
use toml::de::{DeTable, DeValue};

static SCHEMA: LazyLock<jsonschema::Validator> =
    LazyLock::new(|| jsonschema::draft7::new(&schema()).unwrap());

/// Why an editor would not have this file; nothing where it would.
pub(super) fn refused(source: &str) -> Vec<String> {
    let table = DeTable::parse(source).unwrap();
    let file = Value::Object(object(table.get_ref()));
    let errors = SCHEMA.iter_errors(&file);
    let told = errors.map(|error| format!("{}: {error}", error.instance_path()));
    told.collect()
}

fn object(table: &DeTable<'_>) -> Map<String, Value> {
    let fields = table.iter();
    fields
        .map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref())))
        .collect()
}

fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(&**text),
        DeValue::Integer(number) => {
            let number = i64::from_str_radix(number.as_str(), number.radix());
            number.map_or(Value::from(u64::MAX), Value::from)
        }
        DeValue::Float(number) => Value::from(number.as_str().parse::<f64>().unwrap()),
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Datetime(date) => Value::from(date.to_string()),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(table) => Value::Object(object(table)),
    }
}

/// The fields that a schema has, as `routes[].retry.base`.
fn fields(schema: &Value, path: &str, found: &mut Vec<String>) {
    let join = |name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    let chosen = schema["additionalProperties"].as_object();
    let chosen = chosen.map(|_| ("NAME", &schema["additionalProperties"]));
    let properties = schema["properties"].as_object().into_iter().flatten();
    let properties = properties.map(|(name, schema)| (name.as_str(), schema));
    for (name, schema) in properties.chain(chosen) {
        found.push(join(name));
        match schema["items"]["properties"].is_object() {
            true => fields(&schema["items"], &format!("{}[]", join(name)), found),
            false => fields(schema, &join(name), found),
        }
    }
}

#[test]
fn it_has_the_fields_that_are_read_and_no_other() {
    let example = complete();
    let table = DeTable::parse(&example).unwrap();
    let mut notes = Notes::default();
    Fields::document(table.get_ref(), &mut notes, |fields| {
        read::config(fields, &Options::new(&keys))
    });
    // A file with everything in it, which is not what the schema is made of.
    let read = notes.into_known();
    let read: Vec<_> = read.paths().map(str::to_owned).collect();
    let mut has = Vec::new();
    fields(&schema(), "", &mut has);
    has.sort();
    assert_eq!(has, read);
    assert!(has.contains(&"routes[].breaker.probe_lease".to_owned()));
}

#[test]
fn every_field_says_what_it_is_for() {
    for (path, key) in Known::all().in_order() {
        assert!(!key.about.is_empty(), "{path}");
        assert!(!key.about.contains("None"), "{path}: {}", key.about);
    }
}

#[test]
fn a_default_can_be_written_as_it_is_shown() {
    for (path, key) in Known::all().in_order() {
        let Some(default) = &key.default else {
            continue;
        };
        let kind = jsonschema::draft7::new(&key.kind.schema()).unwrap();
        assert!(kind.is_valid(default), "{path} = {default}");
        // What is JSON here is TOML as well.
        if path.starts_with("routes") {
            continue;
        }
        let path = path.replace("NAME", "ollama");
        fine_but_for_warnings(&format!("{path} = {default}"));
    }
}

fn fine_but_for_warnings(source: &str) {
    let source = format!("{source}\n[[routes]]\nprovider = \"ollama\"");
    let read = Config::parse("buttress.toml", &source, &Options::new(&keys));
    read.unwrap_or_else(|report| panic!("{report}"));
}

#[test]
fn an_editor_sees_what_is_wrong() {
    let route = "[[routes]]\nprovider = \"ollama\"\n";
    assert_eq!(refused(route), [""; 0]);
    for wrong in [
        "retry.max_retrys = 2",
        "retry.max_retries = 101",
        "retry.base = 30",
        "retry.base = \"soon\"",
        "retry.jitter = \"ful\"",
        "retry.budget = \"some\"",
        "breaker.failure_rate = 1.5",
        "breaker.window = true",
        "stream.commit = \"late\"",
        "accepts.tools = \"yes\"",
        "cost_per_million_input = -1",
        "[queue]\nname = \"a queue\"",
        "[queue]\nurl = \"postgres://h\"",
        "[queue.degraded]\nstatus = 500",
        "[server]\nlisten = \"8080\"",
        "[server]\nclient_key = \"hunter2\"",
        "[server]\nmax_body = \"1XB\"",
        "[providers.x]\nkind = \"opnai\"",
        "[providers.x]\nkey_env = \"sk-secret\"",
        "[providers.x.headers]\na = 1",
        "[models]\nx = \"ollama\"",
        "[roots]",
    ] {
        let source = format!("{route}{wrong}");
        assert!(!refused(&source).is_empty(), "{wrong}");
        assert!(super::parse(&source).is_err(), "{wrong}");
    }
}

#[test]
fn what_a_route_inherits_has_no_default_of_its_own() {
    let schema = schema();
    let route = &schema["properties"]["routes"]["items"]["properties"];
    let defaults = &schema["properties"]["defaults"]["properties"];
    assert_eq!(defaults["retry"]["properties"]["max_retries"]["default"], 3);
    let retries = &route["retry"]["properties"]["max_retries"];
    assert_eq!(retries.get("default"), None);
    assert_eq!(retries["anyOf"][0]["maximum"], json!(100));
    fine("[[routes]]\nprovider = \"ollama\"\nretry.max_retries = 100\n[limits]\nmax_calls = 1000");
}

#[test]
fn what_is_written_in_the_book_is_of_this_version() {
    let page = include_str!("../../../../../docs/config-keys.md");
    let written = include_str!("../../../../../docs/buttress.schema.json");
    let anew = "write it anew: cargo run -p buttress-gateway -- schema";
    assert!(
        page == markdown(),
        "{anew} --markdown > docs/config-keys.md"
    );
    let fresh = format!("{:#}\n", schema());
    assert!(written == fresh, "{anew} > docs/buttress.schema.json");
}
