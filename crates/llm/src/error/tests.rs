use super::*;
use crate::{Dialect, Feature};
use buttress_core::{Class, Name, RetryAfter, RouteError, RouteReason};
use http::HeaderMap;
use serde_json::{Value, json};
use std::{error::Error as _, fs, path::Path, time::Duration};

fn failing(provider: Provider, status: u16, body: &str) -> LlmError {
    let mut headers = HeaderMap::new();
    headers.insert("x-request-id", "req_1".parse().unwrap());
    headers.insert("retry-after", "7".parse().unwrap());
    headers.insert("set-cookie", "secret".parse().unwrap());
    let answer = Answer::new(status, &headers, body.as_bytes());
    LlmError::check(provider, Dialect::OpenAiChat, &answer).unwrap_err()
}

fn rendered(error: &LlmError, dialect: Dialect) -> (u16, Value) {
    let answer = error.render(dialect);
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

const SECRET: &str = r#"{"error":{"message":"Incorrect API key provided: sk-proj-0123456789. Prompt: hello","type":"invalid_request_error","param":"p","code":"invalid_api_key"}}"#;

#[test]
fn neither_keys_nor_prompts_are_shown() {
    for status in [400, 401, 429] {
        let error = failing(Provider::OpenAi, status, SECRET);
        let shown = format!("{error} {error:?} {error:#?}");
        assert!(
            !shown.contains("sk-") && !shown.contains("hello"),
            "{shown}"
        );
        assert!(shown.contains("req_1"));
        let own = error.provider_error().unwrap();
        assert_eq!(own.body().as_ref(), SECRET.as_bytes());
        assert!(own.message().unwrap().contains("[key]"));
        assert_eq!(
            (own.code(), own.param()),
            (Some("invalid_api_key"), Some("p"))
        );
        assert!(own.headers().contains_key("retry-after"));
        assert!(!own.headers().contains_key("set-cookie"));
        for dialect in Dialect::ALL {
            let text = error.render(dialect).body;
            assert!(!String::from_utf8_lossy(&text).contains("sk-proj"));
        }
    }
}

#[test]
fn what_is_said_of_the_key_is_not_for_the_caller() {
    let body = r#"{"error":{"message":"Your api key: ****abcd is invalid","type":"authentication_error"}}"#;
    let error = failing(Provider::DeepSeek, 401, body);
    for dialect in Dialect::ALL {
        let (status, body) = rendered(&error, dialect);
        assert_eq!(status, 401);
        let message = body["error"]["message"].as_str().unwrap();
        assert_eq!(message, "deepseek: the key is missing, wrong or expired");
    }
}

#[test]
fn what_is_not_allowed_to_the_key_is_told_in_other_words() {
    let body = r#"{"error":{"message":"key 0f3a77aabbccddeeff of team Blue may not do this","type":"invalid_request_error"}}"#;
    let error = failing(Provider::Mistral, 403, body);
    assert_eq!(error.kind(), Kind::Permission);
    for dialect in Dialect::ALL {
        let (status, body) = rendered(&error, dialect);
        assert_eq!(status, 403);
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("mistral: "), "{message}");
        assert!(!message.contains("0f3a77"), "{message}");
    }
}

#[test]
fn a_key_that_is_known_is_nowhere_in_an_error() {
    const KEY: &str = "0f3a77aabb/ccddeeff";
    let escaped = KEY.replace('/', "\\/");
    for key in [KEY, &escaped] {
        let body = format!(
            r#"{{"error":{{"message":"bad {key}","type":"{key}","param":"{key}","code":"{key}"}}}}"#
        );
        for status in [400, 401, 403, 429, 500] {
            let error = failing(Provider::Mistral, status, &body);
            let verdict = error.verdict();
            let error = error.redact(KEY);
            assert_eq!(error.verdict(), verdict);
            for dialect in Dialect::ALL {
                let text = error.render(dialect).body;
                let text = String::from_utf8_lossy(&text).replace('\\', "");
                let event = error.render_event(dialect);
                let event = String::from_utf8_lossy(&event).replace('\\', "");
                assert!(
                    !text.contains(KEY) && !event.contains(KEY),
                    "{text} {event}"
                );
            }
            let own = error.provider_error().unwrap();
            assert_eq!((own.code(), own.param()), (Some("[key]"), Some("[key]")));
            assert_eq!(own.message().unwrap(), "bad [key]");
            let kept = String::from_utf8_lossy(own.body()).replace('\\', "");
            assert!(!kept.contains(KEY), "{kept}");
        }
    }
    // What a message is cut at may be in the middle of it.
    let long = format!("{}{KEY}", "x".repeat(8 * 1024 - 10));
    let error = failing(Provider::Mistral, 400, &long).redact(KEY);
    let message = error.provider_error().unwrap().message().unwrap();
    assert!(message.ends_with("x[key]"));
}

