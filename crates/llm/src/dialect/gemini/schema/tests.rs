use super::*;
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};
use std::borrow::Cow;

fn raw(schema: &Value) -> Box<RawValue> {
    to_raw_value(schema).unwrap()
}

/// The schema of one property, in Gemini's form if it has one.
fn written(property: &Value) -> Option<Value> {
    let schema = json!({"type": "object", "properties": {"x": property}});
    match for_gemini(&raw(&schema)) {
        Written::Simple { mut schema, .. } => Some(schema["properties"]["x"].take()),
        Written::Json(same) => {
            assert_eq!(same.get(), schema.to_string());
            None
        }
        Written::Nothing => panic!("there is a property"),
    }
}

#[test]
fn a_json_schema_is_made_what_gemini_takes() {
    for (schema, expected) in [
        (
            json!({"type": ["string", "null"]}),
            json!({"anyOf": [{"type": "string"}], "nullable": true}),
        ),
        (
            json!({"type": ["string", "integer"], "minimum": 1, "pattern": "a", "description": "d"}),
            json!({"description": "d", "anyOf": [
                {"type": "string", "pattern": "a"}, {"type": "integer", "minimum": 1}]}),
        ),
        (
            json!({"type": ["object", "null"], "properties": {"a": {"type": "string"}}}),
            json!({"anyOf": [{"type": "object", "properties": {"a": {"type": "string"}}}],
                "nullable": true}),
        ),
        (
            json!({"type": "string", "const": "x"}),
            json!({"type": "string", "enum": ["x"]}),
        ),
        (
            json!({"const": "x"}),
            json!({"type": "string", "enum": ["x"]}),
        ),
        (
            json!({"enum": ["a", null]}),
            json!({"type": "string", "enum": ["a"], "nullable": true}),
        ),
        (
            json!({"anyOf": [{"type": "string"}, {"type": "null"}], "description": "d"}),
            json!({"type": "string", "description": "d", "nullable": true}),
        ),
        (
            json!({"oneOf": [{"type": "string"}, {"type": "integer"}]}),
            json!({"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        ),
        (
            json!({"type": "object", "additionalProperties": false, "$schema": "s",
                "properties": {"b": {"type": "integer"}, "a": {"type": "string"}},
                "required": ["b", "gone"]}),
            json!({"type": "object",
                "properties": {"b": {"type": "integer"}, "a": {"type": "string"}},
                "required": ["b"]}),
        ),
        (
            json!({"type": "array", "items": {"type": "string", "format": "uri"}}),
            json!({"type": "array", "items": {"type": "string"}}),
        ),
        (
            json!({"allOf": [{"type": "string"}]}),
            json!({"type": "string"}),
        ),
        (json!({}), json!({})),
    ] {
        assert_eq!(written(&schema), Some(expected), "{schema}");
    }
}

#[test]
fn what_its_form_has_no_word_for_is_told_as_it_is() {
    for schema in [
        json!({"type": "object", "additionalProperties": {"type": "string"}}),
        json!({"type": "array"}),
        json!({"type": "array", "items": [{"type": "string"}]}),
        json!({"type": "array", "items": {}}),
        json!({"enum": [1, 2]}),
        json!({"const": true}),
        json!({"not": {"type": "string"}}),
        json!({"allOf": [{"type": "string"}, {"minLength": 1}]}),
        json!({"$ref": "#"}),
        json!({"$ref": "#/properties/x"}),
        json!({"$ref": "#/$defs/gone"}),
        json!({"$ref": "https://x.test/schema"}),
        json!(true),
    ] {
        assert_eq!(written(&schema), None, "{schema}");
    }
}

#[test]
fn references_are_followed_unless_they_go_round() {
    let tree = json!({"type": "object", "properties": {
        "value": {"$ref": "#/$defs/Value", "description": "own"},
    }, "$defs": {"Value": {"type": "string", "description": "shared"}}});
    let tree = raw(&tree);
    let Written::Simple { schema, .. } = for_gemini(&tree) else {
        panic!("it is simple")
    };
    assert_eq!(
        schema,
        json!({"type": "object", "properties": {
            "value": {"type": "string", "description": "own"}}})
    );
    let round = json!({"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}},
        "$defs": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}}});
    assert!(matches!(for_gemini(&raw(&round)), Written::Json(_)));
    // Each twice the one before.
    let mut bomb = json!({"type": "object", "properties": {"x": {"$ref": "#/$defs/0"}},
        "$defs": {"30": {"type": "string"}}});
    for at in 0..30 {
        let next = json!({"$ref": format!("#/$defs/{}", at + 1)});
        bomb["$defs"][at.to_string()] =
            json!({"type": "object", "properties": {"a": next, "b": next}});
    }
    assert!(matches!(for_gemini(&raw(&bomb)), Written::Json(_)));
}

#[test]
fn no_arguments_are_not_described() {
    for schema in [
        json!({"type": "object", "properties": {}}),
        json!({"type": "object", "properties": {}, "additionalProperties": false}),
        json!({}),
        json!(null),
    ] {
        assert!(
            matches!(for_gemini(&raw(&schema)), Written::Nothing),
            "{schema}"
        );
    }
}

#[test]
fn its_own_form_is_read_as_a_json_schema() {
    let read = |schema: &Value| -> Value {
        serde_json::from_str(from_gemini(&raw(schema)).get()).unwrap()
    };
    let schema = json!({"type": "OBJECT", "properties": {
        "a": {"type": "STRING", "nullable": true, "enum": ["x"], "format": "enum"},
        "b": {"type": "ARRAY", "items": {"type": "INTEGER"}, "minItems": "1"},
        "c": {"any_of": [{"type": "NUMBER"}], "nullable": true},
    }, "propertyOrdering": ["a", "b"]});
    assert_eq!(
        read(&schema),
        json!({"type": "object", "properties": {
            "a": {"type": ["string", "null"], "enum": ["x", null]},
            "b": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
            "c": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        }})
    );
    let same = raw(&json!({"type": "object", "properties": {"a": {"type": "string"}}}));
    assert!(matches!(from_gemini(&same), Cow::Borrowed(_)));
}
