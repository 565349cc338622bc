use super::{LlmCorrect, Streams, ToolCalls};
use buttress_core::{Call, Carry, Context as _, Event, GiveUp};
use buttress_llm::{
    AnswerBody, AttemptUsage, Dialect, EventPipe, EventStream, Kind, LlmError, LlmRequest,
    LlmResponse, Target, TransportError,
};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    future::{Ready, ready},
    sync::{Arc, Mutex},
    task::{Context, Poll},
};
use tower::{Layer, Service, ServiceExt};

const CHAT: Dialect = Dialect::OpenAiChat;
const RIGHT: &str = r#"{"n": 7}"#;
const WRONG: &str = r#"{"n": "SECRET"}"#;

/// What a provider answers with: the message, and how it finishes.
#[derive(Clone)]
enum Act {
    Says(Value, &'static str),
    Fails,
}

fn says(text: &str) -> Act {
    Act::Says(json!({"content": text}), "stop")
}

fn calls(arguments: &[&str]) -> Act {
    let call = |(at, arguments): (usize, &&str)| {
        json!({"id": format!("c{at}"), "type": "function", "index": at,
            "function": {"name": "add", "arguments": arguments}})
    };
    let calls: Vec<_> = arguments.iter().enumerate().map(call).collect();
    Act::Says(json!({"content": null, "tool_calls": calls}), "tool_calls")
}

/// A service that does these things, one after the other; each counted as 10 tokens in, 3 out.
#[derive(Clone)]
struct Scripted {
    script: Arc<Mutex<VecDeque<Act>>>,
    asked: Arc<Mutex<Vec<LlmRequest>>>,
}

impl Scripted {
    fn new(script: impl IntoIterator<Item = Act>) -> Self {
        Self {
            script: Arc::new(Mutex::new(script.into_iter().collect())),
            asked: Arc::default(),
        }
    }

    fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        let body = |request: &LlmRequest| {
            let encoded = request.encode(&Target::new(CHAT)).unwrap();
            String::from_utf8(encoded.body.to_vec()).unwrap()
        };
        asked.iter().map(body).collect()
    }
}

impl Service<LlmRequest> for Scripted {
    type Response = LlmResponse;
    type Error = LlmError;
    type Future = Ready<Result<LlmResponse, LlmError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LlmError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: LlmRequest) -> Self::Future {
        let act = self.script.lock().unwrap().pop_front().expect("no more");
        let streams = request.streams();
        self.asked.lock().unwrap().push(request);
        ready(match act {
            Act::Fails => Err(TransportError::Reset.into()),
            Act::Says(message, finish) => {
                let body = match streams {
                    true => streamed(&message, finish),
                    false => whole(&message, finish),
                };
                Ok(LlmResponse::new(CHAT, "m".into(), body).route("first".into()))
            }
        })
    }
}