#[test]
fn a_provider_of_the_same_dialect_is_quoted() {
    let body = r#"{ "error": {"message": "m", "type": "tokens", "param": null, "code": "rate_limit_exceeded", "extra": 1} }"#;
    let error = failing(Provider::Groq, 429, body);
    let answer = error.render(Dialect::OpenAiChat);
    assert_eq!(
        (answer.status, answer.body.as_ref()),
        (429, body.as_bytes())
    );
    let expected = json!({"type": "error", "error": {"type": "rate_limit_error", "message": "m"}, "request_id": "req_1"});
    assert_eq!(
        rendered(&error, Dialect::AnthropicMessages),
        (429, expected)
    );
    // What is not the dialect's shape is put into it.
    let error = failing(Provider::Proxy, 502, "<html></html>");
    let (status, body) = rendered(&error, Dialect::OpenAiChat);
    assert_eq!(
        (status, &body["error"]["type"]),
        (502, &json!("server_error"))
    );
}

#[test]
fn errors_cross_as_the_facts_say() {
    let facts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/facts/translate.jsonl");
    let text = fs::read_to_string(facts).unwrap();
    let rows = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut seen = 0;
    for row in rows.filter(|row| row["kind"] == "error") {
        let provider: Provider = row["from"].as_str().unwrap().parse().unwrap();
        let dialect = match row["to"].as_str() {
            Some("openai") => Dialect::OpenAiChat,
            Some("anthropic") => Dialect::AnthropicMessages,
            _ => continue,
        };
        let headers = HeaderMap::new();
        let body = row["input"]["body"].to_string();
        let status = row["input"]["status"].as_u64().unwrap().try_into().unwrap();
        let answer = Answer::new(status, &headers, body.as_bytes());
        let error = LlmError::check(provider, Dialect::OpenAiChat, &answer).unwrap_err();
        let (status, body) = rendered(&error, dialect);
        assert_eq!(
            json!({"status": status, "body": body}),
            row["expected"],
            "{}",
            row["id"]
        );
        seen += 1;
    }
    assert_eq!(seen, 4);
}

#[test]
fn errors_cross_to_anthropic_too() {
    for (status, kind, code, expected, status_there) in [
        (
            400,
            "invalid_request_error",
            "",
            "invalid_request_error",
            400,
        ),
        (
            401,
            "invalid_request_error",
            "invalid_api_key",
            "authentication_error",
            401,
        ),
        (403, "invalid_request_error", "", "permission_error", 403),
        (
            404,
            "invalid_request_error",
            "model_not_found",
            "not_found_error",
            404,
        ),
        (413, "invalid_request_error", "", "request_too_large", 413),
        (
            429,
            "requests",
            "rate_limit_exceeded",
            "rate_limit_error",
            429,
        ),
        (
            429,
            "insufficient_quota",
            "insufficient_quota",
            "billing_error",
            429,
        ),
        (500, "server_error", "", "api_error", 500),
        (
            503,
            "service_unavailable_error",
            "server_is_overloaded",
            "overloaded_error",
            529,
        ),
        (504, "timeout", "", "timeout_error", 504),
        (
            400,
            "invalid_request_error",
            "context_length_exceeded",
            "invalid_request_error",
            400,
        ),
    ] {
        let body = json!({"error": {"message": "m", "type": kind, "code": code}}).to_string();
        let error = failing(Provider::OpenAi, status, &body);
        let (status, body) = rendered(&error, Dialect::AnthropicMessages);
        assert_eq!(
            (status, &body["error"]["type"]),
            (status_there, &json!(expected)),
            "{kind} {code}"
        );
    }
}

#[test]
fn a_conflict_is_no_fault_of_the_server() {
    let body = json!({"type": "error", "error": {"type": "conflict_error", "message": "m"}});
    let error = failing(Provider::Anthropic, 409, &body.to_string());
    let (status, body) = rendered(&error, Dialect::OpenAiChat);
    let expected = json!("invalid_request_error");
    assert_eq!((status, &body["error"]["type"]), (409, &expected));
}

