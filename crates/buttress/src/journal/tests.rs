use super::{Asked, BoxFuture, Pen, Unreadable, *};
use crate::client::LlmClient;
use buttress_core::{Call, Carry, Cause};
use buttress_llm::{
    AnswerBody, Dialect, LlmError, LlmRequest, LlmResponse, Provider, StreamEvent, Usage,
};
use buttress_testkit::{self as testkit, Reply, Script};
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::sync::{
    LazyLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};
use tower::{BoxError, Layer, ServiceExt, service_fn};

/// As one who asks gets it.
#[derive(Clone, Debug, PartialEq)]
struct Got {
    body: Vec<u8>,
    text: String,
    tokens: Option<(Option<u64>, Option<u64>)>,
    model: String,
    content: bool,
    ended: bool,
}

/// Of the others one that is zero may be said in one dialect, and not in another.
const fn tokens(usage: Usage) -> (Option<u64>, Option<u64>) {
    (usage.input, usage.output)
}

async fn got(response: LlmResponse) -> Result<Got, LlmError> {
    let model = response.model.to_string();
    let dialect = response.dialect;
    Ok(match response.body {
        AnswerBody::Json(json) => Got {
            body: json.to_vec(),
            text: String::new(),
            tokens: Some(tokens(response.usage)),
            model,
            content: true,
            ended: true,
        },
        AnswerBody::Stream(mut events) => {
            let mut all: Vec<StreamEvent> = Vec::new();
            while let Some(event) = events.next().await {
                all.push(event?);
            }
            assert!(!all.is_empty(), "{dialect:?}");
            Got {
                body: all.iter().flat_map(|event| event.frame.to_vec()).collect(),
                text: all
                    .iter()
                    .filter_map(|event| event.text.as_deref())
                    .collect(),
                // Providers tell it in parts, and count up.
                tokens: all
                    .iter()
                    .filter_map(|event| event.usage.map(tokens))
                    .reduce(|before, later| (later.0.or(before.0), later.1.or(before.1))),
                model,
                content: all.iter().any(|event| event.content),
                ended: all.last().is_some_and(StreamEvent::is_last),
            }
        }
    })
}

fn request(dialect: Dialect, stream: bool, text: &str) -> LlmRequest {
    let turn = json!([{"role": "user", "content": text}]);
    let request = match dialect {
        Dialect::Gemini => {
            let body = json!({"contents": [{"role": "user", "parts": [{"text": text}]}]});
            LlmRequest::parse_addressed(dialect, "m", stream, body.to_string().into())
        }
        Dialect::OpenAiResponses => {
            let body = json!({"model": "m", "stream": stream, "input": turn});
            LlmRequest::parse(dialect, body.to_string().into())
        }
        _ => {
            let body = json!({"model": "m", "stream": stream, "max_tokens": 9, "messages": turn,});
            LlmRequest::parse(dialect, body.to_string().into())
        }
    };
    let mut request = request.unwrap().session(Session::new("s").unwrap());
    request.set_call(Call::new());
    request
}

fn chat(stream: bool) -> LlmRequest {
    request(Dialect::OpenAiChat, stream, "Hi")
}

/// A model that says something else each time.
async fn provider(builder: testkit::Builder) -> testkit::Provider {
    let say = |call: &testkit::Received| Reply::text(format!("Answer {} of many.", call.index()));
    builder.forever(say).start().await.unwrap()
}

fn client(speaks: Provider, provider: &testkit::Provider) -> LlmClient {
    let client = LlmClient::builder(speaks).base_url(provider.base_url());
    client.build().unwrap()
}

async fn ask(
    client: &LlmClient,
    sessions: &Sessions,
    request: LlmRequest,
) -> Result<LlmResponse, LlmError> {
    let layer = JournalLayer::new(sessions.clone(), LlmJournal::new());
    layer.layer(client.clone()).oneshot(request).await
}

