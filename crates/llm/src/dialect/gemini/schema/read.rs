use serde_json::{
    Map, Value, json,
    value::{RawValue, to_raw_value},
};
use std::borrow::Cow;

/// Reads Gemini's form as a JSON Schema: itself, where it is one.
pub(in crate::dialect::gemini) fn from_gemini(schema: &RawValue) -> Cow<'_, RawValue> {
    let Ok(mut value) = serde_json::from_str::<Value>(schema.get()) else {
        return Cow::Borrowed(schema);
    };
    if !plain(&mut value) {
        return Cow::Borrowed(schema);
    }
    to_raw_value(&value).map_or(Cow::Borrowed(schema), Cow::Owned)
}

/// Makes it one, and says whether anything was changed.
fn plain(schema: &mut Value) -> bool {
    let Value::Object(fields) = schema else {
        return false;
    };
    let mut changed = false;
    for name in ["propertyOrdering", "property_ordering", "example"] {
        changed |= fields.shift_remove(name).is_some();
    }
    for (snake, camel) in [
        ("any_of", "anyOf"),
        ("min_items", "minItems"),
        ("max_items", "maxItems"),
        ("min_length", "minLength"),
        ("max_length", "maxLength"),
        ("min_properties", "minProperties"),
        ("max_properties", "maxProperties"),
    ] {
        if let Some(value) = fields.shift_remove(snake) {
            fields.insert(camel.to_owned(), value);
            changed = true;
        }
        // Its numbers of 64 bits come as texts.
        if let Some(value) = fields.get_mut(camel)
            && let Some(number) = value.as_str().and_then(|text| text.parse::<u64>().ok())
        {
            *value = number.into();
            changed = true;
        }
    }
    if fields.get("format").is_some_and(|format| format == "enum") {
        fields.shift_remove("format");
        changed = true;
    }
    if let Some(Value::String(kind)) = fields.get_mut("type")
        && kind.bytes().any(|byte| byte.is_ascii_uppercase())
    {
        kind.make_ascii_lowercase();
        if kind == "type_unspecified" {
            fields.shift_remove("type");
        }
        changed = true;
    }
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        for (_, property) in properties {
            changed |= plain(property);
        }
    }
    if let Some(items) = fields.get_mut("items") {
        changed |= plain(items);
    }
    if let Some(Value::Array(choices)) = fields.get_mut("anyOf") {
        for choice in choices {
            changed |= plain(choice);
        }
    }
    if let Some(nullable) = fields.shift_remove("nullable") {
        changed = true;
        if nullable == true {
            or_null(fields);
        }
    }
    changed
}

fn or_null(fields: &mut Map<String, Value>) {
    if let Some(Value::Array(choices)) = fields.get_mut("anyOf") {
        choices.push(json!({"type": "null"}));
    }
    if let Some(kind @ Value::String(_)) = fields.get_mut("type") {
        *kind = json!([kind.take(), "null"]);
    }
    if let Some(Value::Array(values)) = fields.get_mut("enum") {
        values.push(Value::Null);
    }
}