#[test]
fn a_stream_is_ended_by_an_event_of_its_dialect() {
    let event =
        br#"{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}"#;
    let error = LlmError::in_stream(Provider::Anthropic, event, false);
    assert_eq!(error.kind(), Kind::Overloaded);
    let crossed = error.render_event(Dialect::OpenAiChat);
    let data = crossed
        .strip_prefix(b"data: ")
        .unwrap()
        .strip_suffix(b"\n\n")
        .unwrap();
    let expected = json!({"error": {"message": "Overloaded", "type": "service_unavailable_error", "param": null, "code": "server_is_overloaded"}});
    assert_eq!(serde_json::from_slice::<Value>(data).unwrap(), expected);
    let own = error.render_event(Dialect::AnthropicMessages);
    let own = String::from_utf8(own.to_vec()).unwrap();
    let data = own.strip_prefix("event: error\ndata: ").unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(data).unwrap(),
        serde_json::from_slice::<Value>(event).unwrap()
    );
}

#[test]
fn what_the_caller_has_seen_is_not_asked_for_again() {
    let event = br#"{"error": {"message": "m", "type": "server_error"}}"#;
    let before = LlmError::in_stream(Provider::OpenAi, event, false);
    let after = LlmError::in_stream(Provider::OpenAi, event, true);
    let broken = Failure::SERVICE.kind(Kind::ServerError.name());
    assert_eq!(before.as_failure(), broken);
    assert_eq!(after.as_failure().class, Class::Persistent);
    assert!(after.verdict().counts_toward_breaker());
    assert_eq!(
        LlmError::from(Truncated::new(0)).as_failure(),
        Failure::SERVICE.kind(Kind::Partial.name())
    );
    let cut = LlmError::from(Truncated::new(9).transport(TransportError::Reset));
    assert_eq!(
        cut.as_failure(),
        Failure::new(Class::Partial, Blame::Service).kind(Kind::Partial.name())
    );
    assert_eq!(cut.status_for(Dialect::OpenAiChat), 502);
}

#[test]
fn layers_errors_stay_what_they_are() {
    let rejected = Rejected::new(Cause::GateClosed).retry_after(Duration::from_secs(4));
    let error = LlmError::from(rejected);
    assert_eq!(error.as_failure(), rejected.as_failure());
    assert_eq!(error.kind(), Kind::Rejected);
    let statuses = [
        (
            LlmError::from(Rejected::new(Cause::GateClosed)),
            429,
            "rate_limit_error",
        ),
        (
            Rejected::new(Cause::CircuitOpen).into(),
            503,
            "overloaded_error",
        ),
        (
            Rejected::new(Cause::DeadlinePast).into(),
            504,
            "timeout_error",
        ),
        (
            Elapsed::new(Phase::Deadline, Duration::ZERO).into(),
            504,
            "timeout_error",
        ),
        (
            Elapsed::new(Phase::Headers, Duration::ZERO).into(),
            504,
            "timeout_error",
        ),
        (TransportError::Refused.into(), 502, "api_error"),
        (TransportError::Certificate.into(), 502, "api_error"),
        (TransportError::ReadTimeout.into(), 504, "timeout_error"),
        (
            InvalidRequest::Missing { field: "model" }.into(),
            400,
            "invalid_request_error",
        ),
    ];
    for (error, status, kind) in statuses {
        let (got, body) = rendered(&error, Dialect::AnthropicMessages);
        assert_eq!(
            (got, &body["error"]["type"]),
            (status, &json!(kind)),
            "{error}"
        );
    }
    let elapsed = Elapsed::new(Phase::Idle, Duration::ZERO);
    assert_eq!(LlmError::from(elapsed).as_failure(), elapsed.as_failure());
}