#[tokio::test]
async fn answers_are_given_again_as_they_were_in_every_dialect_whole_and_streamed() {
    for (speaks, builder) in [
        (Provider::OpenAi, testkit::Provider::openai as fn() -> _),
        (Provider::Anthropic, testkit::Provider::anthropic),
        (Provider::Gemini, testkit::Provider::gemini),
    ] {
        let provider = provider(builder()).await;
        let client = client(speaks, &provider);
        let sessions = Sessions::new(Memory::new());
        let mut calls = 0;
        for dialect in Dialect::ALL {
            for stream in [false, true] {
                let asked = request(dialect, stream, "Hi");
                let first = ask(&client, &sessions, asked.clone()).await.unwrap();
                assert_ne!(first.route.as_deref(), Some(ROUTE));
                let first = got(first).await.unwrap();
                calls += 1;
                let mut again = asked.clone();
                again.set_call(Call::new());
                let call = again.call().cloned().unwrap();
                let second = ask(&client, &sessions, again).await.unwrap();
                assert_eq!(second.route.as_deref(), Some(ROUTE));
                let second = got(second).await.unwrap();
                assert!(second.ended);
                // Where a dialect ends without saying so, only a record knows its end.
                let ended = first.ended;
                let second = Got { ended, ..second };
                assert!(second.body == first.body, "{speaks:?} {dialect:?} {stream}");
                let (a, b) = (
                    Got {
                        body: vec![],
                        ..second
                    },
                    Got {
                        body: vec![],
                        ..first.clone()
                    },
                );
                assert_eq!(a, b, "{speaks:?} {dialect:?} {stream}");
                let said = match stream {
                    true => first.text.clone(),
                    false => String::from_utf8(first.body.clone()).unwrap(),
                };
                assert!(said.contains("of many"), "{said}");
                assert_eq!((provider.call_count(), call.attempts()), (calls, 0));
            }
        }
        let info = sessions.get("s").await.unwrap().unwrap();
        assert_eq!(info.records, calls as u64);
        let steps = sessions.steps("s", None, 99).await.unwrap().items;
        assert!(steps.iter().all(|step| step.key.step == Step::Derived(1)));
        let counted = steps.iter().filter(|step| step.about.output.is_some());
        assert!(counted.count() >= 4, "{steps:?}");
    }
}

#[tokio::test]
async fn what_matters_of_a_request_makes_it_another_one() {
    let provider = provider(testkit::Provider::openai()).await;
    let client = client(Provider::OpenAi, &provider);
    let sessions = Sessions::new(Memory::new());
    let ask = async |body: &str, session: &str| {
        let request = LlmRequest::parse(Dialect::OpenAiChat, body.to_owned().into()).unwrap();
        let request = request.session(Session::new(session).unwrap());
        let response = ask(&client, &sessions, request).await.unwrap();
        response.route.as_deref() == Some(ROUTE)
    };
    let body = r#"{"model":"m","messages":[{"role":"user","content":"é"}]}"#;
    let laid_out = r#"{ "messages": [ {"content": "\u00e9", "role": "user"} ], "model": "m" }"#;
    assert!(!ask(body, "s").await);
    assert!(ask(body, "s").await);
    assert!(ask(laid_out, "s").await);
    assert!(!ask(body, "t").await);
    for (from, to) in [("\"m\"", "\"n\""), ("é", "e"), ("}]", "}],\"seed\":1")] {
        assert!(!ask(&body.replace(from, to), "s").await, "{from}");
    }
}

#[tokio::test]
async fn a_stream_that_breaks_or_whose_caller_leaves_is_not_recorded() {
    let provider = provider(testkit::Provider::openai()).await;
    let client = client(Provider::OpenAi, &provider);
    let sessions = Sessions::new(Memory::new());
    for reply in [
        Reply::text("One two three four.").close_after(2),
        Reply::text("One two three four.").end_after(2),
        Reply::text("One two three four.").error_after(2, testkit::Fault::Overloaded),
    ] {
        provider.play(Script::new().forever(reply));
        let response = ask(&client, &sessions, chat(true)).await.unwrap();
        got(response).await.unwrap_err();
    }
    provider.play(Script::new());
    let response = ask(&client, &sessions, chat(true)).await.unwrap();
    let AnswerBody::Stream(mut events) = response.body else {
        panic!("a whole answer");
    };
    events.next().await.unwrap().unwrap();
    drop(events);
    let failed = Reply::server_error();
    provider.play(Script::new().forever(failed));
    ask(&client, &sessions, chat(false)).await.unwrap_err();
    assert!(sessions.get("s").await.unwrap().is_none());
}

