//! Schemas that an answer is held to, which are a part of JSON Schema: every object is closed,
//! and nothing is said of the size of numbers, texts and lists.

use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};
use std::{borrow::Cow, collections::HashMap, fmt::Write as _, mem};

/// How a model can be held to a schema.
#[derive(Debug)]
pub(super) struct Held<'a> {
    pub(super) schema: Cow<'a, RawValue>,
    /// Whether some of it is only told now, in words, or no longer left open.
    pub(super) simplified: bool,
}

/// Makes a schema one that Anthropic takes. `None` where what it means can't be said so.
pub(super) fn held(schema: &RawValue) -> Option<Held<'_>> {
    let told: Value = serde_json::from_str(schema.get()).ok()?;
    let mut fitted = told.clone();
    let mut fitting = Fitting { simplified: false };
    fitting.schema(&mut fitted)?;
    if !ends(&fitted) {
        return None;
    }
    let schema = if fitted == told {
        Cow::Borrowed(schema)
    } else {
        Cow::Owned(to_raw_value(&fitted).expect("JSON can be written"))
    };
    Some(Held {
        schema,
        simplified: fitting.simplified,
    })
}

/// What a value is like beyond its type, which is told to the model in the description instead.
const LIMITS: [&str; 13] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    // Some are taken, but which ones is not worth a refusal.
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];

/// The formats that are followed.
const FORMATS: [&str; 10] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
];

/// What says nothing of the values.
const REMARKS: [&str; 9] = [
    "$schema",
    "$id",
    "$comment",
    "example",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "propertyOrdering",
];

struct Fitting {
    simplified: bool,
}

impl Fitting {
    fn schema(&mut self, schema: &mut Value) -> Option<()> {
        let fields = schema.as_object_mut()?;
        let closed = self.close(fields)?;
        let mut limits = String::new();
        for (name, mut value) in mem::take(fields) {
            match &*name {
                "type" | "title" | "description" | "default" | "required" => {}
                "additionalProperties" => continue,
                "const" if !is_simple(&value) => return None,
                "const" => {}
                "enum" if !value.as_array()?.iter().all(is_simple) => return None,
                "enum" => {}
                "$ref" => {
                    let at = value.as_str()?;
                    let is_near = ["#/$defs/", "#/definitions/"];
                    is_near.iter().find(|near| at.starts_with(**near))?;
                }
                "properties" | "$defs" | "definitions" => {
                    for schema in value.as_object_mut()?.values_mut() {
                        self.schema(schema)?;
                    }
                }
                "items" => self.schema(&mut value)?,
                "anyOf" | "oneOf" | "allOf" => {
                    for schema in value.as_array_mut()? {
                        self.schema(schema)?;
                        // All of several places at once are not followed.
                        if name == "allOf" && schema.get("$ref").is_some() {
                            return None;
                        }
                    }
                }
                "format" if FORMATS.iter().any(|known| value == *known) => {}
                "minItems" if value == 0 || value == 1 => {}
                limit if limit == "format" || LIMITS.contains(&limit) => {
                    let between = if limits.is_empty() { "" } else { ", " };
                    let _ = write!(limits, "{between}{limit}: {value}");
                    continue;
                }
                remark if REMARKS.contains(&remark) || remark.starts_with("x-") => continue,
                _ => return None,
            }
            // Of several ways, one is taken.
            let name = if name == "oneOf" { "anyOf" } else { &*name };
            if fields.insert(name.to_owned(), value).is_some() {
                return None;
            }
        }
        if fields.contains_key("$ref") {
            // Beside it nothing else is taken, and most of what stands there is a remark.
            let beside = ["title", "description", "default", "$defs", "definitions"];
            if !limits.is_empty()
                || fields
                    .keys()
                    .any(|it| it != "$ref" && !beside.contains(&&**it))
            {
                return None;
            }
            fields.retain(|name, _| !["title", "description", "default"].contains(&&**name));
        }
        if closed {
            fields.insert("additionalProperties".to_owned(), Value::Bool(false));
        }
        if !limits.is_empty() {
            self.simplified = true;
            let told = fields.get("description").and_then(Value::as_str);
            let told = told.map_or_else(|| limits.clone(), |told| format!("{told} ({limits})"));
            fields.insert("description".to_owned(), told.into());
        }
        Some(())
    }

    /// Whether it is an object, which then has the properties that it names, and no others.
    fn close(&mut self, fields: &Map<String, Value>) -> Option<bool> {
        let is_object = match fields.get("type") {
            Some(Value::String(kind)) => kind == "object",
            Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
            _ => fields.contains_key("properties"),
        };
        let names = fields.get("properties").and_then(Value::as_object);
        let names_any = names.is_some_and(|names| !names.is_empty());
        match fields.get("additionalProperties") {
            Some(Value::Bool(false)) => {}
            Some(Value::Bool(true)) | None if names_any => self.simplified = true,
            None if !is_object => {}
            // Any object will do, or one whose names are not known before.
            _ => return None,
        }
        Some(is_object)
    }
}

fn is_simple(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}

/// Whether all references lead somewhere, and none leads back to where it is.
fn ends(root: &Value) -> bool {
    let mut ended = HashMap::new();
    let mut references = Vec::new();
    collect(root, &mut references);
    references.iter().all(|at| leads(root, at, &mut ended))
}

/// The answer for each place is kept, and none while it is being looked for.
fn leads<'a>(root: &'a Value, at: &'a str, ended: &mut HashMap<&'a str, bool>) -> bool {
    if let Some(ended) = ended.get(at) {
        return *ended;
    }
    let Some(there) = at.strip_prefix('#').and_then(|at| root.pointer(at)) else {
        return false;
    };
    ended.insert(at, false);
    let mut references = Vec::new();
    collect(there, &mut references);
    let leads = references.iter().all(|at| leads(root, at, ended));
    ended.insert(at, leads);
    leads
}

