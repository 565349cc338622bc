//! The list of fields, written for editors and for people.

use super::{
    kind::Kind,
    known::{Key, Known},
};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// All fields of a file as JSON Schema (draft 7), by which editors complete and check.
///
/// Whatever can be read conforms to it. Not everything that conforms can be read: times and sizes
/// have ranges that JSON Schema can't tell, and what fields are to each other is for
/// `buttress check` to say.
#[must_use]
pub fn schema() -> Value {
    let mut root = object();
    let head = [
        ("$schema", "http://json-schema.org/draft-07/schema#"),
        ("title", "buttress.toml"),
        ("description", "What buttress is to do."),
    ];
    for (index, (name, value)) in head.into_iter().enumerate() {
        root.shift_insert(index, name.to_owned(), Value::from(value));
    }
    let mut root = Value::Object(root);
    root["definitions"] = json!({ "variables": {
        "type": "string",
        "pattern": r"\$\{",
        "description": "A text with variables of the environment in it: ${NAME} or \
                        ${NAME:-default}",
    }});
    let known = Known::all();
    for (path, key) in known.in_order() {
        // A route has what the defaults are set to.
        let inherited = inherited(path, &known).is_some();
        let field = field(key, inherited);
        let (table, name) = path.rsplit_once('.').unwrap_or(("", path));
        let Some(table) = table_in(&mut root, table) else {
            continue;
        };
        match name {
            "NAME" => table["additionalProperties"] = field,
            name => table["properties"][name] = field,
        }
    }
    root
}

/// All fields of a file as a page of Markdown.
#[must_use]
pub fn markdown() -> String {
    let known = Known::all();
    let mut page = HEAD.to_owned();
    let all = known.in_order();
    let tables = all
        .iter()
        .filter(|(_, key)| matches!(key.kind, Kind::Table | Kind::Tables));
    for (path, key) in tables {
        let below = match key.kind {
            Kind::Tables => format!("{path}[]."),
            _ => format!("{path}."),
        };
        let rows = all.iter().filter_map(|(path, key)| {
            let name = path.strip_prefix(&below)?;
            let is_row = !name.contains('.') && !matches!(key.kind, Kind::Table | Kind::Tables);
            (is_row && inherited(path, &known).is_none()).then_some((name, *key))
        });
        let rows: Vec<_> = rows.collect();
        if rows.is_empty() {
            continue;
        }
        let header = match key.kind {
            Kind::Tables => format!("[[{path}]]"),
            _ => format!("[{path}]"),
        };
        let _ = write!(page, "\n## `{header}`\n\n");
        if !key.about.is_empty() {
            let _ = write!(page, "{}\n\n", key.about);
        }
        page.push_str("| key | default | takes | |\n|---|---|---|---|\n");
        for (name, key) in rows {
            let default = key.default.as_ref();
            let default = default.map_or_else(String::new, |value| format!("`{value}`"));
            let takes = key.kind.to_string();
            let cells = [format!("`{name}`"), default, takes, key.about.clone()];
            let cells = cells.map(|cell| cell.replace('|', "\\|"));
            let _ = writeln!(page, "| {} |", cells.join(" | "));
        }
    }
    page
}

const HEAD: &str = "\
# Every key

This page is written by `buttress schema --markdown`, from what the program reads. Keys without a
default are off, empty, or depend on another key. A route takes every key of `[defaults]` and of
the tables below it as well, such as `retry.max_retries`, and inherits what it leaves out.

Editors complete and check a file by the [JSON Schema](buttress.schema.json) that `buttress schema`
writes. With Taplo, and what is built on it, this line at the top of the file is enough:
`#:schema ./buttress.schema.json`.

Times have a unit: `500ms`, `1.5s`, `2m`, `1h 30m`. Sizes do, too: `64KiB`, `32MiB`. A share is
written as `55%` or `0.55`.

Whatever a key takes can stand in a variable of the environment, as `\"${NAME}\"` or
`\"${NAME:-default}\"`: [Configuration](configuration.md#variables) has the rules.
";

/// The field of `[defaults]` that one of a route inherits.
fn inherited<'k>(path: &str, known: &'k Known) -> Option<&'k Key> {
    let field = path.strip_prefix("routes[].")?;
    known.get(&format!("defaults.{field}"))
}

fn field(key: &Key, inherits: bool) -> Value {
    let mut field = match key.kind {
        Kind::Table => Value::Object(object()),
        Kind::Tables => json!({ "type": "array", "items": object() }),
        _ if key.kind.may_be_variable() => or_variables(key.kind.schema()),
        _ => key.kind.schema(),
    };
    if !key.about.is_empty() {
        field["description"] = Value::from(key.about.as_str());
    }
    if let Some(default) = key.default.as_ref().filter(|_| !inherits) {
        field["default"] = default.clone();
    }
    field
}

/// The same, or a text with variables in it, which may become whatever is taken. Most texts are
/// taken anyhow.
fn or_variables(schema: Value) -> Value {
    let any_text = schema["type"] == "string" && schema["pattern"].is_null();
    if any_text || schema["type"] == "array" {
        return schema;
    }
    let variables = json!({ "$ref": "#/definitions/variables" });
    let mut kinds = match schema {
        Value::Object(mut one) if one.contains_key("anyOf") => one["anyOf"].take(),
        one => json!([one]),
    };
    if let Some(kinds) = kinds.as_array_mut() {
        kinds.push(variables);
    }
    json!({ "anyOf": kinds })
}

/// A table that takes no field but those that it is given.
fn object() -> Map<String, Value> {
    let table = json!({ "type": "object", "properties": {}, "additionalProperties": false });
    match table {
        Value::Object(table) => table,
        _ => Map::new(),
    }
}

/// Where a table's own schema stands, by its path.
fn table_in<'v>(root: &'v mut Value, path: &str) -> Option<&'v mut Value> {
    let mut table = root;
    for name in path.split('.').filter(|name| !name.is_empty()) {
        let plain = name.trim_end_matches("[]");
        table = match plain {
            "NAME" => table.get_mut("additionalProperties")?,
            plain => table.get_mut("properties")?.get_mut(plain)?,
        };
        if plain != name {
            table = table.get_mut("items")?;
        }
    }
    Some(table)
}
