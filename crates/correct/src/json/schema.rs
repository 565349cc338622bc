use super::{Violation, weight::weigh};
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;
use std::{error, fmt, sync::Arc};

/// A JSON schema, compiled.
///
/// The drafts 4 to 2020-12 are known, by `$schema`, and 2020-12 is meant where it says nothing.
/// Nothing is ever fetched for it: a `$ref` leads to a place within, or is an error. Patterns are
/// matched in linear time, so those that look around or back are errors as well. `format` is a
/// remark, as the newer drafts have it.
///
/// Clones share what was compiled.
#[derive(Clone)]
pub struct Schema(Arc<Compiled>);

struct Compiled {
    text: Box<str>,
    validator: Validator,
    /// How deep a value may be nested to be checked at all.
    deepest: usize,
    /// Of a value that is nested deeper, only that it is wrong can be said in good time.
    deepest_listed: usize,
}

impl Schema {
    /// The longest schema, in bytes: 128 KiB. OpenAI takes 120,000 characters of names and values.
    pub const MOST: usize = 128 << 10;
    /// The most memory that one compiled pattern may take, in bytes, and the cache of its matching.
    const PATTERN: usize = 1 << 20;
    /// Of a larger value only the first violation is looked for: each of its items may be one.
    const ALL_OF: usize = 100_000;

    /// Compiles this schema.
    ///
    /// # Errors
    /// It is no schema, refers to something outside of it, has a pattern that can't be matched in
    /// linear time, is larger than [`MOST`](Self::MOST), or says so much in a few words that
    /// checking a value could take very long.
    pub fn compile(text: &str) -> Result<Self, InvalidSchema> {
        if text.len() > Self::MOST {
            let most = Self::MOST;
            return Err(InvalidSchema::new(format!("larger than {most} bytes")));
        }
        let schema: Value =
            serde_json::from_str(text).map_err(|error| InvalidSchema::new(error.to_string()))?;
        let weight = weigh(&schema)?;
        let patterns = PatternOptions::regex()
            .size_limit(Self::PATTERN)
            .dfa_size_limit(Self::PATTERN);
        let validator = jsonschema::options()
            .offline()
            .with_pattern_options(patterns)
            .build(&schema);
        let validator = validator.map_err(|error| InvalidSchema::new(Violation::of(&error)))?;
        Ok(Self(Arc::new(Compiled {
            text: text.into(),
            validator,
            deepest: DEEPEST.checked_div(weight.in_place).unwrap_or(usize::MAX),
            deepest_listed: deepest_listed(weight.recursive),
        })))
    }

    /// Its text, as it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Each of its levels may take as many steps down as schemas check it in one place.
    fn is_too_deep(&self, value: &Value) -> bool {
        self.0.deepest < usize::MAX && depth(value) > self.0.deepest
    }

    /// How this value does not follow it: at most [`Violation::MOST`] ways, and none if it does.
    #[must_use]
    pub fn violations(&self, value: &Value) -> Vec<Violation> {
        if self.is_too_deep(value) {
            return vec![Violation::new("", "value is nested too deep to be checked")];
        }
        if self.0.validator.is_valid(value) {
            return Vec::new();
        }
        if self.0.deepest_listed < usize::MAX && depth(value) > self.0.deepest_listed {
            return vec![Violation::new("", "value does not follow the schema")];
        }
        let validator = &self.0.validator;
        if size(value, Self::ALL_OF) >= Self::ALL_OF {
            let first = validator.validate(value).err();
            return first.iter().map(Violation::of).collect();
        }
        let all = validator.iter_errors(value);
        all.take(Violation::MOST)
            .map(|error| Violation::of(&error))
            .collect()
    }
}

/// How many schemas may stand in each other while a value is checked by one that refers to itself.
/// A thread of tokio's has a stack of 2 MiB.
const DEEPEST: usize = 1000;

/// How deep a value may be nested for its violations to be listed. What an `anyOf` says of a value
/// that suits none of its schemas is made up of what each of them says, and so on down, each
/// reference more often than the level above.
fn deepest_listed(references: usize) -> usize {
    const MOST: usize = 100_000;
    match references {
        0 => usize::MAX,
        1 => 64,
        many => {
            let powers = std::iter::successors(Some(many), |power| power.checked_mul(many));
            powers.take_while(|power| *power <= MOST).count()
        }
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// How many values there are in this one, counted as far as `most`.
fn size(value: &Value, most: usize) -> usize {
    let within = |values: &mut dyn Iterator<Item = &Value>| {
        let mut sum = 1;
        for value in values {
            if sum >= most {
                break;
            }
            sum += size(value, most - sum);
        }
        sum
    };
    match value {
        Value::Array(items) => within(&mut items.iter()),
        Value::Object(fields) => within(&mut fields.values()),
        _ => 1,
    }
}

/// Without its text, which is its author's.
impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema")
            .field("bytes", &self.0.text.len())
            .finish_non_exhaustive()
    }
}

/// A schema that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSchema {
    problem: String,
}

impl InvalidSchema {
    pub(super) fn new(problem: impl ToString) -> Self {
        Self {
            problem: problem.to_string(),
        }
    }

    /// What is wrong with it. It may quote the schema.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for InvalidSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a JSON schema that can be checked: {}", self.problem)
    }
}

