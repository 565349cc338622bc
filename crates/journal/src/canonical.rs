//! JSON in one form, whoever wrote it: without white space, the fields of objects sorted by their
//! names, strings with the fewest escapes.
//!
//! No tree is built: it is written as it is read, and the fields of an object are put in order
//! when its end is reached. An array or object that is in order already is not touched again.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The canonical form. Nothing of what is not JSON, or nested deeper than 128.
pub(crate) fn canonical(json: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(json.len());
    let mut reader = serde_json::Deserializer::from_slice(json);
    reader.deserialize_any(Writer(&mut out)).ok()?;
    reader.end().ok()?;
    Some(out)
}

struct Writer<'a>(&'a mut Vec<u8>);

impl Writer<'_> {
    fn value<E: Error>(self, value: impl serde::Serialize) -> Result<(), E> {
        serde_json::to_writer(self.0, &value).map_err(E::custom)
    }
}

impl<'de> DeserializeSeed<'de> for Writer<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Writer<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.value(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.value(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.value(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.value(value)
    }

    /// A whole number that is too large for an integer is not what was written any more, and
    /// another one may be read as the same.
    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match value.abs() < EXACT {
            true => self.value(value),
            false => Err(E::custom("a number without a form of its own")),
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.value(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self(out) = self;
        out.push(b'[');
        let begin = out.len();
        loop {
            let end = out.len();
            if end > begin {
                out.push(b',');
            }
            if items.next_element_seed(Writer(out))?.is_none() {
                out.truncate(end);
                break;
            }
        }
        out.push(b']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let Self(out) = self;
        out.push(b'{');
        let begin = out.len();
        let mut places = Vec::new();
        loop {
            let start = out.len();
            if fields.next_key_seed(Writer(out))?.is_none() {
                break;
            }
            let name = start..out.len();
            out.push(b':');
            fields.next_value_seed(Writer(out))?;
            out.push(b',');
            places.push((name, start..out.len()));
        }
        // Two of one name stay in the order in which they came.
        if !places.is_sorted_by(|(a, _), (b, _)| out[a.clone()] <= out[b.clone()]) {
            let unsorted = out.split_off(begin);
            let part =
                |range: &std::ops::Range<usize>| &unsorted[range.start - begin..range.end - begin];
            places.sort_by(|(a, _), (b, _)| part(a).cmp(part(b)));
            for (_, field) in &places {
                out.extend_from_slice(part(field));
            }
        }
        if !places.is_empty() {
            out.pop();
        }
        out.push(b'}');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    fn of(json: &str) -> String {
        String::from_utf8(canonical(json.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn has_one_form() {
        for (json, form) in [
            (r#" { } "#, "{}"),
            ("[ ]", "[]"),
            (
                r#"[1, -2, 0.5, null, true, "a\/b\u0041"]"#,
                r#"[1,-2,0.5,null,true,"a/bA"]"#,
            ),
            (
                r#"{"b": {"d": [], "c": 1}, "a": "x"}"#,
                r#"{"a":"x","b":{"c":1,"d":[]}}"#,
            ),
            (r#"{"a": 2, "b": 0, "a": 1}"#, r#"{"a":2,"a":1,"b":0}"#),
        ] {
            assert_eq!(of(json), form, "{json}");
        }
    }

    #[test]
    fn what_is_no_json_or_can_t_be_told_apart_has_none() {
        for json in [
            "",
            "{",
            "[1,]",
            "{} {}",
            "nul",
            "\"\u{1}\"",
            // Two of these would be one: they are told apart by what was written.
            r#"{"id": 100000000000000000001}"#,
            "1e300",
            &"[".repeat(100_000),
        ] {
            assert_eq!(canonical(json.as_bytes()), None);
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 48, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..6)
                    .prop_map(|fields| Value::Object(Map::from_iter(fields))),
            ]
        })
    }

    /// The same, with the fields of all objects the other way round.
    fn turned(value: Value) -> Value {
        match value {
            Value::Object(fields) => {
                let turn = |(name, value)| (name, turned(value));
                Value::Object(fields.into_iter().rev().map(turn).collect())
            }
            Value::Array(items) => items.into_iter().map(turned).collect(),
            other => other,
        }
    }

    proptest! {
        #[test]
        fn says_the_same_in_whatever_order_it_was_written(value in json()) {
            let form = of(&value.to_string());
            prop_assert_eq!(&of(&serde_json::to_string_pretty(&turned(value.clone())).unwrap()), &form);
            prop_assert_eq!(of(&form), form.clone());
            prop_assert_eq!(serde_json::from_str::<Value>(&form).unwrap(), value);
        }
    }
}
