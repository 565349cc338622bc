//! What a failing answer says, whatever shape it says it in.
//!
//! Providers and the proxies before them send `{"error": {…}}`, the bare object, a list of one,
//! JSON in a string, `message` as an object or as another JSON document, numbers as codes and
//! codes as numbers, HTML, plain text, a stream of one event, or nothing. All of it is read into
//! the same few fields; what can't be read is passed over.

use serde_json::{Map, Value};
use std::time::Duration;

/// The most of a body that is looked at; no provider's error comes near it.
const MAX_BODY: usize = 256 * 1024;
/// The most of a message that rules look at, in bytes.
const MAX_MESSAGE: usize = 8 * 1024;
/// How often a document is looked for inside a string of another.
const MAX_DEPTH: u8 = 4;

/// What a failing answer says.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// The status that counts; 0 where there is none.
    pub(crate) status: u16,
    /// Codes, types, reasons and states, in lower case, the outermost first.
    pub(crate) names: Vec<String>,
    /// The message in lower case.
    pub(crate) message: String,
    /// What the provider behind this one said, in lower case.
    pub(super) also: String,
    /// Whether a wait was asked for.
    pub(crate) timed: bool,
    /// A status in the body.
    pub(crate) body_status: Option<u16>,
    /// The wait of a `google.rpc.RetryInfo`.
    pub(crate) retry_info: Option<Duration>,
    /// Headers of the provider behind this one, which the body passes on.
    pub(crate) inner_headers: Vec<(String, String)>,
    /// The parts of the error as they were sent, for the caller.
    pub(crate) quoted: Quoted,
}

/// The parts of an error as they were sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Quoted {
    pub(crate) message: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) param: Option<String>,
}

impl Said {
    /// Reads a body of any shape.
    pub(crate) fn read(body: &[u8]) -> Self {
        let mut said = Self::default();
        let body = body.trim_ascii();
        let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
        if body.len() <= MAX_BODY
            && let Some(value) = document(body)
        {
            said.absorb(&value, 0);
        } else if !body.starts_with(b"<") {
            let text = body.get(..MAX_MESSAGE).unwrap_or(body);
            said.tell(&String::from_utf8_lossy(text));
        }
        said
    }

    /// Reads an error object.
    pub(crate) fn of(value: &Value) -> Self {
        let mut said = Self::default();
        said.absorb(value, 0);
        said
    }

    /// Whether one of the names is like this.
    pub(crate) fn is_named(&self, like: impl Fn(&str) -> bool) -> bool {
        self.names.iter().any(|name| like(name))
    }

    /// Whether these words are in the message, its own or that of the provider behind it.
    pub(crate) fn says(&self, words: &str) -> bool {
        self.message.contains(words) || self.also.contains(words)
    }

    pub(crate) fn name(&mut self, name: &str) {
        // AWS puts a namespace before it.
        let name = name.rsplit('#').next().unwrap_or(name);
        if !name.is_empty() && name.len() <= 256 {
            self.names.push(name.to_ascii_lowercase());
        }
    }

