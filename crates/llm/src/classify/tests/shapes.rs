//! Bodies of every shape.

use crate::{Answer, Kind, Provider, classify, classify_error_object, delay};
use http::HeaderMap;
use proptest::prelude::*;
use serde_json::Value;
use std::time::SystemTime;

fn kind(status: u16, body: &[u8]) -> Option<Kind> {
    let headers = HeaderMap::new();
    let verdict = classify(Provider::OpenAi, &Answer::new(status, &headers, body));
    verdict.err().map(|verdict| verdict.kind)
}

#[test]
fn a_healthy_answer_is_healthy() {
    for body in [
        r#"{"choices":[{"message":{"content":"Please try again in 5s"},"finish_reason":"stop"}],"error":null}"#,
        r#"{"choices":[{"message":{"content":null,"tool_calls":[{}]},"finish_reason":"tool_calls"}]}"#,
        r#"{"choices":[{"finish_reason":"length"},{"finish_reason":"stop"}]}"#,
        r#"{"choices":[{"text":"","finish_reason":null}]}"#,
        r#"{"type":"message","content":[],"stop_reason":"end_turn"}"#,
        r#"{"candidates":[{"finishReason":"STOP"}]}"#,
        r#"{"choices":"odd"}"#,
        r#"{"object":"chat.completion","choices":"odd"}"#,
        r#"{"candidates":[{"content":{}}],"modelVersion":"m"}"#,
        r#"{"choices":[{"finish_reason":{"odd":[1]},"message":{"refusal":7.5}}],"type":[true],"stop_reason":-1}"#,
        r#"{"a":1,"a":2,"choices":[],"choices":[]}"#,
        "  {\"object\":\"list\",\"data\":[]}\n",
    ] {
        assert_eq!(kind(200, body.as_bytes()), None, "{body}");
    }
}

#[test]
fn a_success_that_is_none_is_seen() {
    for (body, expected) in [
        ("", Kind::Partial),
        ("  \n", Kind::Partial),
        ("{\"choices\":[{\"message\"", Kind::Partial),
        ("{'choices': []}", Kind::Partial),
        ("<!DOCTYPE html><html></html>", Kind::ServerError),
        (r#"{"choices":[]}"#, Kind::Partial),
        (
            r#"{"object":"chat.completion","choices":null}"#,
            Kind::Partial,
        ),
        (r#"{"object":"chat.completion"}"#, Kind::Partial),
        (
            r#"{"usageMetadata":{"promptTokenCount":7},"modelVersion":"m"}"#,
            Kind::Partial,
        ),
        (r#"{"responseId":"r"}"#, Kind::Partial),
        (
            r#"{"promptFeedback":{"blockReason":"OTHER"},"modelVersion":"m"}"#,
            Kind::ContentPolicy,
        ),
        (r#"{"error":"model is overloaded"}"#, Kind::Overloaded),
        (
            r#"{"type":{"odd":[1]},"object":7,"error":{"code":503}}"#,
            Kind::Overloaded,
        ),
        (
            r#"{"object":"error","message":"x","type":"rate_limited"}"#,
            Kind::RateLimited,
        ),
        (
            r#"{"choices":[{"finish_reason":"length"},{"finish_reason":"length"}]}"#,
            Kind::Partial,
        ),
    ] {
        assert_eq!(kind(200, body.as_bytes()), Some(expected), "{body}");
    }
    let both = r#"{"choices":[{"finish_reason":"length"},{"finish_reason":"content_filter"}]}"#;
    assert_eq!(kind(200, both.as_bytes()), Some(Kind::Partial));
}

#[test]
fn the_status_holds_where_the_body_says_nothing() {
    let deep = "[".repeat(100_000);
    let huge = format!(r#"{{"error":{{"message":"{}"}}}}"#, "x".repeat(1_000_000));
    for body in [
        "",
        "<html>rate</html>",
        "null",
        "17",
        "[]",
        "{}",
        "\"\"",
        "{\"error\":",
        &deep,
        &huge,
    ] {
        assert_eq!(kind(429, body.as_bytes()), Some(Kind::RateLimited));
        assert_eq!(kind(503, body.as_bytes()), Some(Kind::Overloaded));
    }
    assert_eq!(
        kind(429, &[0xff, 0xfe, b'{', 0x80]),
        Some(Kind::RateLimited)
    );
}

fn json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("rate_limit_exceeded".to_owned()),
        Just("try again in 5s".to_owned()),
        Just("34.5s".to_owned()),
        Just("{\"error\":{}}".to_owned()),
        ".{0,12}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (400u64..600).prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "error",
        "errors",
        "message",
        "type",
        "code",
        "status",
        "details",
        "metadata",
        "headers",
        "reason",
        "violations",
        "quotaId",
        "retryDelay",
        "seconds",
        "nanos",
        "raw",
        "choices",
        "finish_reason",
        "candidates",
        "detail",
        "innererror",
    ]);
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|fields| {
                let fields = fields
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value));
                Value::Object(fields.collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_judged(status in 100u16..1000, body: Vec<u8>) {
        let headers = HeaderMap::new();
        for provider in Provider::ALL {
            let _ = classify(provider, &Answer::new(status, &headers, &body));
            let _ = classify(provider, &Answer::new(status, &headers, &body).status(None));
        }
        let _ = delay(Some(status), &headers, &body, SystemTime::UNIX_EPOCH);
    }

    #[test]
    fn any_json_is_judged(status in 200u16..600, body in json()) {
        let headers = HeaderMap::new();
        let text = body.to_string();
        for provider in Provider::ALL {
            let answer = Answer::new(status, &headers, text.as_bytes());
            let verdict = classify(provider, &answer);
            // A failure stays one, whatever its body says.
            prop_assert!(verdict.is_err() || (200..300).contains(&status));
            let verdict = classify_error_object(provider, &body);
            prop_assert!(!verdict.why.is_empty());
        }
    }
}
