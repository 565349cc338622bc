use super::*;
use buttress_core::{Call, Carry, Cause, Event, GiveUp, Rejected};
use buttress_llm::{
    AnswerBody, Dialect, EventPipe, EventStream, Kind, LlmError, LlmRequest, LlmResponse, Provider,
    StreamEvent, Target, TransportError,
};
use futures_util::{FutureExt, StreamExt, stream};
use std::{
    collections::VecDeque,
    future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceExt};

const CHAT: Dialect = Dialect::OpenAiChat;

/// A service that does these things, one after the other.
#[derive(Clone, Default)]
struct Scripted {
    ready: bool,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    script: Mutex<VecDeque<Act>>,
    asked: Mutex<Vec<LlmRequest>>,
}

enum Act {
    /// These texts, and then the end or this failure.
    Stream(&'static [&'static str], Option<LlmError>),
    Fail(LlmError),
    Late(Duration),
}

impl Scripted {
    fn new(script: impl IntoIterator<Item = Act>) -> Self {
        let script = Mutex::new(script.into_iter().collect());
        let shared = Arc::new(Shared {
            script,
            ..Shared::default()
        });
        let ready = false;
        Self { ready, shared }
    }

    fn asked(&self) -> usize {
        self.shared.asked.lock().unwrap().len()
    }
}

impl Service<LlmRequest> for Scripted {
    type Response = LlmResponse;
    type Error = LlmError;
    type Future = Pin<Box<dyn Future<Output = Result<LlmResponse, LlmError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LlmError>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: LlmRequest) -> Self::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called before it was ready"
        );
        self.shared.asked.lock().unwrap().push(request);
        let act = self
            .shared
            .script
            .lock()
            .unwrap()
            .pop_front()
            .expect("no more");
        Box::pin(async move {
            match act {
                Act::Stream(texts, failure) => Ok(streamed(texts, failure)),
                Act::Fail(error) => Err(error),
                Act::Late(time) => {
                    sleep(time).await;
                    Ok(streamed(&["late"], None))
                }
            }
        })
    }
}

fn streamed(texts: &[&str], failure: Option<LlmError>) -> LlmResponse {
    let mut pipe = EventPipe::new(CHAT, CHAT);
    let mut events: Vec<Result<StreamEvent, LlmError>> = Vec::new();
    for text in texts {
        let chunk = format!(
            "data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n"
        );
        pipe.push(chunk.into());
        events.extend(pipe.next_event());
    }
    match failure {
        Some(error) => events.push(Err(error)),
        None => {
            let stop = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
            pipe.push(stop.into());
            events.extend(pipe.next_event());
            pipe.push("data: [DONE]\n\n".into());
            events.extend(pipe.next_event());
        }
    }
    let body = AnswerBody::Stream(EventStream::new(stream::iter(events)));
    LlmResponse::new(CHAT, "m".into(), body)
}

fn broke() -> Option<LlmError> {
    Some(LlmError::from(TransportError::Reset))
}

fn request(call: &Call) -> LlmRequest {
    let request = LlmRequest::chat("m").user("Count.").stream(true).build();
    let mut request = request.unwrap();
    request.set_call(call.clone());
    request
}

/// What the caller hears: all the text, and the failure if it ends in one.
async fn heard(layer: CarryOnLayer, inner: &Scripted, call: &Call) -> (String, Option<LlmError>) {
    let service = layer.layer(inner.clone());
    let answer = service.oneshot(request(call)).await.unwrap();
    let AnswerBody::Stream(mut events) = answer.body else {
        panic!("a stream");
    };
    let mut text = String::new();
    let mut last = false;
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                text.extend(event.text.as_deref());
                last = event.is_last();
            }
            Err(error) => {
                assert!(events.next().await.is_none(), "nothing after an error");
                return (text, Some(error));
            }
        }
    }
    assert!(last, "it has an end");
    (text, None)
}

fn notes(call: &Call) -> Vec<&'static str> {
    let journey = call.journey();
    let steps = journey.steps().iter();
    let notes = steps.filter_map(|step| match step.event {
        Event::Note(note) => Some(note),
        _ => None,
    });
    notes.collect()
}

#[tokio::test]
async fn a_stream_that_breaks_is_carried_on() {
    let inner = Scripted::new([
        Act::Stream(&["One, ", "two, "], broke()),
        Act::Stream(&["three, "], broke()),
        Act::Stream(&["four."], None),
    ]);
    let call = Call::new().max_calls(3);
    let (text, error) = heard(CarryOnLayer::new(), &inner, &call).await;
    assert_eq!(text, "One, two, three, four.");
    assert!(error.is_none());

    let asked = inner.shared.asked.lock().unwrap();
    let last = asked[2].encode(&Target::new(CHAT)).unwrap().body;
    let last = String::from_utf8(last.to_vec()).unwrap();
    assert_eq!(last.matches("\"assistant\"").count(), 1);
    assert!(last.contains("One, two, three,"), "{last}");
    assert_eq!(notes(&call), ["carrying on a stream that broke"; 2]);
    use buttress_core::Context as _;
    assert!(!call.spend_call(), "each was paid for");
}