#[test]
fn a_refusal_repeats_what_it_goes_back_to() {
    let wait = Duration::from_secs(60);
    let refused = |cause, kind: Kind| {
        let rejected = Rejected::new(cause).retry_after(wait);
        LlmError::from(rejected.origin(kind.name()))
    };
    let parked = |kind| refused(Cause::KeyUnusable, kind);
    let cases = [
        (
            parked(Kind::Auth),
            (401, "invalid_request_error", "invalid_api_key"),
            (401, "authentication_error"),
        ),
        (
            parked(Kind::QuotaExhausted),
            (429, "insufficient_quota", "insufficient_quota"),
            (402, "billing_error"),
        ),
        (
            parked(Kind::RateLimited),
            (429, "requests", "rate_limit_exceeded"),
            (429, "rate_limit_error"),
        ),
        (
            refused(Cause::QueueFull, Kind::RateLimited),
            (429, "requests", "rate_limit_exceeded"),
            (429, "rate_limit_error"),
        ),
    ];
    for (error, openai, anthropic) in cases {
        let (status, body) = rendered(&error, Dialect::OpenAiChat);
        let told = &body["error"];
        assert_eq!(
            (status, &told["type"], &told["code"]),
            (openai.0, &json!(openai.1), &json!(openai.2))
        );
        assert_eq!(told["param"], Value::Null);
        let (status, body) = rendered(&error, Dialect::AnthropicMessages);
        assert_eq!(
            (status, &body["error"]["type"]),
            (anthropic.0, &json!(anthropic.1))
        );
        // To the layers it stays a refusal, and the next route may be tried.
        let verdict = error.verdict();
        assert_ne!(verdict.kind, Kind::Rejected);
        assert_eq!(verdict.failure().class, Class::Rejected);
        assert_eq!(verdict.failure().blame, Blame::Local);
        assert_eq!(verdict.fallback, Fallback::Yes);
        assert_eq!(verdict.delay, Some(wait));
        assert_eq!(
            error.as_failure().kind.map(Name::as_str),
            Some(rejected(&error))
        );
    }
    // Nobody said why, or in a word that is none of ours.
    let by_hand = LlmError::from(Rejected::new(Cause::KeyUnusable));
    let unknown = LlmError::from(Rejected::new(Cause::KeyUnusable).origin(Name::new(&"odd")));
    for error in [by_hand, unknown] {
        assert_eq!(error.kind(), Kind::Rejected);
        let (status, body) = rendered(&error, Dialect::OpenAiChat);
        assert_eq!(
            (status, &body["error"]["type"]),
            (503, &json!("server_error"))
        );
    }
}

fn rejected(error: &LlmError) -> &'static str {
    match error {
        LlmError::Rejected(rejected) => rejected.cause.as_str(),
        other => panic!("{other}"),
    }
}

#[test]
fn when_all_routes_fail_the_foremost_speaks() {
    let auth = failing(Provider::OpenAi, 401, SECRET);
    let busy = failing(
        Provider::Anthropic,
        529,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
    );
    let routes = [("a", auth), ("b", busy)].map(|(name, error)| {
        RouteError::new(name.into(), RouteReason::Failed(error.as_failure(), error))
    });
    let error = LlmError::from(Exhausted::new(routes.into()));
    assert_eq!(error.kind(), Kind::Overloaded);
    assert_eq!(
        error.as_failure().retry_after,
        RetryAfter::After(Duration::from_secs(7))
    );
    assert_eq!(error.status_for(Dialect::OpenAiChat), 503);
    assert_eq!(rendered(&error, Dialect::AnthropicMessages).0, 529);
    assert!(!error.to_string().contains("sk-"));
    let none = LlmError::from(Exhausted::new(Vec::new()));
    assert_eq!(rendered(&none, Dialect::OpenAiChat).0, 503);
}

#[test]
fn a_conversation_that_cannot_be_had_elsewhere_is_asked_for_in_whole() {
    let cannot_cross = |what| {
        let (from, to) = (Dialect::AnthropicMessages, Dialect::OpenAiChat);
        LlmError::Invalid(Box::new(InvalidRequest::CannotCross { what, from, to }))
    };
    let all = |errors: Vec<LlmError>| {
        let routes = errors.into_iter().map(|error| {
            RouteError::new("a".into(), RouteReason::Failed(error.as_failure(), error))
        });
        LlmError::from(Exhausted::new(routes.collect()))
    };
    let fails = |status| failing(Provider::Anthropic, status, "{}");
    for error in [
        cannot_cross(Feature::Threads),
        all(vec![cannot_cross(Feature::Threads)]),
        // The other one would answer if it were asked in this way.
        all(vec![fails(503), cannot_cross(Feature::Threads)]),
        all(vec![cannot_cross(Feature::Threads), fails(401)]),
    ] {
        assert_eq!(error.verdict().delay, None);
        let (status, body) = rendered(&error, Dialect::AnthropicMessages);
        assert_eq!(status, 400);
        let code = &body["error"]["details"]["error_code"];
        assert_eq!(code, "thread_unsupported_request");
        assert_eq!(body["error"]["type"], "invalid_request_error");
    }
    for error in [
        cannot_cross(Feature::Audio),
        // Nobody would take this request in any form.
        all(vec![fails(400), cannot_cross(Feature::Threads)]),
        all(vec![fails(503), cannot_cross(Feature::Audio)]),
    ] {
        let (_, body) = rendered(&error, Dialect::AnthropicMessages);
        assert_eq!(body["error"].get("details"), None);
    }
}

