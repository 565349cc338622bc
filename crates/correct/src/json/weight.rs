//! Whether a schema can be checked in a time that its size promises.
//!
//! A few lines of `{"allOf": [{"$ref": "#/b"}, {"$ref": "#/b"}]}` that lead to each other ask for
//! more steps than anybody has time for. So references are followed here first, and counted: those
//! that a check follows each time. One that leads back to itself is answered from memory for an
//! array or object, and counts once; for the other values it is followed within that value.

use super::InvalidSchema;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// The most parts that a schema may have with all of its references followed.
const MOST: usize = 20_000;
/// The most places that are referred to.
const MOST_TARGETS: usize = 500;
/// Where one value is checked by several schemas.
const IN_PLACE: [&str; 8] = [
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "dependentSchemas",
];

/// How a schema's references lead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Weight {
    /// How many there are, where any of them leads back to itself.
    pub(super) recursive: usize,
}

/// Follows the references of this schema.
///
/// # Errors
/// One leads out of it, or nowhere, or all of them together say too much.
pub(super) fn weigh(root: &Value) -> Result<Weight, InvalidSchema> {
    let mut targets = HashMap::new();
    let mut references = 0;
    collect(root, root, true, &mut targets, &mut references)?;
    if targets.len() > MOST_TARGETS {
        let problem = format!("refers to more than {MOST_TARGETS} places");
        return Err(InvalidSchema::new(problem));
    }
    let mut cyclic = HashSet::new();
    for (pointer, target) in &targets {
        let mut seen = HashSet::new();
        if leads_to(target, pointer, &targets, &mut seen) {
            cyclic.insert(*pointer);
        }
    }
    let unfold = Unfold {
        targets: &targets,
        cyclic: &cyclic,
    };
    let mut left = MOST;
    unfold.all(root, &mut left)?;
    for pointer in &cyclic {
        let Some(target) = targets.get(pointer) else {
            continue;
        };
        unfold.all(target, &mut left)?;
        unfold.in_place(target, &mut vec![pointer], &mut MOST.clone())?;
    }
    let recursive = match cyclic.is_empty() {
        true => 0,
        false => references,
    };
    Ok(Weight { recursive })
}

type Targets<'s> = HashMap<&'s str, &'s Value>;

/// All that this part of a schema refers to.
fn collect<'s>(
    root: &'s Value,
    part: &'s Value,
    is_root: bool,
    targets: &mut Targets<'s>,
    references: &mut usize,
) -> Result<(), InvalidSchema> {
    if let Value::Object(fields) = part {
        for name in ["$dynamicRef", "$recursiveRef"] {
            if fields.get(name).is_some_and(Value::is_string) {
                return Err(InvalidSchema::new(format!("{name} is not followed here")));
            }
        }
        if !is_root && fields.get("$id").is_some_and(Value::is_string) {
            return Err(InvalidSchema::new("only the whole schema may have an $id"));
        }
        if let Some(pointer) = fields.get("$ref").and_then(Value::as_str) {
            *references += 1;
            let within = pointer.strip_prefix('#');
            let found = within.and_then(|within| root.pointer(within));
            let Some(target) = found else {
                let problem = "a $ref leads out of the schema, or nowhere: write a pointer \
                               within it, such as #/$defs/name";
                return Err(InvalidSchema::new(problem));
            };
            targets.insert(pointer, target);
        }
    }
    for part in parts(part) {
        collect(root, part, false, targets, references)?;
    }
    Ok(())
}

/// Whether following what this part refers to comes by that pointer.
fn leads_to<'s>(
    part: &'s Value,
    pointer: &str,
    targets: &Targets<'s>,
    seen: &mut HashSet<&'s str>,
) -> bool {
    if let Some(reference) = reference(part) {
        if reference == pointer {
            return true;
        }
        if seen.insert(reference)
            && let Some(target) = targets.get(reference)
            && leads_to(target, pointer, targets, seen)
        {
            return true;
        }
    }
    let mut parts = parts(part);
    parts.any(|part| leads_to(part, pointer, targets, seen))
}

struct Unfold<'u, 's> {
    targets: &'u Targets<'s>,
    cyclic: &'u HashSet<&'s str>,
}

