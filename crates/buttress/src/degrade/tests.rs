use super::*;
use buttress_core::{
    Call, Carry, Cause, Context as _, Elapsed, Event, Exhausted, Phase, Rejected, RouteError,
    RouteReason,
};
use buttress_llm::{
    Answer, Dialect, InvalidRequest, Kind, LlmError, LlmRequest, Provider, TransportError,
};
use buttress_queue::{DegradePolicy, Task};
use http::{HeaderMap, HeaderValue};
use serde_json::json;
use std::time::Duration;

const BODY: &str = r#"{ "model": "claude-haiku-4-5", "max_tokens": 100, "stream": true,
    "messages": [{"role": "user", "content": "Who am \u0049?"}], "unknown": 1.00 }"#;

fn request() -> LlmRequest {
    LlmRequest::parse(Dialect::AnthropicMessages, BODY.into()).unwrap()
}

fn error() -> LlmError {
    TransportError::Refused.into()
}

fn task(policy: &LlmDegrade, request: &LlmRequest) -> Task {
    let kept = policy.keep(request).expect("it is kept");
    policy.task(kept, &error()).expect("it can be written")
}

fn answered(status: u16, body: &str) -> LlmError {
    let headers = HeaderMap::new();
    let answer = Answer::new(status, &headers, body.as_bytes());
    LlmError::check(Provider::OpenAi, Dialect::OpenAiChat, &answer).unwrap_err()
}

#[test]
fn a_task_is_the_request_as_it_was_and_what_was_done_for_it() {
    let call = Call::new();
    call.for_route("gpt".into(), None).record(Event::Attempt);
    call.record(Event::Note("gave up"));
    let mut request = request();
    request.set_call(call);
    let mut context = serde_json::Map::new();
    context.insert("agent".to_owned(), json!("planner"));
    let policy = LlmDegrade::new()
        .session_id("s-1")
        .request_id("r-1")
        .context(context);
    let task = task(&policy, &request);
    assert_eq!(task.messages.get(), BODY);
    assert_eq!(task.session_id.as_deref(), Some("s-1"));
    assert_eq!(task.lane.as_deref(), Some("claude-haiku-4-5"));
    assert_eq!((task.attempts, task.journey.len()), (1, 2));
    assert!(
        task.journey[0].ends_with("gpt: called"),
        "{:?}",
        task.journey
    );
    let ours = json!({"dialect": "anthropic.messages", "request_id": "r-1"});
    let context = json!({"agent": "planner", "buttress": ours});
    assert_eq!(serde_json::Value::from(task.task_context), context);
}

#[test]
fn no_key_is_written_down() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("anthropic-beta", "a-2025"),
        ("anthropic-version", "2023-06-01"),
        ("authorization", "Bearer sk-secret"),
        ("x-api-key", "sk-secret"),
        ("api-key", "sk-secret"),
        ("cookie", "sk-secret"),
        ("x-custom", "sk-secret"),
        ("idempotency-key", "k-1"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.append("anthropic-beta", HeaderValue::from_static("b-2026"));
    headers.append("anthropic-beta", HeaderValue::from_bytes(b"\xff").unwrap());
    let task = task(&LlmDegrade::new(), &request().headers(headers));
    let written = String::from_utf8(task.to_json()).unwrap();
    assert!(!written.contains("secret"), "{written}");
    assert_eq!(task.idempotency_key.as_deref(), Some("k-1"));

    let origin = Origin::read(&task).unwrap().unwrap();
    let betas: Vec<_> = origin.headers.get_all("anthropic-beta").iter().collect();
    assert_eq!(betas, ["a-2025", "b-2026"]);
    assert_eq!(origin.headers.len(), 3);
    let policy = LlmDegrade::new().idempotency_key("k-2");
    let key = self::task(&policy, &request()).idempotency_key;
    assert_eq!(key.as_deref(), Some("k-2"));
}

#[test]
fn where_the_address_names_the_model_the_task_does() {
    let body = r#"{"contents": []}"#;
    let gemini =
        LlmRequest::parse_addressed(Dialect::Gemini, "gemini-2.5", true, body.into()).unwrap();
    let task = task(&LlmDegrade::new(), &gemini);
    let origin = Origin::read(&task).unwrap().unwrap();
    assert_eq!(origin.dialect, Dialect::Gemini);
    assert_eq!(origin.model.as_deref(), Some("gemini-2.5"));
}