/// The references in a schema, but for those in its definitions, which count where they are used.
fn collect<'a>(schema: &'a Value, references: &mut Vec<&'a str>) {
    match schema {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (&**name, value) {
                    ("$ref", Value::String(at)) => references.push(at),
                    ("$defs" | "definitions", _) => {}
                    _ => collect(value, references),
                }
            }
        }
        Value::Array(schemas) => schemas.iter().for_each(|it| collect(it, references)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fit(schema: &Value) -> Option<(Value, bool)> {
        let schema = to_raw_value(schema).unwrap();
        let held = held(&schema)?;
        Some((
            serde_json::from_str(held.schema.get()).unwrap(),
            held.simplified,
        ))
    }

    #[test]
    fn what_fits_is_left_as_it_is() {
        let text = r##"{ "type":"object","properties":{"a":{"$ref":"#/$defs/A"},
            "b":{"type":["string","null"],"format":"date"},
            "c":{"type":"array","items":{"enum":["x",1,null]},"minItems":1}},
            "required":["a"],"additionalProperties":false,
            "$defs":{"A":{"anyOf":[{"type":"integer"},{"const":"y"}],"description":"d"}}}"##;
        let schema: &RawValue = serde_json::from_str(text).unwrap();
        let held = held(schema).unwrap();
        assert!(matches!(held.schema, Cow::Borrowed(same) if same.get() == text));
        assert!(!held.simplified);
    }

    #[test]
    fn every_object_is_closed() {
        let open = json!({"type": "object", "properties": {"a": {"type": "array",
            "items": {"type": "object", "properties": {"b": {"type": "string"}}}}}});
        let closed = json!({"type": "object", "properties": {"a": {"type": "array",
            "items": {"type": "object", "properties": {"b": {"type": "string"}},
                "additionalProperties": false}}}, "additionalProperties": false});
        assert_eq!(fit(&open), Some((closed.clone(), true)));
        let mut said = open;
        said["additionalProperties"] = true.into();
        assert_eq!(fit(&said), Some((closed.clone(), true)));
        assert_eq!(fit(&closed), Some((closed, false)));
    }

    #[test]
    fn limits_are_told_in_words() {
        for (schema, expected) in [
            (
                json!({"type": "integer", "minimum": 1, "maximum": 9}),
                json!({"type": "integer", "description": "minimum: 1, maximum: 9"}),
            ),
            (
                json!({"type": "string", "description": "A code.", "pattern": "^a$"}),
                json!({"type": "string", "description": "A code. (pattern: \"^a$\")"}),
            ),
            (
                json!({"type": "string", "format": "color"}),
                json!({"type": "string", "description": "format: \"color\""}),
            ),
            (
                json!({"type": "array", "items": {"type": "string"}, "minItems": 2}),
                json!({"type": "array", "items": {"type": "string"},
                    "description": "minItems: 2"}),
            ),
        ] {
            assert_eq!(fit(&schema), Some((expected, true)), "{schema}");
        }
    }

    #[test]
    fn remarks_are_left_out() {
        for (schema, expected) in [
            (
                json!({"$schema": "s", "type": "string", "examples": ["a"], "x-own": 1}),
                json!({"type": "string"}),
            ),
            (
                json!({"oneOf": [{"type": "string"}, {"type": "integer"}]}),
                json!({"anyOf": [{"type": "string"}, {"type": "integer"}]}),
            ),
            (
                json!({"$ref": "#/$defs/A", "description": "own", "$defs": {"A": {"type": "null"}}}),
                json!({"$ref": "#/$defs/A", "$defs": {"A": {"type": "null"}}}),
            ),
        ] {
            assert_eq!(fit(&schema), Some((expected, false)), "{schema}");
        }
    }

    #[test]
    fn what_cannot_be_said_is_not() {
        for schema in [
            json!(true),
            json!({"type": "object"}),
            json!({"type": "object", "properties": {}}),
            json!({"type": "object", "additionalProperties": {"type": "string"}}),
            json!({"type": "object", "patternProperties": {"a": {"type": "string"}}}),
            json!({"not": {"type": "string"}}),
            json!({"type": "array", "items": [{"type": "string"}]}),
            json!({"enum": [{"a": 1}]}),
            json!({"allOf": [{"$ref": "#/$defs/A"}], "$defs": {"A": {"type": "string"}}}),
            json!({"anyOf": [], "oneOf": []}),
            json!({"$ref": "#"}),
            json!({"$ref": "https://x.test/schema"}),
            json!({"$ref": "#/$defs/gone"}),
            json!({"$ref": "#/$defs/A", "minimum": 1, "$defs": {"A": {"type": "integer"}}}),
            json!({"$ref": "#/$defs/A", "$defs": {"A": {"type": "array",
                "items": {"$ref": "#/$defs/A"}}}}),
            json!({"$ref": "#/$defs/A", "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/B"}]},
                "B": {"type": "array", "items": {"$ref": "#/$defs/A"}}}}),
        ] {
            assert_eq!(fit(&schema), None, "{schema}");
        }
    }

    #[test]
    fn references_that_multiply_take_no_time() {
        let mut bomb = json!({"type": "object", "properties": {"x": {"$ref": "#/$defs/0"}},
            "additionalProperties": false, "$defs": {"30": {"type": "string"}}});
        for at in 0..30 {
            let next = json!({"$ref": format!("#/$defs/{}", at + 1)});
            bomb["$defs"][at.to_string()] = json!({"type": "object",
                "properties": {"a": next, "b": next}, "additionalProperties": false});
        }
        assert_eq!(fit(&bomb), Some((bomb, false)));
    }
}
