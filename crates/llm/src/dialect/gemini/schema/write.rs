use serde_json::{Map, Value, value::RawValue};

/// How the schema of a tool is told.
#[derive(Debug)]
pub(in crate::dialect::gemini) enum Written<'a> {
    /// There are no arguments.
    Nothing,
    /// In Gemini's own form. What only narrows down the values may have been left out.
    Simple { schema: Value, simplified: bool },
    /// As it is, in the other field that Gemini has: its own form can't express it.
    Json(&'a RawValue),
}

/// Writes a JSON Schema for Gemini.
pub(in crate::dialect::gemini) fn for_gemini(schema: &RawValue) -> Written<'_> {
    let Ok(root) = serde_json::from_str::<Value>(schema.get()) else {
        return Written::Json(schema);
    };
    if has_no_arguments(&root) {
        return Written::Nothing;
    }
    let mut writing = Writing {
        root: &root,
        open: Vec::new(),
        left: MOST,
        simplified: false,
    };
    match writing.schema(&root) {
        Some(schema) => Written::Simple {
            schema: Value::Object(schema),
            simplified: writing.simplified,
        },
        None => Written::Json(schema),
    }
}

/// Gemini refuses an object without properties where the arguments stand.
fn has_no_arguments(root: &Value) -> bool {
    let empty = |name| match root.get(name) {
        None => true,
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(value) => matches!(value, Value::Null | Value::Bool(false)),
    };
    let Value::Object(fields) = root else {
        return root.is_null();
    };
    let is_object = fields.get("type").is_none_or(|kind| kind == "object");
    let combined = ["$ref", "anyOf", "oneOf", "allOf", "patternProperties"];
    is_object
        && empty("properties")
        && empty("additionalProperties")
        && combined.iter().all(|name| !fields.contains_key(*name))
}

/// More schemas than anybody writes by hand: references may multiply them.
const MOST: usize = 5_000;

struct Writing<'a> {
    root: &'a Value,
    /// The references that are being followed.
    open: Vec<&'a str>,
    left: usize,
    simplified: bool,
}

type Fields = Map<String, Value>;

/// What says something of values of one type only.
const OF_TYPE: [(&str, &[&str]); 5] = [
    (
        "object",
        &[
            "properties",
            "required",
            "minProperties",
            "maxProperties",
            "propertyOrdering",
        ],
    ),
    ("array", &["items", "minItems", "maxItems"]),
    (
        "string",
        &["enum", "format", "pattern", "minLength", "maxLength"],
    ),
    ("number", &["format", "minimum", "maximum"]),
    ("integer", &["format", "minimum", "maximum"]),
];

/// All that is `None` here can't be said in Gemini's form.
impl<'a> Writing<'a> {
    fn schema(&mut self, schema: &'a Value) -> Option<Fields> {
        self.left = self.left.checked_sub(1)?;
        let fields = schema.as_object()?;
        let mut out = Fields::new();
        let mut types = None;
        let mut nullable = false;
        for (name, value) in fields {
            match &**name {
                "$ref" => merge(&mut out, self.reference(value.as_str()?)?),
                "type" => types = Some(value),
                "nullable" => nullable |= value == true,
                "const" => nullable |= choices(&mut out, std::slice::from_ref(value))?,
                "enum" => nullable |= choices(&mut out, value.as_array()?)?,
                "properties" => {
                    let mut properties = Fields::new();
                    for (name, property) in value.as_object()? {
                        properties.insert(name.clone(), Value::Object(self.schema(property)?));
                    }
                    out.insert("properties".to_owned(), Value::Object(properties));
                }
                "items" => {
                    let items = self.schema(value)?;
                    if items.is_empty() {
                        return None;
                    }
                    out.insert("items".to_owned(), Value::Object(items));
                }
                "anyOf" | "oneOf" => nullable |= self.any_of(&mut out, value.as_array()?)?,
                "allOf" => match &value.as_array()?[..] {
                    [one] => merge(&mut out, self.schema(one)?),
                    _ => return None,
                },
                // So it is to Gemini anyway; what may stand there can't be said.
                "additionalProperties" if value.is_boolean() => {}
                "format" if is_format(value) => {
                    out.insert(name.clone(), value.clone());
                }
                "title" | "description" | "default" | "required" | "pattern" | "minimum"
                | "maximum" | "minItems" | "maxItems" | "minLength" | "maxLength"
                | "minProperties" | "maxProperties" | "propertyOrdering" => {
                    out.insert(name.clone(), value.clone());
                }
                "$schema" | "$id" | "$anchor" | "$comment" | "$defs" | "definitions"
                | "examples" | "deprecated" | "readOnly" | "writeOnly" | "strict" => {}
                "additionalProperties"
                | "patternProperties"
                | "propertyNames"
                | "prefixItems"
                | "additionalItems"
                | "contains"
                | "not"
                | "if"
                | "dependentSchemas"
                | "dependencies"
                | "$dynamicRef" => return None,
                // A narrower choice of values, or a word of somebody's own.
                _ => self.simplified = true,
            }
        }
        nullable |= typed(&mut out, types)?;
        only_known_are_required(&mut out);
        if nullable {
            out.insert("nullable".to_owned(), true.into());
        }
        Some(out)
    }

