//! Answers as rows of JSON, with the fields `id, provider, status, headers, body, now`. Only
//! `status` has to be there.

use super::given::{Given, ToldBy, Unreadable};
use crate::cli::ExplainArgs;
use buttress::retry_after::rfc3339;
use buttress_llm::Provider;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, error::Category, value::RawValue};
use std::{collections::HashMap, time::SystemTime};

/// The fields of a row, unread.
type Fields<'a> = HashMap<String, &'a RawValue>;

/// Reads a row.
pub(super) fn read(text: &str, args: &ExplainArgs) -> Result<Given, Unreadable> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let fields: Fields<'_> = serde_json::from_str(text).map_err(|error| no_row(&error))?;
    let field = |name: &str| fields.get(name).map(|raw| raw.get());
    let id = field("id").and_then(|id| serde_json::from_str(id).ok());
    let id: Value = id.unwrap_or_default();
    let wrong = |why: &str| Unreadable::new(why).id(id.clone());

    let status = status(field("status")).map_err(wrong)?;
    let headers = headers(field("headers")).map_err(wrong)?;
    let now = now(field("now")).map_err(wrong)?;
    let mut given = Given::new(args, status, headers);
    match name(field("provider")).map_err(wrong)?.as_deref() {
        None => {}
        Some(name) => {
            // One that is not known by name is most likely compatible.
            let known = name.parse().ok();
            given.told_by = known.map_or(ToldBy::Nobody, |_: Provider| ToldBy::Name);
            given.provider = known.unwrap_or(Provider::Compatible);
        }
    }
    given.body = body(field("body"));
    given.now = now.unwrap_or(given.now);
    given.id = id;
    Ok(given)
}

/// Without what stands there: it may be part of a body.
fn no_row(error: &serde_json::Error) -> Unreadable {
    let why = match error.classify() {
        Category::Data => "no JSON object".to_owned(),
        Category::Eof => "no JSON: it ends too early".to_owned(),
        Category::Syntax | Category::Io => {
            let column = error.column();
            format!("no JSON from column {column} on, and not what `curl -i` prints")
        }
    };
    Unreadable::new(why)
}

fn status(raw: Option<&str>) -> Result<Option<u16>, &'static str> {
    let wrong = "`status` is neither a number from 100 to 999 nor null";
    match raw {
        None => Err("there is no `status`; if this is the body of an answer, \
                     `curl -i` prints its head, too"),
        Some("null") => Ok(None),
        Some(number) => match number.parse() {
            Ok(status @ 100..=999) => Ok(Some(status)),
            _ => Err(wrong),
        },
    }
}

fn name(raw: Option<&str>) -> Result<Option<String>, &'static str> {
    let raw = raw.unwrap_or("null");
    serde_json::from_str(raw).map_err(|_| "`provider` is no text")
}

fn headers(raw: Option<&str>) -> Result<HeaderMap, &'static str> {
    let fields: Option<Map<String, Value>> =
        serde_json::from_str(raw.unwrap_or("null")).map_err(|_| "`headers` is no object")?;
    let mut headers = HeaderMap::new();
    for (name, value) in fields.unwrap_or_default() {
        // What can't be a header is none, and can't have come as one.
        let Ok(name) = HeaderName::try_from(&name) else {
            continue;
        };
        let values = match value {
            Value::Array(values) => values,
            value => vec![value],
        };
        for value in values {
            let value = match value {
                Value::String(text) => text,
                Value::Null => continue,
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                _ => return Err("a header is neither a text nor a list of texts"),
            };
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes().trim_ascii()) {
                headers
                    .try_append(&name, value)
                    .map_err(|_| "there are too many headers")?;
            }
        }
    }
    Ok(headers)
}

/// A text as it is, anything else as the JSON that it is.
fn body(raw: Option<&str>) -> Vec<u8> {
    match raw {
        None | Some("null") => Vec::new(),
        Some(json) => {
            let text = serde_json::from_str::<String>(json);
            text.unwrap_or_else(|_| json.to_owned()).into_bytes()
        }
    }
}

