use super::*;
use crate::{
    Route, Stack,
    client::LlmClient,
    degrade::{LlmDegrade, Origin},
    queue::{
        Degradable, DegradeLayer, DegradePolicy, Delivery, Memory, Queue, Settings, State, Task,
        TaskId, Verdict, Worker,
    },
};
use buttress_core::{Call, Carry, Cause, Context as _, Event, Rejected};
use buttress_llm::{
    Answer, AnswerBody, Dialect, EventStream, LlmError, LlmRequest, LlmResponse, Provider,
    StreamEvent, TransportError, Usage,
};
use buttress_testkit::Reply;
use futures_util::stream;
use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tower::{Layer, ServiceExt, service_fn};

const ANSWER: &str = r#"{"choices":[{"message":{"content":"Yes."}}],"n":1.00}"#;

fn answer(request: &LlmRequest) -> LlmResponse {
    let body = AnswerBody::Json(ANSWER.into());
    LlmResponse::new(request.dialect(), "m-1".into(), body).route("first".into())
}

fn delivery(task: Task) -> Delivery {
    Delivery::new(TaskId::from_bytes([1; 16]), task, 1)
}

fn parsed(task: &str) -> Task {
    Task::parse(task.as_bytes()).unwrap()
}

fn written(request: &LlmRequest) -> Task {
    let task = LlmDegrade::new().task(request.clone(), &TransportError::Reset.into());
    parsed(&String::from_utf8(task.unwrap().to_json()).unwrap())
}

/// What is asked for this task, and the verdict on its answer.
async fn asked(task: Task, model: Option<&str>) -> (Option<LlmRequest>, Verdict) {
    let asked = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&asked);
    let service = service_fn(move |request: LlmRequest| {
        let answer = answer(&request);
        *kept.lock().unwrap() = Some(request);
        async { Ok::<_, LlmError>(answer) }
    });
    let mut replay = Replay::new(service);
    if let Some(model) = model {
        replay = replay.model(model);
    }
    let verdict = replay.oneshot(delivery(task)).await.unwrap();
    let asked = asked.lock().unwrap().take();
    (asked, verdict)
}