    /// What a reference within the schema points to, unless it stands within that itself.
    fn reference(&mut self, reference: &'a str) -> Option<Fields> {
        const DEEPEST: usize = 32;
        if self.open.contains(&reference) || self.open.len() >= DEEPEST {
            return None;
        }
        let target = self.root.pointer(reference.strip_prefix('#')?)?;
        // The whole schema stands within itself.
        if std::ptr::eq(target, self.root) {
            return None;
        }
        self.open.push(reference);
        let schema = self.schema(target);
        self.open.pop();
        schema
    }

    /// Whether null is one of the choices, too.
    fn any_of(&mut self, out: &mut Fields, choices: &'a [Value]) -> Option<bool> {
        let is_null = |choice: &&Value| choice.get("type").is_some_and(|kind| kind == "null");
        let others = choices.iter().filter(|choice| !is_null(choice));
        let mut others: Vec<_> = others
            .map(|choice| self.schema(choice))
            .collect::<Option<_>>()?;
        if others.len() == 1 {
            merge(out, others.remove(0));
        } else {
            let others = others.into_iter().map(Value::Object).collect();
            if out.insert("anyOf".to_owned(), others).is_some() {
                return None;
            }
        }
        Some(choices.iter().any(|choice| is_null(&choice)))
    }
}

/// Puts in what is not there yet.
fn merge(out: &mut Fields, more: Fields) {
    for (name, value) in more {
        out.entry(name).or_insert(value);
    }
}

/// Writes the values that there may be, which are texts at Gemini, and says whether null is one.
fn choices(out: &mut Fields, values: &[Value]) -> Option<bool> {
    let texts: Vec<_> = values.iter().filter(|value| !value.is_null()).collect();
    if texts.is_empty() || !texts.iter().all(|value| value.is_string()) {
        return None;
    }
    let null = texts.len() < values.len();
    out.insert("enum".to_owned(), texts.into_iter().cloned().collect());
    Some(null)
}

/// Writes the type. Of several, each is a choice of its own, with what is said of its values.
/// Tells whether null is one of them.
fn typed(out: &mut Fields, types: Option<&Value>) -> Option<bool> {
    let front = |out: &mut Fields, kind: &str| {
        let rest = std::mem::take(out);
        out.insert("type".to_owned(), kind.into());
        merge(out, rest);
    };
    match types {
        None => {
            // Which it has to say, and JSON Schema need not.
            let told = OF_TYPE.iter().find(|(_, words)| {
                let mut words = words.iter().filter(|word| **word != "format");
                words.any(|word| out.contains_key(*word))
            });
            if let Some((kind, _)) = told
                && !out.contains_key("type")
                && !out.contains_key("anyOf")
            {
                front(out, kind);
            }
        }
        Some(Value::String(kind)) => front(out, kind),
        Some(Value::Array(kinds)) => {
            let mut any_of = Vec::new();
            for kind in kinds {
                let kind = kind.as_str()?;
                if kind == "null" {
                    continue;
                }
                let mut choice = Fields::new();
                choice.insert("type".to_owned(), kind.into());
                let words = OF_TYPE.iter().find(|(of, _)| *of == kind);
                for word in words.into_iter().flat_map(|(_, words)| *words) {
                    if let Some(value) = out.get(*word) {
                        choice.insert((*word).to_owned(), value.clone());
                    }
                }
                if kind == "array" && !choice.contains_key("items") {
                    return None;
                }
                any_of.push(Value::Object(choice));
            }
            for word in OF_TYPE.iter().flat_map(|(_, words)| *words) {
                out.shift_remove(*word);
            }
            let null = any_of.len() < kinds.len();
            if any_of.is_empty() {
                front(out, "null");
                return Some(false);
            }
            let there = out.insert("anyOf".to_owned(), Value::Array(any_of));
            return there.is_none().then_some(null);
        }
        Some(_) => return None,
    }
    let is_array = out.get("type").is_some_and(|kind| kind == "array");
    // Gemini wants to know what is in a list.
    (!is_array || out.contains_key("items")).then_some(false)
}

fn is_format(format: &Value) -> bool {
    let known = ["date-time", "enum", "int32", "int64", "float", "double"];
    format
        .as_str()
        .is_some_and(|format| known.contains(&format))
}

/// Gemini refuses what is required and not described.
fn only_known_are_required(out: &mut Fields) {
    let Some(Value::Array(required)) = out.get("required") else {
        out.shift_remove("required");
        return;
    };
    let properties = out.get("properties").and_then(Value::as_object);
    let known = |name: &&Value| {
        let name = name.as_str();
        name.is_some_and(|name| properties.is_some_and(|known| known.contains_key(name)))
    };
    let known: Vec<Value> = required.iter().filter(known).cloned().collect();
    if known.is_empty() {
        out.shift_remove("required");
    } else {
        out.insert("required".to_owned(), Value::Array(known));
    }
}