fn usage() -> Value {
    json!({"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13})
}

fn whole(message: &Value, finish: &str) -> AnswerBody {
    let choice = json!({"index": 0, "message": message, "finish_reason": finish});
    let body = json!({"id": "i", "own": true, "choices": [choice], "usage": usage()});
    AnswerBody::Json(body.to_string().into())
}

fn streamed(message: &Value, finish: &str) -> AnswerBody {
    let mut deltas = Vec::new();
    match message["content"].as_str() {
        Some(text) => {
            let (one, other) = text.split_at(text.len() / 2);
            deltas.extend([one, other].map(|piece| json!({"content": piece})));
        }
        None => deltas.push(message.clone()),
    }
    let mut pipe = EventPipe::new(CHAT, CHAT);
    let mut events = Vec::new();
    let mut push = |chunk: String| {
        pipe.push(format!("data: {chunk}\n\n").into());
        events.extend(pipe.next_event());
    };
    for delta in deltas {
        push(json!({"id": "i", "choices": [{"index": 0, "delta": delta}]}).to_string());
    }
    push(
        json!({"choices": [{"delta": {}, "finish_reason": finish}], "usage": usage()}).to_string(),
    );
    push("[DONE]".to_owned());
    AnswerBody::Stream(EventStream::new(stream::iter(events)))
}

fn schema() -> Value {
    let n = json!({"type": "integer"});
    json!({"type": "object", "properties": {"n": n}, "required": ["n"]})
}

fn request(stream: bool) -> LlmRequest {
    let request = LlmRequest::chat("m").user("A number.").stream(stream);
    let request = request.json_schema("number", schema()).build();
    let mut request = request.unwrap();
    request.set_call(Call::new());
    request
}

fn with_tools(stream: bool) -> LlmRequest {
    let function = json!({"name": "add", "parameters": schema()});
    let tools = json!([{"type": "function", "function": function}]);
    let request = LlmRequest::chat("m").user("Add.").stream(stream);
    request.field("tools", tools).build().unwrap()
}

async fn ask(
    correct: LlmCorrect,
    inner: &Scripted,
    request: LlmRequest,
) -> Result<LlmResponse, LlmError> {
    correct.layer().layer(inner.clone()).oneshot(request).await
}

fn attempts(error: LlmError) -> Vec<String> {
    assert!(!format!("{error} {error:?}").contains("SECRET"));
    let LlmError::Uncorrected(error) = error else {
        panic!("{error}");
    };
    error
        .attempts
        .into_iter()
        .map(|wrong| wrong.said.text)
        .collect()
}

fn notes(request: &LlmRequest) -> Vec<&'static str> {
    let journey = request.call().unwrap().journey();
    let note = |event: &Event| match event {
        Event::Corrected(note) => Some(*note),
        _ => None,
    };
    journey
        .steps()
        .iter()
        .filter_map(|step| note(&step.event))
        .collect()
}

#[tokio::test]
async fn a_right_answer_is_given_as_it_is() {
    for stream in [false, true] {
        let inner = Scripted::new([says(RIGHT)]);
        let answer = ask(LlmCorrect::new(), &inner, request(stream))
            .await
            .unwrap();
        assert!(answer.attempts.is_empty());
        match answer.body {
            AnswerBody::Json(body) => assert!(body.starts_with(br#"{"id":"i","own":true"#)),
            AnswerBody::Stream(events) => {
                let frames: Vec<_> = events.map(|event| event.unwrap().frame).collect().await;
                assert!(frames[0].starts_with(br#"data: {"id":"i","choices":[{"#));
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_answer_is_corrected_and_all_attempts_are_counted() {
    for stream in [false, true] {
        let inner = Scripted::new([says("no"), says(WRONG), says(RIGHT)]);
        let request = request(stream);
        let answer = ask(LlmCorrect::new(), &inner, request.clone())
            .await
            .unwrap();
        assert_eq!(
            (answer.usage.input, answer.usage.output),
            (Some(30), Some(9))
        );
        let attempt = AttemptUsage::new(Some("first".into()), answer.attempts[0].usage);
        assert_eq!(answer.attempts, vec![attempt; 3]);
        assert_eq!(answer.into_text().await.unwrap(), RIGHT);

        let [_, first, second] = &*inner.asked() else {
            panic!("three were asked");
        };
        assert!(
            first.contains("not JSON") && first.contains(r#""no""#),
            "{first}"
        );
        let problem = r#"/n: value is not of type \"integer\""#;
        assert!(
            second.contains(problem) && second.contains("SECRET"),
            "{second}"
        );
        assert!(second.contains("JSON Schema:"), "{second}");
        assert!(!second.contains(r#""no""#), "only the last wrong answer");
        assert_eq!(notes(&request)[1], "asking for a correction of the answer");
    }
}

#[tokio::test]
async fn the_usage_of_all_attempts_stands_in_the_answer() {
    let inner = Scripted::new([says(WRONG), says(RIGHT)]);
    let answer = ask(LlmCorrect::new(), &inner, request(false))
        .await
        .unwrap();
    let AnswerBody::Json(body) = answer.body else {
        panic!("whole");
    };
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["usage"]["prompt_tokens"], 20);
    assert_eq!(body["usage"]["total_tokens"], 26);
    assert_eq!(body["own"], true);
}

#[tokio::test]
async fn an_answer_is_repaired_where_that_makes_it_right() {
    for stream in [false, true] {
        let fenced = format!("Sure:\n```json\n{}\n```", r#"{"n": 7,}"#);
        let inner = Scripted::new([says(&fenced)]);
        let request = request(stream);
        let answer = ask(LlmCorrect::new(), &inner, request.clone())
            .await
            .unwrap();
        assert_eq!(answer.into_text().await.unwrap(), RIGHT);
        let told = [
            "words around the JSON taken off",
            "trailing commas taken out of the JSON",
        ];
        assert_eq!(notes(&request), told);

        let inner = Scripted::new([says(&fenced), says(RIGHT)]);
        let unrepaired = LlmCorrect::new().repair(false);
        ask(unrepaired, &inner, request.clone()).await.unwrap();
        assert_eq!(inner.asked().len(), 2);
    }
}

#[tokio::test]
async fn one_that_was_cut_off_is_asked_for_more_briefly() {
    let cut = Act::Says(json!({"content": r#"{"n": 7"#}), "length");
    let inner = Scripted::new([cut, says(RIGHT)]);
    ask(LlmCorrect::new(), &inner, request(false))
        .await
        .unwrap();
    let asked = inner.asked();
    assert!(asked[1].contains("Your answer was cut off"), "{}", asked[1]);

    // Where nothing of it is missing but its end, it is whole.
    let text = json!({"type": "object", "properties": {"s": {"type": "string"}}});
    let cut = Act::Says(json!({"content": r#"{"s": "a""#}), "length");
    let inner = Scripted::new([cut]);
    let request = LlmRequest::chat("m").user("s").json_schema("s", text);
    let answer = ask(LlmCorrect::new(), &inner, request.build().unwrap())
        .await
        .unwrap();
    assert_eq!(answer.into_text().await.unwrap(), r#"{"s": "a"}"#);
}

#[tokio::test]
async fn when_all_are_wrong_the_error_has_what_each_said() {
    for stream in [false, true] {
        let inner = Scripted::new([says("1"), says("2"), says(WRONG)]);
        let error = ask(LlmCorrect::new(), &inner, request(stream))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Partial);
        for dialect in Dialect::ALL {
            let answer = error.render(dialect);
            let body = String::from_utf8(answer.body.to_vec()).unwrap();
            assert_eq!(answer.status, 502, "{dialect}");
            assert!(body.contains("/n: value is not of type"), "{body}");
            assert!(!body.contains("SECRET"), "{body}");
        }
        assert_eq!(attempts(error), ["1", "2", WRONG]);
    }
}

#[tokio::test]
async fn a_stronger_service_is_asked_last() {
    let inner = Scripted::new([says("1"), says("2")]);
    let stronger = Scripted::new([says(RIGHT)]);
    let correct = LlmCorrect::new().max(1).stronger(stronger.clone());
    let answer = ask(correct, &inner, request(false)).await.unwrap();
    assert_eq!(answer.into_text().await.unwrap(), RIGHT);
    assert!(!stronger.asked()[0].contains("assistant"), "it begins anew");
}

#[tokio::test]
async fn calls_of_tools_are_checked_by_what_was_declared() {
    let inner = Scripted::new([
        calls(&[r#"{"n": 1}"#, r#"{"n": "x"}"#]),
        calls(&["```json\n{\"n\": 1}\n```", r#"{"n": 2}"#]),
    ]);
    let answer = ask(LlmCorrect::new(), &inner, with_tools(false))
        .await
        .unwrap();
    let AnswerBody::Json(body) = answer.body else {
        panic!("whole");
    };
    let body: Value = serde_json::from_slice(&body).unwrap();
    let called = &body["choices"][0]["message"]["tool_calls"];
    assert_eq!(called[0]["function"]["arguments"], r#"{"n": 1}"#);
    assert_eq!(body["usage"]["total_tokens"], 26);
    let asked: Value = serde_json::from_str(&inner.asked()[1]).unwrap();
    let turns = asked["messages"].as_array().unwrap();
    let told = |at: usize| turns[at]["content"].as_str().unwrap();
    assert!(told(2).contains("Not run"), "{}", told(2));
    assert!(
        told(3).contains("- /n: value is not of type \"integer\""),
        "{}",
        told(3)
    );
    assert!(told(3).contains("JSON Schema:\n{"), "{}", told(3));
}

#[tokio::test]
async fn which_calls_are_checked_is_a_setting() {
    let wrong = || calls(&[r#"{"n": "x"}"#]);
    let right = || calls(&[r#"{"n": 1}"#]);
    for (tools, stream, asked) in [
        (ToolCalls::Never, false, 1),
        (ToolCalls::Whole, false, 2),
        (ToolCalls::Whole, true, 1),
        (ToolCalls::Always, true, 2),
    ] {
        let inner = Scripted::new([wrong(), right()]);
        let correct = LlmCorrect::new().tools(tools);
        let answer = ask(correct, &inner, with_tools(stream)).await.unwrap();
        answer.into_text().await.unwrap();
        assert_eq!(inner.asked().len(), asked, "{tools:?} {stream}");
    }
}

#[tokio::test]
async fn what_is_no_answer_is_passed_on() {
    let refusal = Act::Says(json!({"content": null, "refusal": "No."}), "stop");
    let filtered = Act::Says(json!({"content": "I"}), "content_filter");
    for act in [refusal, filtered, calls(&["{}"])] {
        let inner = Scripted::new([act]);
        ask(LlmCorrect::new(), &inner, request(false))
            .await
            .unwrap();
        assert_eq!(inner.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_request_may_allow_less() {
    let inner = Scripted::new([says(WRONG)]);
    let answer = ask(LlmCorrect::new(), &inner, request(false).corrections(0)).await;
    assert_eq!(
        answer.unwrap().into_text().await.unwrap(),
        WRONG,
        "not looked at"
    );

    let inner = Scripted::new([says("1"), says("2"), says(RIGHT)]);
    let error = ask(LlmCorrect::new(), &inner, request(false).corrections(1)).await;
    assert_eq!(attempts(error.unwrap_err()), ["1", "2"]);

    let several = LlmRequest::chat("m").user("?").json_schema("s", schema());
    let inner = Scripted::new([says(WRONG)]);
    let several = several.field("n", 2).build().unwrap();
    ask(LlmCorrect::new(), &inner, several).await.unwrap();
}

#[tokio::test]
async fn a_schema_that_can_not_be_checked_asks_nobody() {
    let inner = Scripted::new([]);
    let out = json!({"$ref": "https://example.com/schema"});
    let request = LlmRequest::chat("m").user("?").json_schema("s", out);
    let error = ask(LlmCorrect::new(), &inner, request.build().unwrap()).await;
    let error = error.unwrap_err();
    assert_eq!(error.status_for(CHAT), 400);
    let told = error.to_string();
    assert!(
        told.contains("response_format.json_schema.schema"),
        "{told}"
    );
}

#[tokio::test]
async fn corrections_spend_from_the_budget_and_fail_as_they_do() {
    let inner = Scripted::new([says("1")]);
    let mut poor = request(true);
    poor.set_call(Call::new().max_calls(1));
    let error = ask(LlmCorrect::new(), &inner, poor.clone())
        .await
        .unwrap_err();
    assert_eq!(attempts(error), ["1"]);
    let journey = poor.call().unwrap().journey();
    let last = journey.steps().last().unwrap();
    assert_eq!(last.event, Event::GaveUp(GiveUp::CallsSpent));

    let inner = Scripted::new([says("1"), Act::Fails]);
    let error = ask(LlmCorrect::new(), &inner, request(false))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Transient);
    assert!(poor.call().unwrap().deadline().is_none());
}

#[tokio::test]
async fn a_stream_that_is_passed_on_ends_where_it_can_not_become_right() {
    let pass = || LlmCorrect::new().streams(Streams::Pass);
    let inner = Scripted::new([says(RIGHT)]);
    let answer = ask(pass(), &inner, request(true)).await.unwrap();
    assert_eq!(answer.into_text().await.unwrap(), RIGHT);

    for (text, given) in [("{\"n\": 1}!!!!!!!!!", 0), (WRONG, 2)] {
        let inner = Scripted::new([says(text)]);
        let request = request(true);
        let answer = ask(pass(), &inner, request.clone()).await.unwrap();
        let AnswerBody::Stream(events) = answer.body else {
            panic!("a stream");
        };
        let mut events: Vec<_> = events.collect().await;
        let error = events.pop().unwrap().unwrap_err();
        assert_eq!(attempts(error).len(), 1);
        let given = given.max(1);
        let texts = events
            .iter()
            .filter(|event| event.as_ref().unwrap().text.is_some());
        assert_eq!(texts.count(), given, "{text}");
        assert!(
            events
                .iter()
                .all(|event| !event.as_ref().unwrap().is_last())
        );
        assert_eq!(notes(&request), ["stopped a stream whose answer is wrong"]);
    }
}

#[tokio::test]
async fn the_usage_of_all_attempts_is_told_beside_a_stream_that_is_too_long_to_be_held() {
    let long = "x".repeat((1 << 20) + 1);
    let inner = Scripted::new([says("1"), says(&long)]);
    let request = request(true);
    let answer = ask(LlmCorrect::new(), &inner, request.clone())
        .await
        .unwrap();
    let mut notes = notes(&request).into_iter();
    assert!(notes.any(|note| note.contains("passed on unchecked")));
    let AnswerBody::Stream(events) = answer.body else {
        panic!("a stream");
    };
    let events: Vec<_> = events.map(Result::unwrap).collect().await;
    let told: Vec<_> = events.iter().filter_map(|event| event.usage).collect();
    let told: Vec<_> = told.iter().map(|told| (told.input, told.output)).collect();
    assert_eq!(told, [(Some(20), Some(6))]);
    let written: Vec<u8> = events
        .iter()
        .flat_map(|event| event.frame.to_vec())
        .collect();
    let written = String::from_utf8(written).unwrap();
    assert!(written.contains(r#""total_tokens":13"#), "as it came");
}