impl<'s> Unfold<'_, 's> {
    /// Counts this part and all that it refers to, but for what leads back to itself.
    fn all(&self, part: &'s Value, left: &mut usize) -> Result<(), InvalidSchema> {
        spend(left)?;
        if let Some(reference) = reference(part)
            && !self.cyclic.contains(reference)
            && let Some(target) = self.targets.get(reference)
        {
            self.all(target, left)?;
        }
        let mut parts = parts(part);
        parts.try_for_each(|part| self.all(part, left))
    }

    /// Counts what checks one and the same value.
    fn in_place(
        &self,
        part: &'s Value,
        path: &mut Vec<&'s str>,
        left: &mut usize,
    ) -> Result<(), InvalidSchema> {
        spend(left)?;
        if let Some(reference) = reference(part)
            && !path.contains(&reference)
            && let Some(target) = self.targets.get(reference)
        {
            path.push(reference);
            self.in_place(target, path, left)?;
            path.pop();
        }
        let Value::Object(fields) = part else {
            return Ok(());
        };
        for name in IN_PLACE {
            match fields.get(name) {
                Some(schema @ Value::Object(_)) if name != "dependentSchemas" => {
                    self.in_place(schema, path, left)?;
                }
                Some(several) => {
                    for schema in parts(several) {
                        self.in_place(schema, path, left)?;
                    }
                }
                None => {}
            }
        }
        Ok(())
    }
}

fn reference(part: &Value) -> Option<&str> {
    part.as_object()?.get("$ref")?.as_str()
}

fn parts(part: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match part {
        Value::Object(fields) => Box::new(fields.values()),
        Value::Array(items) => Box::new(items.iter()),
        _ => Box::new(std::iter::empty()),
    }
}

fn spend(left: &mut usize) -> Result<(), InvalidSchema> {
    *left = left.checked_sub(1).ok_or_else(|| {
        let problem = "with its references followed it says too much to be checked";
        InvalidSchema::new(problem)
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn references_that_multiply_are_refused() {
        let laughs = |last: Value| {
            let mut defs = serde_json::Map::new();
            for at in 0..40 {
                let next = json!({"$ref": format!("#/$defs/d{}", at + 1)});
                defs.insert(format!("d{at}"), json!({"allOf": [next, next]}));
            }
            defs.insert("d40".into(), last);
            json!({"$ref": "#/$defs/d0", "$defs": defs})
        };
        for last in [json!(true), json!({"$ref": "#/$defs/d0"})] {
            let error = weigh(&laughs(last)).unwrap_err();
            assert!(error.problem().contains("too much"), "{error}");
        }
    }

    #[test]
    fn a_schema_may_refer_to_itself() {
        let tree = json!({"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}});
        assert_eq!(weigh(&tree).unwrap().recursive, 2);
        // As that of a language: each of its forms may hold any other.
        let mut defs = serde_json::Map::new();
        let mut forms = Vec::new();
        for at in 0..40 {
            let any = json!({"$ref": "#/$defs/any"});
            let form = json!({"properties": {"a": any, "b": {"items": any}}});
            defs.insert(format!("f{at}"), form);
            forms.push(json!({"$ref": format!("#/$defs/f{at}")}));
        }
        defs.insert("any".into(), json!({"anyOf": forms}));
        let language = json!({"$ref": "#/$defs/any", "$defs": defs});
        assert!(weigh(&language).unwrap().recursive > 0);
        let plain = json!({"items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"type": "null"}}});
        assert_eq!(weigh(&plain).unwrap().recursive, 0);
    }

    #[test]
    fn what_leads_out_is_refused() {
        for schema in [
            json!({"$ref": "https://example.com/s"}),
            json!({"items": {"$ref": "file:///etc/passwd"}}),
            json!({"$ref": "#/nowhere"}),
            json!({"$ref": "other.json#/a"}),
            json!({"$dynamicRef": "#a"}),
            json!({"items": {"$id": "a"}}),
        ] {
            assert!(weigh(&schema).is_err(), "{schema}");
        }
        // Names of properties mean nothing.
        let named = json!({"properties": {"$ref": {"type": "string"}, "$id": {}}});
        assert!(weigh(&named).is_ok());
    }
}