impl error::Error for InvalidSchema {}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema(schema: &Value) -> Schema {
        Schema::compile(&schema.to_string()).unwrap()
    }

    fn problems(schema: &Schema, value: &Value) -> Vec<String> {
        let violations = schema.violations(value);
        violations.iter().map(Violation::to_string).collect()
    }

    #[test]
    fn violations_say_where_and_what_and_quote_no_value() {
        let person = schema(&json!({
            "type": "object",
            "properties": {
                "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
                "tags": {"items": {"enum": ["a", "b"]}, "minItems": 2},
                "age": {"type": "integer"},
            },
            "required": ["name", "age"],
            "additionalProperties": false,
        }));
        let wrong = json!({"name": "SECRETS", "tags": ["SECRET"], "more": 1});
        let problems = problems(&person, &wrong);
        for problem in [
            "/name: value is longer than 5 characters",
            "/name: value does not match \"^[a-z]+$\"",
            "/tags: value has less than 2 items",
            "/tags/0: value is not one of \"a\" or \"b\"",
            "\"age\" is a required property",
            "Additional properties are not allowed ('more' was unexpected)",
        ] {
            assert!(problems.contains(&problem.to_owned()), "{problems:#?}");
        }
        assert!(!problems.concat().contains("SECRET"));
        assert!(
            person
                .violations(&json!({"name": "ann", "age": 3}))
                .is_empty()
        );
    }

    #[test]
    fn a_list_of_violations_is_short() {
        let numbers = schema(&json!({"items": {"type": "number"}}));
        let some = Value::from(vec!["x"; 50]);
        assert_eq!(numbers.violations(&some).len(), Violation::MOST);
        let many = Value::from(vec!["x"; Schema::ALL_OF]);
        assert_eq!(
            problems(&numbers, &many),
            ["/0: value is not of type \"number\""]
        );

        let long = schema(&json!({"enum": [1, "x".repeat(5000)]}));
        let [violation] = &*long.violations(&json!({"y": 2})) else {
            panic!("one");
        };
        assert!(violation.problem.len() < 400 && violation.problem.ends_with('…'));
        let deep = Violation::new("/ö".repeat(500), "wrong");
        assert!(deep.pointer.len() < 400);
        assert!(!format!("{deep:?}").contains('ö'));
    }

    #[test]
    fn what_can_not_be_checked_is_said_when_it_is_compiled() {
        for (text, problem) in [
            ("{", "EOF"),
            (r#"{"type": "STRING"}"#, "/type"),
            (r#"{"$ref": "https://example.com/s"}"#, "$ref leads out"),
            (r#"{"pattern": "(?=a)b"}"#, "/pattern"),
            (r#"{"pattern": "(a{1000}){1000}"}"#, "/pattern"),
            (&"1".repeat(Schema::MOST + 1), "larger than"),
            (&"[".repeat(5000), "recursion limit"),
        ] {
            let error = Schema::compile(text).unwrap_err();
            assert!(error.problem().contains(problem), "{error}");
        }
    }

    #[test]
    fn a_value_that_is_checked_in_many_ways_is_checked_in_good_time() {
        let same = json!({"type": "object", "properties": {"k": {"$ref": "#/$defs/e"}}, "required": ["k"]});
        let forms = json!({"anyOf": [same, same, same, {"type": "string"}]});
        let twice = schema(&json!({"$ref": "#/$defs/e", "$defs": {"e": forms}}));
        let mut value = json!(1);
        for _ in 0..100 {
            value = json!({"k": value});
        }
        assert_eq!(
            problems(&twice, &value),
            ["value does not follow the schema"]
        );
        let shallow = problems(&twice, &json!({"k": 1}));
        assert!(shallow[0].contains("anyOf"), "{shallow:?}");
    }

    /// As deep as is allowed, on the stack that a thread of tokio's has.
    #[test]
    fn nothing_goes_deeper_than_the_stack() {
        let check = || {
            let mut inner = json!({"properties": {"k": {"$ref": "#"}}, "type": "object"});
            for _ in 0..60 {
                inner = json!({"allOf": [inner]});
            }
            for schema in [
                schema(&json!({"properties": {"k": {"$ref": "#"}}, "type": "object"})),
                schema(&json!({"anyOf": [{"items": {"$ref": "#"}}, {"type": "string"}]})),
                schema(&inner),
            ] {
                let mut value = json!(1);
                for level in 0..120 {
                    value = match level % 2 {
                        0 => json!({"k": value}),
                        _ => json!([value]),
                    };
                    let _ = schema.violations(&value);
                }
                let mut value = json!(1);
                for _ in 0..120 {
                    value = json!({"k": value});
                    let _ = schema.violations(&value);
                }
            }
            // A long chain of references that is still taken.
            let mut defs = serde_json::Map::new();
            for at in 0..60 {
                let next = json!({"$ref": format!("#/$defs/d{}", at + 1)});
                defs.insert(format!("d{at}"), json!({"items": next}));
            }
            defs.insert("d60".into(), json!(true));
            schema(&json!({"$ref": "#/$defs/d0", "$defs": defs}));
        };
        let thread = std::thread::Builder::new().stack_size(2 << 20);
        thread.spawn(check).unwrap().join().unwrap();
    }

    #[test]
    fn it_shows_nothing_of_its_text() {
        let schema = schema(&json!({"const": "SECRET"}));
        assert!(schema.text().contains("SECRET"));
        assert!(!format!("{schema:?}").contains("SECRET"));
    }
}