#[tokio::test]
async fn nothing_is_done_unless_it_is_asked_for() {
    let inner = Scripted::new([Act::Stream(&["One, "], broke())]);
    let call = Call::new();
    let (text, error) = heard(CarryOnLayer::new().max(0), &inner, &call).await;
    assert_eq!((&*text, inner.asked()), ("One, ", 1));
    assert!(error.is_some() && notes(&call).is_empty());
}

#[tokio::test]
async fn it_is_done_as_often_as_is_allowed() {
    let inner = Scripted::new([
        Act::Stream(&["One, "], broke()),
        Act::Stream(&["two, "], broke()),
    ]);
    let call = Call::new();
    let (text, error) = heard(CarryOnLayer::new().max(1), &inner, &call).await;
    assert_eq!((&*text, inner.asked()), ("One, two, ", 2));
    assert_eq!(error.unwrap().kind(), Kind::Transient);
    assert!(notes(&call)[1].contains("any more"));
}

#[tokio::test]
async fn what_can_not_be_paid_for_is_not_asked() {
    let inner = Scripted::new([Act::Stream(&["One, "], broke())]);
    let call = Call::new().max_calls(1);
    let (_, error) = heard(CarryOnLayer::new(), &inner, &call).await;
    assert!(error.is_some());
    let journey = call.journey();
    let last = journey.steps().last().unwrap();
    assert_eq!(last.event, Event::GaveUp(GiveUp::CallsSpent));
}

#[tokio::test]
async fn the_first_failure_is_told_when_the_rest_can_not_be_had() {
    use buttress_core::Context as _;
    let rejected = Rejected::new(Cause::CircuitOpen);
    let down = LlmError::from(TransportError::Refused);
    for (failure, paid) in [(LlmError::from(rejected), false), (down, true)] {
        let inner = Scripted::new([Act::Stream(&["One, "], broke()), Act::Fail(failure)]);
        let call = Call::new().max_calls(2);
        let (text, error) = heard(CarryOnLayer::new(), &inner, &call).await;
        assert_eq!((&*text, inner.asked()), ("One, ", 2));
        let error = error.unwrap();
        assert!(matches!(
            error,
            LlmError::Transport {
                error: TransportError::Reset,
                ..
            }
        ));
        // What was not made is not paid for.
        assert_eq!(call.spend_call(), !paid);
    }
}

#[tokio::test]
async fn what_no_other_route_could_mend_is_not_carried_on() {
    let filtered = LlmError::in_stream(
        Provider::OpenAi,
        br#"{"error":{"code":"content_filter","message":"filtered"}}"#,
        true,
    );
    assert_eq!(filtered.kind(), Kind::ContentPolicy);
    let inner = Scripted::new([Act::Stream(&["One, "], Some(filtered))]);
    let (_, error) = heard(CarryOnLayer::new(), &inner, &Call::new()).await;
    assert_eq!(error.unwrap().kind(), Kind::ContentPolicy);
}

#[tokio::test(start_paused = true)]
async fn the_caller_hears_that_it_is_waited_for() {
    let late = Act::Late(Duration::from_secs(50));
    let inner = Scripted::new([Act::Stream(&["One, "], broke()), late]);
    let service = CarryOnLayer::new().layer(inner);
    let answer = service.oneshot(request(&Call::new())).await.unwrap();
    let AnswerBody::Stream(events) = answer.body else {
        panic!("a stream");
    };
    let frames: Vec<_> = events.map(|event| event.unwrap().frame).collect().await;
    let pings = frames.iter().filter(|frame| frame.starts_with(b":"));
    assert_eq!(pings.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_rest_is_waited_for_until_the_deadline() {
    const LIMIT: Duration = Duration::from_secs(10);
    let late = Act::Late(2 * LIMIT);
    let inner = Scripted::new([Act::Stream(&["One, "], broke()), late]);
    let start = Instant::now();
    let call = Call::new().within(LIMIT);
    let (_, error) = heard(CarryOnLayer::new(), &inner, &call).await;
    assert!(error.is_some());
    assert_eq!(start.elapsed(), LIMIT);
}

#[tokio::test]
async fn a_stream_that_is_dropped_drops_what_it_waits_for() {
    let inner = Scripted::new([
        Act::Stream(&["One, "], broke()),
        Act::Late(Duration::from_secs(3600)),
    ]);
    let service = CarryOnLayer::new().layer(inner.clone());
    let answer = service.oneshot(request(&Call::new())).await.unwrap();
    let AnswerBody::Stream(mut events) = answer.body else {
        panic!("a stream");
    };
    assert!(events.next().await.unwrap().is_ok());
    assert!(events.next().now_or_never().is_none(), "it waits");
    assert_eq!(inner.asked(), 2);
    let held = Arc::strong_count(&inner.shared);
    drop(events);
    assert!(Arc::strong_count(&inner.shared) < held);
}

#[tokio::test]
async fn a_whole_answer_passes() {
    let whole = tower::service_fn(|_: LlmRequest| {
        let body = AnswerBody::Json("{}".into());
        future::ready(Ok::<_, LlmError>(LlmResponse::new(CHAT, "m".into(), body)))
    });
    let service = CarryOnLayer::new().layer(whole);
    let answer = service.oneshot(request(&Call::new())).await.unwrap();
    assert!(matches!(answer.body, AnswerBody::Json(_)));
}
