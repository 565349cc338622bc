//! Bodies of errors: the first byte is the provider, the second one the status.

use buttress::llm::{Answer, Dialect, LlmError, Provider, classify, classify_error_object, delay};
use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use std::time::{Duration, SystemTime};

pub(super) const WORDS: &[&str] = &[
    "{\"error\":{\"message\":\"m\",\"type\":\"t\",\"code\":\"c\",\"param\":null}}",
    "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}",
    "\"status\":\"RESOURCE_EXHAUSTED\"",
    "\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"1s\"}]",
    "{\"message\":",
    "{\"detail\":[{\"msg\":\"m\"}]}",
    "<html><title>502 Bad Gateway</title>",
    "rate limit",
    "context length",
    "sk-aaaaaaaaaaaaaaaaaaaaaaaa",
    "try again in 1s",
    "{\"choices\":[{\"message\":{\"content\":\"\"},\"finish_reason\":\"stop\"}]}",
    "null",
    "[[[[",
];

/// Statuses that are told apart.
pub(super) const STATUSES: [Option<u16>; 16] = [
    None,
    Some(200),
    Some(301),
    Some(400),
    Some(401),
    Some(402),
    Some(403),
    Some(404),
    Some(408),
    Some(413),
    Some(422),
    Some(429),
    Some(500),
    Some(503),
    Some(529),
    Some(530),
];

pub(super) fn run(bytes: &[u8]) {
    let [provider, status, body @ ..] = bytes else {
        return;
    };
    let provider = Provider::ALL[usize::from(*provider) % Provider::ALL.len()];
    let status = STATUSES[usize::from(*status) % STATUSES.len()];
    let mut headers = HeaderMap::new();
    let json = HeaderValue::from_static("application/json");
    headers.insert("content-type", json);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_787_572_800);
    let answer = Answer::new(200, &headers, body).status(status).at(now);

    let verdict = classify(provider, &answer);
    let failed = status.is_none_or(|status| status >= 300);
    assert!(!failed || verdict.is_err(), "{provider} {status:?}");
    assert_eq!(verdict, classify(provider, &answer));
    let _ = delay(status, &headers, body, now);
    if let Ok(error) = serde_json::from_slice::<Value>(body) {
        let _ = classify_error_object(provider, &error);
    }
    for dialect in Dialect::ALL {
        let checked = LlmError::check(provider, dialect, &answer);
        assert!(!failed || checked.is_err(), "{provider} {status:?}");
        if let Err(error) = checked {
            shown(&error);
        }
    }
    for emitted in [false, true] {
        shown(&LlmError::in_stream(provider, body, emitted));
    }
}

/// What a caller gets to see is an error of its dialect.
fn shown(error: &LlmError) {
    let _ = (error.to_string(), format!("{error:?}"), error.verdict());
    for dialect in Dialect::ALL {
        let answer = error.render(dialect);
        assert!((400..600).contains(&answer.status), "{}", answer.status);
        let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert!(body["error"].is_object(), "{body}");
        let event = error.render_event(dialect);
        let event = std::str::from_utf8(&event).expect("text");
        assert!(event.ends_with("\n\n") && event.trim_end().lines().count() <= 2);
    }
}