async fn fails(error: impl Fn() -> LlmError, attempts: u32) -> Verdict {
    let service = service_fn(move |request: LlmRequest| {
        for _ in 0..attempts {
            request.call().expect("a call").record(Event::Attempt);
        }
        let error = error();
        async { Err::<LlmResponse, _>(error) }
    });
    let task = parsed(r#"{"messages": {"model": "m", "messages": []}}"#);
    Replay::new(service).oneshot(delivery(task)).await.unwrap()
}

fn result(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Done(result) => serde_json::from_slice(result).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn answered(status: u16, body: &str) -> LlmError {
    let headers = HeaderMap::new();
    let answer = Answer::new(status, &headers, body.as_bytes());
    LlmError::check(Provider::OpenAi, Dialect::OpenAiChat, &answer).unwrap_err()
}

#[tokio::test]
async fn a_request_is_made_again_as_it_was_but_for_a_whole_answer() {
    let mut headers = HeaderMap::new();
    headers.insert("anthropic-beta", HeaderValue::from_static("b"));
    for (dialect, body) in [
        (
            Dialect::OpenAiChat,
            r#"{"model":"m","stream":true,"messages":[],"x":1.0}"#,
        ),
        (
            Dialect::AnthropicMessages,
            r#"{"model":"m","messages":[], "stream":true}"#,
        ),
        (
            Dialect::OpenAiResponses,
            r#"{"model":"m","input":"Hi","stream":true}"#,
        ),
        (Dialect::Gemini, r#"{"contents":[]}"#),
    ] {
        let request = match dialect.is_addressed() {
            true => LlmRequest::parse_addressed(dialect, "m", true, body.into()),
            false => LlmRequest::parse(dialect, body.into()),
        };
        let request = request.unwrap().headers(headers.clone());
        let (asked, verdict) = asked(written(&request), Some("other")).await;
        let asked = asked.unwrap();
        let whole = body.replace("\"stream\":true", "\"stream\":false");
        assert_eq!(asked.body(), whole.as_bytes());
        assert_eq!((asked.dialect(), asked.model()), (dialect, "m"));
        assert!(!asked.streams());
        assert_eq!(asked.own_headers(), &headers);
        assert!(asked.call().is_some());
        assert_eq!(result(&verdict)["dialect"], dialect.as_str());
    }
}

#[tokio::test]
async fn what_other_programs_push_is_a_chat() {
    let messages = r#"[{"role":"user","content":"Hi"}]"#;
    let whole = format!(r#"{{"model":"theirs","messages":{messages}}}"#);
    let unnamed = format!(r#"{{ "messages":{messages}}}"#);
    let context = r#""task_context":{"dialect":"nonsense","model":5}"#;
    for (pushed, model) in [
        (messages, "our \"m\""),
        (&whole, "theirs"),
        (&unnamed, "our \"m\""),
    ] {
        let task = format!(r#"{{"messages":{pushed},{context}}}"#);
        let (asked, verdict) = asked(parsed(&task), Some("our \"m\"")).await;
        let asked = asked.unwrap();
        assert_eq!(
            (asked.dialect(), asked.model()),
            (Dialect::OpenAiChat, model)
        );
        assert_eq!(asked.message_count(), 1);
        assert_eq!(result(&verdict)["status"], 200);
    }
}

#[tokio::test]
async fn what_is_no_request_is_given_up() {
    let of_later = r#"[],"task_context":{"buttress":{"dialect":"of.later"}}"#;
    let addressed = r#"{},"task_context":{"buttress":{"dialect":"gemini.generateContent"}}"#;
    for (messages, model) in [
        ("[]", None),
        (r#"{"messages": []}"#, None),
        ("{}", Some("m")),
        ("3", Some("m")),
        (r#""Hello""#, Some("m")),
        ("null", Some("m")),
        (r#"{"model": "", "messages": []}"#, Some("m")),
        (r#"{"model": "m", "messages": 4}"#, Some("m")),
        (of_later, Some("m")),
        (addressed, Some("m")),
    ] {
        let task = parsed(&format!(r#"{{"messages":{messages}}}"#));
        let (asked, verdict) = asked(task, model).await;
        assert!(asked.is_none());
        let Verdict::Dead(reason) = verdict else {
            panic!("{messages}: {verdict:?}");
        };
        assert!(reason.starts_with("400 invalid_request: "), "{reason}");
    }
}

#[tokio::test]
async fn an_answer_is_kept_as_its_caller_would_have_got_it() {
    let task = r#"{"messages": {"model": "m", "messages": []}, "attempts": 4}"#;
    let service = service_fn(async |request: LlmRequest| {
        request.call().expect("a call").record(Event::Attempt);
        request.call().expect("a call").record(Event::Attempt);
        let mut usage = Usage::default();
        (usage.input, usage.output) = (Some(7), Some(3));
        Ok::<_, LlmError>(answer(&request).usage(usage))
    });
    let verdict = Replay::new(service).oneshot(delivery(parsed(task))).await;
    let Ok(Verdict::Done(result)) = verdict else {
        panic!("{verdict:?}");
    };
    let expected = format!(
        r#"{{"status":200,"dialect":"openai.chat","model":"m-1","route":"first","attempts":6,"usage":{{"input":7,"output":3}},"body":{ANSWER}}}"#
    );
    assert_eq!(std::str::from_utf8(&result).unwrap(), expected);
}

#[tokio::test]
async fn a_stream_is_collected() {
    let streamed = |broken: bool| {
        service_fn(move |request: LlmRequest| {
            let mut last = StreamEvent::new("data: two\n\n".into()).last();
            last.usage = Some(Usage::default());
            let mut events = vec![Ok(StreamEvent::new("data: \"one\"\n\n".into()))];
            events.push(match broken {
                true => Err(TransportError::Reset.into()),
                false => Ok(last),
            });
            let body = EventStream::new(stream::iter(events)).into();
            async move { Ok::<_, LlmError>(LlmResponse::new(request.dialect(), "m".into(), body)) }
        })
    };
    let task = || delivery(parsed(r#"{"messages": {"model": "m", "messages": []}}"#));
    let whole = Replay::new(streamed(false)).oneshot(task()).await.unwrap();
    let result = result(&whole);
    assert_eq!(result["events"], "data: \"one\"\n\ndata: two\n\n");
    assert!(result.get("body").is_none());
    let broken = Replay::new(streamed(true)).oneshot(task()).await.unwrap();
    assert!(
        matches!(broken, Verdict::Later { counts: true, .. }),
        "{broken:?}"
    );
}

#[tokio::test]
async fn a_failure_is_told_by_its_verdict() {
    let wait = Duration::from_secs(9);
    let rejected = || Rejected::new(Cause::CircuitOpen).retry_after(wait).into();
    let refused = fails(rejected, 0).await;
    assert!(
        matches!(&refused, Verdict::Later { wait: Some(asked), counts: false, .. } if *asked == wait)
    );
    // It was tried before a circuit opened.
    let tried = fails(rejected, 2).await;
    assert!(matches!(tried, Verdict::Later { counts: true, .. }));

    type Fails = fn() -> LlmError;
    let later: [Fails; 7] = [
        || TransportError::Refused.into(),
        || TransportError::Certificate.into(),
        || answered(503, "{}"),
        || answered(409, "{}"),
        || answered(401, "{}"),
        || answered(429, r#"{"error": {"code": "insufficient_quota"}}"#),
        || answered(200, "no JSON"),
    ];
    for error in later {
        let verdict = fails(error, 1).await;
        assert!(
            matches!(verdict, Verdict::Later { counts: true, .. }),
            "{verdict:?}"
        );
    }
    let dead: [(Fails, &str); 3] = [
        (|| answered(400, "{}"), "400 invalid_request: "),
        (|| answered(404, "{}"), "404 not_found: "),
        (
            || {
                answered(
                    400,
                    r#"{"error": {"code": "context_length_exceeded", "message": "secret"}}"#,
                )
            },
            "400 context_length: ",
        ),
    ];
    for (error, head) in dead {
        let Verdict::Dead(reason) = fails(error, 1).await else {
            panic!("{head}");
        };
        assert!(reason.starts_with(head), "{reason}");
        assert!(!reason.contains("secret"));
    }
}

#[tokio::test]
async fn each_delivery_has_a_call_of_its_own() {
    let service = service_fn(async |request: LlmRequest| {
        let call = request.call().expect("a call");
        assert_eq!((call.attempts(), call.deadline()), (0, None));
        let spend = || call.spend_call().then_some(());
        assert_eq!(std::iter::from_fn(spend).count(), 2);
        Ok::<_, LlmError>(answer(&request))
    });
    let replay = Replay::new(service).max_calls(3).deadline(None);
    for _ in 0..3 {
        let task = parsed(r#"{"messages": {"model": "m", "messages": []}}"#);
        let verdict = replay.clone().oneshot(delivery(task)).await.unwrap();
        assert_eq!(result(&verdict)["attempts"], 0);
    }
}

#[test]
fn a_reason_is_told_in_the_dialect_of_the_request() {
    let body = r#"{"model": "m", "messages": []}"#;
    let request = LlmRequest::parse(Dialect::AnthropicMessages, body.into()).unwrap();
    let task = written(&request);
    let error = error_of(&task, "404 not_found: no such model");
    let body: Value = serde_json::from_slice(&error.body).unwrap();
    assert_eq!(
        (error.status, &body["error"]["type"]),
        (404, &"not_found_error".into())
    );
    assert_eq!(body["error"]["message"], "no such model");

    let foreign = parsed(r#"{"messages": []}"#);
    for reason in [
        "delivered too often",
        "",
        "9 x: y",
        "200 not_found: y",
        "404 not_found",
    ] {
        let error = error_of(&foreign, reason);
        let body: Value = serde_json::from_slice(&error.body).unwrap();
        assert_eq!(
            (error.status, body["error"]["message"].as_str()),
            (503, Some(reason))
        );
    }
}

/// From a caller who hears that nothing answers to the answer, over sockets.
#[tokio::test]
async fn what_could_not_be_answered_is_answered_later_in_its_caller_s_dialect() {
    let provider = buttress_testkit::Provider::openai()
        .times(1, Reply::overloaded())
        .forever(Reply::text("It is noon."))
        .start()
        .await
        .unwrap();
    let client = LlmClient::builder(Provider::OpenAi)
        .base_url(provider.base_url())
        .build()
        .unwrap();
    let retry = crate::retry::RetryLayer::standard().max_retries(0);
    let stack = Stack::new(Route::new("gpt", client.model("gpt-5-mini")).retry(retry)).service();
    let queue = Queue::new(Memory::new(Settings::new()));
    let degrade = DegradeLayer::new(queue.clone(), LlmDegrade::new());

    let body = r#"{"model":"any","max_tokens":9,"stream":true,
        "messages":[{"role":"user","content":"What time is it?"}]}"#;
    let mut request = LlmRequest::parse(Dialect::AnthropicMessages, body.into()).unwrap();
    request.set_call(Call::new());
    let answer = degrade.layer(stack.clone()).oneshot(request).await.unwrap();
    let Degradable::Degraded(degraded) = answer else {
        panic!("it was answered");
    };
    let id = degraded.id().unwrap();
    let kept = queue.inspect(id).await.unwrap().unwrap();
    let task = kept.task.unwrap().unwrap();
    assert_eq!((task.attempts, kept.record.state), (1, State::Waiting));
    assert!(Origin::read(&task).unwrap().is_some());

    let worker = Worker::new(queue.clone(), Replay::new(stack));
    let mut progress = worker.progress();
    let done = async move {
        let done = progress.wait_for(|progress| progress.done == 1);
        let _ = tokio::time::timeout(Duration::from_secs(20), done).await;
    };
    worker.run(done).await;
    let kept = queue.inspect(id).await.unwrap().unwrap();
    assert_eq!(kept.record.state, State::Done, "{:?}", kept.record);
    let result: Value = serde_json::from_slice(&kept.result.unwrap().unwrap()).unwrap();
    assert_eq!(result["attempts"], 2);
    assert_eq!(result["route"], "gpt");
    assert_eq!(result["body"]["type"], "message");
    assert_eq!(result["body"]["content"][0]["text"], "It is noon.");
    assert!(result["usage"]["output"].is_u64());
    let calls = provider.calls();
    assert!(calls[0].wants_stream() && !calls[1].wants_stream());
}

#[test]
fn what_other_programs_push_stands_in_the_lane_of_its_model() {
    for (task, lane) in [
        (
            r#"{"messages": {"model": "gpt\u002d5", "messages": []}}"#,
            "gpt-5",
        ),
        (r#"{"messages": {"messages": []}}"#, "m"),
        (r#"{"messages": [{"role": "user", "content": "Hi"}]}"#, "m"),
        (r#"{"messages": {"model": "gpt-5"}, "lane": "l"}"#, "l"),
    ] {
        assert_eq!(lane_of(&parsed(task), Some("m")).as_deref(), Some(lane));
    }
    assert_eq!(lane_of(&parsed(r#"{"messages": []}"#), None), None);
}