#[tokio::test]
async fn whoever_has_seen_the_end_of_a_stream_need_not_pay_again() {
    let provider = provider(testkit::Provider::openai()).await;
    let client = client(Provider::OpenAi, &provider);
    let sessions = Sessions::new(Memory::new());
    let response = ask(&client, &sessions, chat(true)).await.unwrap();
    let AnswerBody::Stream(mut events) = response.body else {
        panic!("a whole answer");
    };
    loop {
        let event = events.next().await.unwrap().unwrap();
        let recorded = sessions.get("s").await.unwrap().is_some();
        assert_eq!(recorded, event.is_last());
        if recorded {
            break;
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_too_large_passes_and_is_not_recorded() {
    let provider = testkit::Provider::openai()
        .forever(Reply::huge(100_000))
        .start();
    let provider = provider.await.unwrap();
    let client = client(Provider::OpenAi, &provider);
    let mut settings = Settings::new();
    settings.max_answer = 50_000;
    let sessions = Sessions::new(Memory::new()).settings(settings);
    let request = chat(true);
    let call = request.call().cloned().unwrap();
    let got = got(ask(&client, &sessions, request).await.unwrap())
        .await
        .unwrap();
    assert!(got.text.len() >= 100_000 && got.ended);
    assert!(
        call.journey()
            .to_string()
            .contains("not recorded: the answer is too large")
    );
    assert!(sessions.get("s").await.unwrap().is_none());
}

#[tokio::test]
async fn a_record_that_is_not_whole_is_not_given() {
    let provider = provider(testkit::Provider::openai()).await;
    let client = client(Provider::OpenAi, &provider);
    let first = Sessions::new(Memory::new());
    let whole = got(ask(&client, &first, chat(true)).await.unwrap())
        .await
        .unwrap();
    let key = first.steps("s", None, 1).await.unwrap().items.remove(0).key;
    for length in [
        0,
        1,
        whole.body.len() / 2,
        whole.body.len() - "data: [DONE]\n\n".len() - 40,
    ] {
        let records = Memory::new();
        // As it is stored when nothing is sealed.
        let half = [b"\0", &whole.body[..length]].concat();
        let entry = Entry {
            key: key.clone(),
            at: std::time::SystemTime::now(),
            again: false,
            replaces: false,
            about: About::default(),
            streamed: true,
            request: None,
            answer: half.into(),
        };
        records.add(entry, &Settings::new()).await.unwrap();
        let sessions = Sessions::new(records);
        let before = provider.call_count();
        for _ in 0..2 {
            let response = ask(&client, &sessions, chat(true)).await.unwrap();
            assert!(got(response).await.unwrap().ended);
        }
        assert_eq!(provider.call_count(), before + 1, "{length}");
    }
}

#[tokio::test]
async fn a_request_that_changed_is_told_as_a_conflict() {
    let provider = provider(testkit::Provider::openai()).await;
    let client = client(Provider::OpenAi, &provider);
    let sessions = Sessions::new(Memory::new());
    let layer = JournalLayer::new(sessions, LlmJournal::new()).on_change(OnChange::Refuse);
    let ask = async |text: &str| {
        let request = request(Dialect::AnthropicMessages, false, text);
        let request = request.session(Session::new("s").unwrap().step(1));
        layer.layer(client.clone()).oneshot(request).await
    };
    ask("a").await.unwrap();
    let error = ask("b").await.unwrap_err();
    let LlmError::Rejected(rejected) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(rejected.cause, Cause::RequestChanged);
    let answer = error.render(Dialect::AnthropicMessages);
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(
        (answer.status, &body["error"]["type"]),
        (409, &"conflict_error".into())
    );
    assert_eq!(provider.call_count(), 1);
}

/// A policy of somebody else, who has no other crate than this one.
struct Numbers;

impl JournalPolicy<u64, String> for Numbers {
    type Context = ();

    fn session<'a>(&self, _: &'a u64) -> Option<&'a Session> {
        static ONE: LazyLock<Session> = LazyLock::new(|| Session::new("s").unwrap());
        Some(&ONE)
    }

    fn context(&self, _: &u64) {}

    fn asked(&self, number: &u64) -> Asked {
        Asked::new(Digest::of(&[&number.to_be_bytes()]), *number)
    }

    fn replay(&self, _: &u64, answer: Answer) -> Result<String, Unreadable> {
        String::from_utf8(answer.body.into()).map_err(|_| Unreadable::new())
    }

    async fn record(&self, answer: String, pen: Pen) -> String {
        pen.write(Answer::whole(answer.clone().into())).await;
        answer
    }
}

#[tokio::test]
async fn whoever_writes_a_policy_finds_all_it_takes_here() {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let sessions = Sessions::new(Memory::new());
    let service = JournalLayer::new(sessions, Numbers).layer(service_fn(|number: u64| {
        let call = CALLS.fetch_add(1, Relaxed);
        let answer: BoxFuture<'static, Result<String, BoxError>> =
            Box::pin(async move { Ok(format!("{number} in call {call}")) });
        answer
    }));
    for _ in 0..2 {
        let answer = service.clone().oneshot(7).await.unwrap();
        assert_eq!(answer, "7 in call 0");
    }
}
