//! What stands beside the message of an error: Google's details, Azure's inner error, Anthropic's
//! error code, OpenRouter's metadata.

use super::said::{Said, bounded};
use buttress_retry_after::proto_duration;
use serde_json::{Map, Value};
use std::time::Duration;

impl Said {
    pub(super) fn details(&mut self, object: &Map<String, Value>) {
        let in_object = |key: &str, name: &str| object.get(key)?.get(name);
        self.name_of(in_object("innererror", "code"));
        self.name_of(in_object("details", "error_code"));
        if let Some(Value::Object(metadata)) = object.get("metadata") {
            self.metadata(metadata);
        }
        if let Some(Value::Array(details)) = object.get("details") {
            for detail in details {
                self.detail(detail);
            }
        }
    }

    /// OpenRouter's, about the provider behind it.
    fn metadata(&mut self, metadata: &Map<String, Value>) {
        self.name_of(metadata.get("error_type"));
        self.name_of(metadata.get("limit_source"));
        if metadata.contains_key("flagged_input") || metadata.contains_key("reasons") {
            self.name("flagged_input");
        }
        if let Some(Value::Object(headers)) = metadata.get("headers") {
            self.inner_headers(headers);
        }
        // For the rules only: it is not this provider's message.
        if let Some(Value::String(raw)) = metadata.get("raw") {
            self.also = bounded(raw).to_lowercase();
        }
    }

    /// One of Google's: an `ErrorInfo`, a `QuotaFailure`, a `RetryInfo`.
    fn detail(&mut self, detail: &Value) {
        self.name_of(detail.get("reason"));
        self.name_of(
            detail
                .get("metadata")
                .and_then(|data| data.get("quota_limit")),
        );
        if let Some(Value::Array(violations)) = detail.get("violations") {
            for violation in violations {
                self.name_of(violation.get("quotaId"));
            }
        }
        let delay = detail.get("retryDelay").and_then(duration);
        self.retry_info = self.retry_info.max(delay);
    }

    fn name_of(&mut self, value: Option<&Value>) {
        if let Some(Value::String(name)) = value {
            self.name(name);
        }
    }

    fn inner_headers(&mut self, headers: &Map<String, Value>) {
        for (name, value) in headers.iter().take(64) {
            let value = match value {
                Value::String(value) => value.clone(),
                Value::Number(value) => value.to_string(),
                _ => continue,
            };
            self.inner_headers.push((name.clone(), value));
        }
    }
}

/// A `google.protobuf.Duration`: `"34.07s"` by its JSON mapping, or its fields as they are.
fn duration(value: &Value) -> Option<Duration> {
    let whole = |value: &Value| match value {
        Value::Number(number) => number.as_u64(),
        Value::String(digits) => digits.parse().ok(),
        _ => None,
    };
    match value {
        Value::String(text) => proto_duration(text),
        Value::Object(fields) => {
            let part = |key: &str| fields.get(key).map_or(Some(0), whole);
            let (seconds, nanos) = (part("seconds")?, part("nanos")?);
            let nanos = u32::try_from(nanos)
                .ok()
                .filter(|nanos| *nanos < 1_000_000_000)?;
            Some(Duration::new(seconds, nanos))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_info_is_read_in_both_forms_and_only_with_its_unit() {
        for (delay, millis) in [
            (r#""34s""#, Some(34_000)),
            (r#""34.074824224s""#, Some(34_075)),
            (r#""34""#, None),
            (r#""-1s""#, None),
            (r#"{"seconds":"34","nanos":500000000}"#, Some(34_500)),
            (r#"{"nanos":1000000}"#, Some(1)),
            (r#"{"seconds":1,"nanos":2000000000}"#, None),
            ("34", None),
        ] {
            let body = format!(r#"{{"error":{{"details":[{{"retryDelay":{delay}}}]}}}}"#);
            let wait = millis.map(Duration::from_millis);
            assert_eq!(Said::read(body.as_bytes()).retry_info, wait, "{delay}");
        }
    }
}