#[test]
fn an_answer_that_is_whole_passes() {
    let headers = HeaderMap::new();
    for body in [
        r#"{"choices":[{"finish_reason":"length","message":{}}]}"#,
        r#"{"choices":[{"finish_reason":"content_filter","message":{}}]}"#,
        r#"{"stop_reason":"refusal","content":[]}"#,
    ] {
        let answer = Answer::new(200, &headers, body.as_bytes());
        assert!(LlmError::check(Provider::OpenAi, Dialect::OpenAiChat, &answer).is_ok());
        assert!(crate::classify(Provider::OpenAi, &answer).is_err());
    }
    let empty = Answer::new(200, &headers, b"");
    assert!(LlmError::check(Provider::OpenAi, Dialect::OpenAiChat, &empty).is_err());
}

#[test]
fn the_cause_of_a_broken_connection_is_kept() {
    let source = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let error = LlmError::transport(TransportError::Reset, source);
    assert!(error.source().is_some());
    let broken = Failure::SERVICE.kind(Kind::Transient.name());
    assert_eq!(error.as_failure(), broken);
    // Small enough to be handed up by value.
    assert!(size_of::<LlmError>() <= 40, "{}", size_of::<LlmError>());
}

#[test]
fn an_address_with_nothing_is_not_a_model_that_is_not_there() {
    let answer = ErrorAnswer::unknown_url(Dialect::OpenAiChat, "nothing");
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer.status, 404);
    assert_eq!(body["error"]["type"], "invalid_request_error");
    assert_eq!(body["error"]["code"], "unknown_url");

    let answer = ErrorAnswer::unknown_url(Dialect::AnthropicMessages, "nothing");
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer.status, 404);
    assert_eq!(body["error"]["type"], "not_found_error");
}

#[test]
fn a_redirect_is_a_wrong_address_of_ours_and_no_missing_model() {
    let redirect = |status, location: &str, body: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("location", location.parse().unwrap());
        let answer = Answer::new(status, &headers, body.as_bytes());
        LlmError::check(Provider::OpenAi, Dialect::OpenAiChat, &answer).unwrap_err()
    };
    let to = "https://user:pass@api.example.com/v2/chat?token=secret#part";
    let said = r#"{"error":{"message":"moved to secret","type":"x","code":"y"}}"#;
    for (status, body) in [(301, ""), (302, "<html>Moved</html>"), (308, said)] {
        let error = redirect(status, to, body);
        let shown = error.to_string();
        assert!(
            shown.contains("base_url") && shown.contains("api.example.com/v2/chat"),
            "{shown}"
        );
        assert!(
            !shown.contains("secret") && !shown.contains("pass"),
            "{shown}"
        );
        let failure = error.as_failure();
        assert_eq!(
            (failure.class, failure.blame),
            (Class::Persistent, Blame::Local)
        );
        assert_eq!(error.verdict().fallback, Fallback::Yes);
        for (dialect, kind) in [
            (Dialect::OpenAiChat, "server_error"),
            (Dialect::AnthropicMessages, "api_error"),
        ] {
            let (status, body) = rendered(&error, dialect);
            assert_eq!((status, &body["error"]["type"]), (502, &json!(kind)));
            assert_ne!(body["error"]["code"], "model_not_found");
            // Where the gateway asks is not the caller's to know.
            assert!(!body.to_string().contains("example.com"), "{body}");
            assert!(!body.to_string().contains("secret"), "{body}");
        }
    }
    assert!(redirect(307, "/login", "").to_string().contains("/login"));
}

#[test]
fn a_request_that_changed_is_a_conflict_of_its_own_making() {
    let error = LlmError::from(Rejected::new(Cause::RequestChanged));
    assert_eq!(error.kind(), Kind::InvalidRequest);
    assert_eq!(error.as_failure().blame, Blame::Request);
    assert_eq!(error.verdict().failure().class, error.as_failure().class);
    assert_eq!(error.verdict().fallback, Fallback::No);
    for dialect in Dialect::ALL {
        assert_eq!(error.render(dialect).status, 409);
    }
    let body = error.render(Dialect::AnthropicMessages).body;
    assert!(str::from_utf8(&body).unwrap().contains("conflict_error"));
}
