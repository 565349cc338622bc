//! Schemas that are followed to the letter, which OpenAI does for some only.

use crate::{
    Dialect,
    cross::{Crossing, Format, Prompt},
};
use serde_json::{Value, value::RawValue};

/// Asks for schemas to be followed only where OpenAI can. It refuses the others, which callers of
/// its own dialects know, as they know a server that does not.
pub(crate) fn settle(prompt: &mut Prompt<'_>, crossing: Crossing) {
    if matches!(
        crossing.from,
        Dialect::OpenAiChat | Dialect::OpenAiResponses
    ) {
        return;
    }
    let mut dropped = false;
    let mut settle = |strict: &mut Option<bool>, schema: Option<&RawValue>| {
        if *strict == Some(true) && schema.is_some_and(|schema| !can_be(schema)) {
            *strict = None;
            dropped = true;
        }
    };
    for tool in &mut prompt.tools {
        settle(&mut tool.strict, tool.parameters.as_deref());
    }
    if let Some(Format::Schema { schema, strict, .. }) = &mut prompt.format {
        settle(strict, Some(schema));
    }
    if dropped {
        prompt.note("dropped strict");
    }
}

/// Whether it is the schema of an object, and each object in it has all that it names and nothing
/// else.
fn can_be(schema: &RawValue) -> bool {
    serde_json::from_str::<Value>(schema.get())
        .is_ok_and(|root| root["type"] == "object" && is_whole(&root))
}

fn is_whole(schema: &Value) -> bool {
    let Some(fields) = schema.as_object() else {
        return false;
    };
    let is_object = fields.contains_key("properties")
        || match fields.get("type") {
            Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
            kind => kind.is_some_and(|kind| kind == "object"),
        };
    if is_object {
        let required = fields.get("required").and_then(Value::as_array);
        let is_required =
            |name: &String| required.is_some_and(|all| all.iter().any(|it| it == name));
        let names = fields.get("properties").and_then(Value::as_object);
        let closed = fields.get("additionalProperties") == Some(&Value::Bool(false));
        if !closed || !names.is_some_and(|names| names.keys().all(is_required)) {
            return false;
        }
    }
    fields.iter().all(|(name, value)| match (&**name, value) {
        ("properties" | "$defs" | "definitions", Value::Object(schemas)) => {
            schemas.values().all(is_whole)
        }
        ("items", schema) => is_whole(schema),
        ("anyOf", Value::Array(schemas)) => schemas.iter().all(is_whole),
        (
            "oneOf" | "allOf" | "not" | "if" | "then" | "else" | "dependentRequired"
            | "dependentSchemas" | "patternProperties",
            _,
        ) => false,
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{json, value::to_raw_value};

    #[test]
    fn only_whole_objects_can_be_followed_to_the_letter() {
        let can_be = |schema: &Value| can_be(&to_raw_value(schema).unwrap());
        let whole = json!({"type": "object", "properties": {
            "a": {"type": ["string", "null"], "minLength": 1},
            "b": {"type": "array", "items": {"$ref": "#/$defs/B"}},
            "c": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "required": {"type": "boolean"},
        }, "required": ["a", "b", "c", "required"], "additionalProperties": false,
            "$defs": {"B": {"type": "object", "properties": {}, "additionalProperties": false}}});
        assert!(can_be(&whole));
        let without = |at: &str, field: &str| {
            let mut schema = whole.clone();
            let there = schema.pointer_mut(at).unwrap();
            there.as_object_mut().unwrap().remove(field);
            schema
        };
        for (at, field) in [
            ("", "additionalProperties"),
            ("", "required"),
            ("", "type"),
            ("/$defs/B", "additionalProperties"),
            ("/$defs/B", "properties"),
        ] {
            assert!(!can_be(&without(at, field)), "{field} of {at:?}");
        }
        let mut optional = whole.clone();
        optional["required"] = json!(["a", "b", "c"]);
        assert!(!can_be(&optional));
        let mut either = whole.clone();
        either["properties"]["c"] = json!({"oneOf": [{"type": "null"}]});
        assert!(!can_be(&either));
        assert!(!can_be(&json!({"type": "string"})));
    }
}