fn now(raw: Option<&str>) -> Result<Option<SystemTime>, &'static str> {
    let wrong = "`now` is no time of RFC 3339, such as 2026-01-31T12:00:00Z";
    let text: Option<String> = serde_json::from_str(raw.unwrap_or("null")).map_err(|_| wrong)?;
    text.map(|text| rfc3339(&text).ok_or(wrong)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Result<Given, String> {
        read(text, &ExplainArgs::default()).map_err(|unreadable| unreadable.to_string())
    }

    #[test]
    fn all_forms_of_the_fields_are_read() {
        let given = row(
            r#"{"id": 7, "provider": "groq", "status": 429, "body": {"a":  1}, "x": 0,
                "headers": {"A": ["1", 2], "b": " c ", "d": null, "no such": "e"},
                "now": "2026-08-24T12:00:00Z"}"#,
        )
        .unwrap();
        assert_eq!((given.id, given.provider), (7.into(), Provider::Groq));
        assert_eq!(given.body, br#"{"a":  1}"#);
        let values: Vec<_> = given.headers.get_all("a").iter().collect();
        assert_eq!(values, ["1", "2"]);
        assert_eq!(
            (&given.headers["b"], given.headers.len()),
            (&"c".parse().unwrap(), 3)
        );
        let since = given.now.duration_since(SystemTime::UNIX_EPOCH);
        assert_eq!(since.unwrap().as_secs(), 1_787_572_800);

        let before = SystemTime::now();
        let given = row(r#"{"status": null, "body": "reset\n", "provider": null}"#).unwrap();
        assert_eq!((given.status, given.id), (None, Value::Null));
        assert_eq!(given.body, b"reset\n");
        assert!(given.now >= before);
    }

    #[test]
    fn a_provider_that_is_not_known_is_taken_for_compatible() {
        let given =
            row(r#"{"status": 500, "provider": "acme", "headers": {"openai-version": "1"}}"#);
        let given = given.unwrap();
        assert_eq!(
            (given.provider, given.told_by),
            (Provider::Compatible, ToldBy::Nobody)
        );
    }

    #[test]
    fn what_is_wrong_is_told_without_what_stands_there() {
        for (text, part) in [
            ("secret", "column 1"),
            ("\"secret\"", "no JSON object"),
            ("[]", "no JSON object"),
            ("{\"status\": 429", "too early"),
            ("{}", "`status`"),
            (r#"{"error": {"message": "secret"}}"#, "curl -i"),
            (r#"{"status": "secret"}"#, "`status`"),
            (r#"{"status": 0}"#, "`status`"),
            (r#"{"status": 429.5}"#, "`status`"),
            (r#"{"status": 429, "headers": "secret"}"#, "`headers`"),
            (
                r#"{"status": 429, "headers": {"a": {"secret": 1}}}"#,
                "header",
            ),
            (r#"{"status": 429, "provider": 1}"#, "`provider`"),
            (r#"{"status": 429, "now": "secret"}"#, "`now`"),
            (r#"{"status": 429, "now": 1}"#, "`now`"),
        ] {
            let why = row(text).map(|_| ()).unwrap_err();
            assert!(
                why.contains(part) && !why.contains("secret"),
                "{text}: {why}"
            );
        }
    }

    #[test]
    fn a_row_that_can_not_be_read_keeps_its_name() {
        let read = read(r#"{"status": 0, "id": "a"}"#, &ExplainArgs::default());
        assert_eq!(read.map(|_| ()).unwrap_err().id, "a");
    }

    #[test]
    fn a_body_that_is_no_proper_text_is_taken_as_it_stands() {
        let given = row(r#"{"status": 500, "body": "\ud800"}"#).unwrap();
        assert_eq!(given.body, br#""\ud800""#);
    }
}