    fn absorb(&mut self, value: &Value, depth: u8) {
        if depth > MAX_DEPTH {
            return;
        }
        match value {
            Value::Object(object) => match object.get("error").or_else(|| object.get("errors")) {
                Some(Value::String(text)) => {
                    self.fields(object, depth);
                    self.name(text);
                    self.text(text, depth);
                }
                Some(inner @ (Value::Object(_) | Value::Array(_))) => {
                    self.absorb(inner, depth + 1);
                    self.details(object);
                }
                _ => self.fields(object, depth),
            },
            Value::Array(items) => {
                if let Some(first) = items.first() {
                    self.absorb(first, depth + 1);
                }
            }
            Value::String(text) => self.text(text, depth),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The fields of an error object itself.
    fn fields(&mut self, object: &Map<String, Value>, depth: u8) {
        for key in NAMES {
            match object.get(*key) {
                Some(Value::String(name)) => {
                    self.name(name);
                    self.number(name.parse().ok());
                }
                Some(Value::Number(number)) => self.number(number.as_u64()),
                _ => {}
            }
        }
        let string = |key: &str| match object.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let quoted = &mut self.quoted;
        quoted.kind = quoted.kind.take().or_else(|| string("type"));
        quoted.code = quoted.code.take().or_else(|| string("code"));
        quoted.param = quoted.param.take().or_else(|| string("param"));
        self.details(object);
        let message = MESSAGES.iter().find_map(|key| match object.get(*key)? {
            Value::Null => None,
            found => Some(found),
        });
        match message {
            Some(Value::String(text)) => self.text(text, depth),
            Some(other) => self.tell(&other.to_string()),
            None => {}
        }
    }

    /// A text, which may be another document.
    fn text(&mut self, text: &str, depth: u8) {
        let inner = text.trim_start().starts_with(['{', '[']);
        match inner.then(|| document(text.as_bytes())).flatten() {
            Some(value) => self.absorb(&value, depth + 1),
            None => self.tell(text),
        }
    }

    /// What is said to people. What was said first stands.
    fn tell(&mut self, text: &str) {
        if self.quoted.message.is_some() || text.is_empty() {
            return;
        }
        let text = bounded(text);
        self.message = text.to_lowercase();
        self.quoted.message = Some(text.to_owned());
    }

    fn number(&mut self, number: Option<u64>) {
        let status = number.and_then(|number| u16::try_from(number).ok());
        let status = status.filter(|status| (400..600).contains(status));
        self.body_status = self.body_status.or(status);
    }
}

pub(super) fn bounded(text: &str) -> &str {
    let end = text.floor_char_boundary(MAX_MESSAGE);
    text.get(..end).unwrap_or(text)
}

/// Where names stand. `code` first: where the two disagree, it is the finer one.
const NAMES: &[&str] = &[
    "code",
    "type",
    "status",
    "reason",
    "__type",
    "error_type",
    "error_code",
    "errorCode",
    "statusCode",
    "status_code",
    "raw_status_code",
];

/// Where the message stands.
const MESSAGES: &[&str] = &[
    "message",
    "Message",
    "detail",
    "error_description",
    "msg",
    "title",
];

/// A JSON document, or the first event of a stream that holds one.
fn document(body: &[u8]) -> Option<Value> {
    match body.first()? {
        b'{' | b'[' | b'"' => serde_json::from_slice(body).ok(),
        b'd' | b'e' => {
            let lines = body.split(|byte| matches!(byte, b'\n' | b'\r'));
            let mut data = lines.filter_map(|line| line.strip_prefix(b"data:"));
            serde_json::from_slice(data.next()?).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &str) -> (Vec<String>, String) {
        let said = Said::read(body.as_bytes());
        (said.names, said.message)
    }

    #[test]
    fn every_shape_says_the_same() {
        let expected = (vec!["c".to_owned(), "t".to_owned()], "no luck".to_owned());
        for body in [
            r#"{"error":{"message":"No luck","type":"T","code":"c"}}"#,
            r#"[{"error":{"message":"No luck","type":"T","code":"c"}}]"#,
            r#"{"message":"No luck","type":"T","code":"c"}"#,
            r#""{\"error\":{\"message\":\"No luck\",\"type\":\"T\",\"code\":\"c\"}}""#,
            r#"{"error":"{\"message\":\"No luck\",\"type\":\"T\",\"code\":\"c\"}"}"#,
            "event: error\ndata: {\"message\":\"No luck\",\"type\":\"T\",\"code\":\"c\"}\n\n",
            "\u{feff}{\"message\":\"No luck\",\"type\":\"T\",\"code\":\"c\"}",
        ] {
            let mut said = told(body);
            said.0.retain(|name| name.len() == 1);
            assert_eq!(said, expected, "{body}");
        }
    }

    #[test]
    fn what_is_no_document_is_text_unless_it_is_a_page() {
        assert_eq!(told("Too Many Requests").1, "too many requests");
        assert_eq!(told("<html>429</html>").1, "");
        assert_eq!(told("{\"error\": cut").1, "{\"error\": cut");
        assert_eq!(told("").1, "");
        assert_eq!(Said::read(&[0xff, b'A']).message, "\u{fffd}a");
        let detail = r#"{"detail":[{"msg":"Field required"}]}"#;
        assert!(told(detail).1.contains("field required"));
    }

    #[test]
    fn a_document_in_the_message_is_read() {
        let said = Said::read(
            br#"{"error":{"message":"{\n \"error\": {\"code\": 429, \"message\": \"Gone\", \"status\": \"RESOURCE_EXHAUSTED\"}}","code":500,"status":"x"}}"#,
        );
        assert_eq!(said.message, "gone");
        assert_eq!(said.body_status, Some(500));
        assert!(said.is_named(|name| name == "resource_exhausted"));
    }
}
