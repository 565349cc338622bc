//! Whether a schema can be checked in a time and a depth that its size promises.
//!
//! A few lines of `{"allOf": [{"$ref": "#/b"}, {"$ref": "#/b"}]}` that lead to each other ask for
//! more steps than anybody has time for, and a long chain of references for more stack than a
//! thread has. So references are followed here first, and counted: those that a check follows each
//! time. One that leads back to itself is answered from memory for an array or object, and counts
//! once; for the other values it is followed within that value.

use super::InvalidSchema;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// The most parts that a schema may have with all of its references followed.
const MOST: usize = 100_000;
/// The most patterns that it may have. Each may take as much memory as the largest.
const MOST_PATTERNS: usize = 64;
/// How deep they may stand in each other then.
const DEEPEST: usize = 200;
/// The most places that are referred to.
const MOST_TARGETS: usize = 500;
/// Where one value is checked by several schemas.
const IN_PLACE: [&str; 7] = ["allOf", "anyOf", "oneOf", "not", "if", "then", "else"];

/// How a schema's references lead.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Weight {
    /// How many there are, where any of them leads back to itself.
    pub(super) recursive: usize,
    /// How many schemas stand in each other, at most, that check one and the same value by such a
    /// reference.
    pub(super) in_place: usize,
}

/// Follows the references of this schema.
///
/// # Errors
/// One leads out of it, or nowhere, or all of them together say too much.
pub(super) fn weigh(root: &Value) -> Result<Weight, InvalidSchema> {
    if patterns(root) > MOST_PATTERNS {
        let problem = format!("has more than {MOST_PATTERNS} patterns");
        return Err(InvalidSchema::new(problem));
    }
    let mut targets = HashMap::new();
    let mut references = 0;
    collect(root, root, true, &mut targets, &mut references)?;
    if targets.len() > MOST_TARGETS {
        let problem = format!("refers to more than {MOST_TARGETS} places");
        return Err(InvalidSchema::new(problem));
    }
    let cyclic = cyclic(&targets);
    let unfold = Unfold {
        targets: &targets,
        cyclic: &cyclic,
    };
    let mut left = MOST;
    unfold.all(root, 0, &mut left)?;
    let mut weight = Weight::default();
    for pointer in &cyclic {
        if let Some(target) = targets.get(pointer) {
            unfold.all(target, 0, &mut left)?;
            let depth = unfold.in_place(target, &mut vec![pointer], 0, &mut MOST.clone())?;
            weight.in_place = weight.in_place.max(depth);
            weight.recursive = references;
        }
    }
    Ok(weight)
}

/// How many patterns there are. What only looks like one is counted as well.
fn patterns(part: &Value) -> usize {
    match part {
        Value::Object(fields) => {
            let own = usize::from(fields.get("pattern").is_some_and(Value::is_string));
            let of_names = fields.get("patternProperties").and_then(Value::as_object);
            let within = fields.values().map(patterns).sum::<usize>();
            own + of_names.map_or(0, |names| names.len()) + within
        }
        Value::Array(items) => items.iter().map(patterns).sum(),
        _ => 0,
    }
}

/// By the pointer, what it leads to.
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
        if let Some(pointer) = reference(part) {
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

/// The pointers that following what they lead to comes by again.
fn cyclic<'s>(targets: &Targets<'s>) -> HashSet<&'s str> {
    let mut leads = HashMap::new();
    for (pointer, target) in targets {
        let mut found = HashSet::new();
        references_in(target, &mut found);
        leads.insert(*pointer, found);
    }
    let comes_back = |pointer: &&'s str| {
        let mut seen: HashSet<&str> = HashSet::new();
        let mut next = vec![*pointer];
        while let Some(at) = next.pop() {
            for lead in leads.get(at).into_iter().flatten() {
                if lead == pointer {
                    return true;
                }
                if seen.insert(lead) {
                    next.push(lead);
                }
            }
        }
        false
    };
    targets.keys().copied().filter(comes_back).collect()
}

fn references_in<'s>(part: &'s Value, found: &mut HashSet<&'s str>) {
    found.extend(reference(part));
    for part in parts(part) {
        references_in(part, found);
    }
}

struct Unfold<'u, 's> {
    targets: &'u Targets<'s>,
    cyclic: &'u HashSet<&'s str>,
}

impl<'s> Unfold<'_, 's> {
    /// Counts this part and all that it refers to, but for what leads back to itself.
    fn all(&self, part: &'s Value, depth: usize, left: &mut usize) -> Result<(), InvalidSchema> {
        spend(depth, left)?;
        if let Some(reference) = reference(part)
            && !self.cyclic.contains(reference)
            && let Some(target) = self.targets.get(reference)
        {
            self.all(target, depth + 1, left)?;
        }
        let mut parts = parts(part);
        parts.try_for_each(|part| self.all(part, depth + 1, left))
    }

    /// Counts what checks one and the same value, and gives how deep it goes.
    fn in_place(
        &self,
        part: &'s Value,
        path: &mut Vec<&'s str>,
        depth: usize,
        left: &mut usize,
    ) -> Result<usize, InvalidSchema> {
        spend(depth, left)?;
        let mut deepest = depth + 1;
        if let Some(reference) = reference(part)
            && !path.contains(&reference)
            && let Some(target) = self.targets.get(reference)
        {
            path.push(reference);
            deepest = self.in_place(target, path, depth + 1, left)?.max(deepest);
            path.pop();
        }
        for name in IN_PLACE {
            let schemas = match part.get(name) {
                Some(Value::Array(schemas)) => &schemas[..],
                Some(schema) => std::slice::from_ref(schema),
                None => continue,
            };
            for schema in schemas {
                deepest = self.in_place(schema, path, depth + 1, left)?.max(deepest);
            }
        }
        if let Some(Value::Object(schemas)) = part.get("dependentSchemas") {
            for schema in schemas.values() {
                deepest = self.in_place(schema, path, depth + 1, left)?.max(deepest);
            }
        }
        Ok(deepest)
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

fn spend(depth: usize, left: &mut usize) -> Result<(), InvalidSchema> {
    if depth > DEEPEST || *left == 0 {
        let problem = "with its references followed it says too much to be checked";
        return Err(InvalidSchema::new(problem));
    }
    *left -= 1;
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
    fn references_that_make_a_long_chain_are_refused() {
        let mut defs = serde_json::Map::new();
        for at in 0..300 {
            let next = json!({"$ref": format!("#/$defs/d{}", at + 1)});
            defs.insert(format!("d{at}"), json!({"items": next}));
        }
        defs.insert("d300".into(), json!(true));
        assert!(weigh(&json!({"$ref": "#/$defs/d0", "$defs": defs})).is_err());
    }

    #[test]
    fn a_schema_may_refer_to_itself() {
        let tree = json!({"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}});
        let weight = weigh(&tree).unwrap();
        assert_eq!((weight.recursive, weight.in_place), (2, 1));
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
    fn so_many_patterns_are_refused() {
        let schema = |patterns: usize| {
            let one = |n| json!({ "type": "string", "pattern": format!("^[a-z]{{900}}{n}$") });
            json!({ "anyOf": (0..patterns).map(one).collect::<Vec<_>>() })
        };
        assert!(weigh(&schema(MOST_PATTERNS)).is_ok());
        let refused = weigh(&schema(MOST_PATTERNS + 1)).unwrap_err().to_string();
        assert!(refused.contains("more than 64 patterns"), "{refused}");
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