#[test]
fn the_last_word_is_the_application_s() {
    let policy = LlmDegrade::new().describe(|request, task| {
        task.session_id = Some(request.model().to_owned());
    });
    let session = task(&policy, &request()).session_id;
    assert_eq!(session.as_deref(), Some("claude-haiku-4-5"));
}

#[test]
fn what_others_put_in_a_context_is_theirs() {
    for (context, expected) in [
        ("null", Ok(None)),
        (r#"{"dialect": "gemini.generateContent"}"#, Ok(None)),
        (r#"{"buttress": "theirs"}"#, Ok(None)),
        (r#"{"buttress": {}}"#, Err(())),
        (r#"{"buttress": {"dialect": "of.later"}}"#, Err(())),
        (
            r#"{"buttress": {"dialect": "openai.chat", "model": 3, "request_id": [],
                "headers": {"openai-beta": [1, "a\nb", "c"], "authorization": ["d"]}}}"#,
            Ok(Some(Dialect::OpenAiChat)),
        ),
        (
            r#"{"buttress": {"dialect": "openai.chat", "headers": ["a"]}}"#,
            Ok(Some(Dialect::OpenAiChat)),
        ),
    ] {
        let task = format!(r#"{{"messages": [], "task_context": {context}}}"#);
        let origin = Origin::read(&Task::parse(task.as_bytes()).unwrap());
        let headers = origin.as_ref().ok().and_then(|origin| {
            let headers = &origin.as_ref()?.headers;
            Some(
                headers
                    .values()
                    .map(|value| value.to_str().unwrap())
                    .collect(),
            )
        });
        let headers: Vec<&str> = headers.unwrap_or_default();
        assert!(headers.is_empty() || headers == ["c"], "{headers:?}");
        let dialect = origin.map(|origin| origin.map(|origin| origin.dialect));
        assert_eq!(dialect.map_err(drop), expected, "{context}");
    }
}

#[test]
fn what_is_not_the_request_s_fault_is_queued() {
    let exhausted = |errors: Vec<LlmError>| {
        let routes = errors.into_iter().map(|error| {
            let failure = buttress_core::AsFailure::as_failure(&error);
            RouteError::new("r".into(), RouteReason::Failed(failure, error))
        });
        LlmError::from(Exhausted::new(routes.collect()))
    };
    let queued: Vec<LlmError> = vec![
        TransportError::Refused.into(),
        TransportError::Certificate.into(),
        TransportError::ReadTimeout.into(),
        TransportError::BodyCut.into(),
        Rejected::new(Cause::CircuitOpen).into(),
        Rejected::new(Cause::GateClosed).into(),
        Rejected::new(Cause::KeyUnusable).into(),
        Rejected::new(Cause::CallsSpent).into(),
        Rejected::new(Cause::DeadlinePast).into(),
        Elapsed::new(Phase::Deadline, Duration::ZERO).into(),
        answered(503, "{}"),
        answered(429, r#"{"error": {"code": "insufficient_quota"}}"#),
        answered(401, "{}"),
        exhausted(vec![answered(400, "{}"), answered(529, "{}")]),
    ];
    let refused: Vec<LlmError> = vec![
        InvalidRequest::Missing { field: "model" }.into(),
        TransportError::Cancelled.into(),
        TransportError::TooLarge.into(),
        answered(400, "{}"),
        answered(404, r#"{"error": {"code": "model_not_found"}}"#),
        answered(400, r#"{"error": {"code": "context_length_exceeded"}}"#),
        answered(400, r#"{"error": {"code": "content_policy_violation"}}"#),
        exhausted(vec![answered(400, "{}"), answered(401, "{}")]),
        exhausted(vec![]),
    ];
    let policy = LlmDegrade::new();
    let degrades = |error: &LlmError| policy.degrades(error).is_some();
    for error in &queued {
        assert!(degrades(error), "{error}");
    }
    for error in &refused[..8] {
        assert!(!degrades(error), "{error}");
    }
    // Nothing could be asked at all.
    assert_eq!(refused[8].kind(), Kind::Rejected);
    assert!(degrades(&refused[8]));
}
