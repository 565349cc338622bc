//! What it costs to be ready for what does not happen, to queue a call or to correct an answer, and
//! to count what does.

use allocation_counter::measure;
use buttress::{
    Call, Carry, LlmMetrics, Route,
    client::LlmClient,
    correct::{LlmCorrect, ToolCalls},
    llm::{AnswerBody, Dialect, EventStream, LlmError, LlmRequest, LlmResponse, Provider},
    metrics::Recorder,
};
use std::{
    future::{Future, Ready, ready},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};
use tower::{Layer, Service};

/// Answers at once, as this route.
#[derive(Clone, Default)]
struct Healthy(Option<Arc<str>>);

impl Service<LlmRequest> for Healthy {
    type Response = LlmResponse;
    type Error = LlmError;
    type Future = Ready<Result<LlmResponse, LlmError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LlmError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: LlmRequest) -> Self::Future {
        let body = match request.streams() {
            false => AnswerBody::Json(request.body().clone()),
            true => {
                let mut stream = EventStream::new(futures_util::stream::empty());
                // As a circuit breaker and a client do.
                stream.watch(());
                AnswerBody::Stream(stream)
            }
        };
        let mut response = LlmResponse::new(request.dialect(), "m".into(), body);
        response.route.clone_from(&self.0);
        ready(Ok(response))
    }
}

fn allocations<S: Service<LlmRequest>>(mut service: S, request: &LlmRequest) -> u64 {
    let cx = &mut Context::from_waker(Waker::noop());
    let counted = measure(|| {
        for _ in 0..1000 {
            assert!(service.poll_ready(cx).is_ready());
            assert!(pin!(service.call(request.clone())).poll(cx).is_ready());
        }
    });
    counted.count_total
}

#[cfg(feature = "queue")]
#[test]
fn a_call_that_is_answered_costs_no_more_allocations() {
    use buttress::{
        degrade::LlmDegrade,
        queue::{Degrade, Memory, Queue, Settings},
    };

    let body = r#"{"model": "m", "messages": []}"#;
    let headers = [("anthropic-version", "2023-06-01"), ("anthropic-beta", "b")];
    let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    let request = LlmRequest::parse(Dialect::AnthropicMessages, body.into()).unwrap();
    let request = request.headers(headers.into_iter().collect());
    let bare = allocations(Healthy::default(), &request);
    let queue = Queue::new(Memory::new(Settings::new()));
    let degrade = Degrade::new(Healthy::default(), queue, LlmDegrade::new().session_id("s"));
    assert_eq!(allocations(degrade, &request), bare);
}

#[test]
fn a_call_whose_answer_may_be_anything_costs_no_more_allocations() {
    let parse = |body: &'static str| {
        let request = LlmRequest::parse(Dialect::OpenAiChat, body.into());
        request.unwrap()
    };
    let plain = parse(r#"{"model": "m", "messages": []}"#);
    let streamed = parse(r#"{"model": "m", "messages": [], "stream": true}"#);
    let tools = parse(
        r#"{"model": "m", "messages": [], "tools": [{"type": "function",
            "function": {"name": "f", "parameters": {"type": "object"}}}]}"#,
    );
    let json =
        parse(r#"{"model": "m", "messages": [], "response_format": {"type": "json_object"}}"#);
    let correct = || LlmCorrect::new().tools(ToolCalls::Never).layer();
    for request in [&plain, &streamed, &tools] {
        let bare = allocations(Healthy::default(), request);
        assert_eq!(
            allocations(correct().layer(Healthy::default()), request),
            bare
        );
    }
    let unwanted = json.clone().corrections(0);
    let bare = allocations(Healthy::default(), &unwanted);
    assert_eq!(
        allocations(correct().layer(Healthy::default()), &unwanted),
        bare
    );
    let counted = allocations(correct().layer(Healthy::default()), &json);
    assert!(counted > bare, "one that is checked does");
}

/// Of a stream one is told how it ends and what it cost, and that is kept until then.
#[test]
fn a_call_that_is_counted_costs_nothing_and_a_stream_one_allocation() {
    let client = LlmClient::builder(Provider::OpenAi).build().unwrap();
    let route = Route::new("only", client.model("m"));
    let metrics = LlmMetrics::new(Recorder::new(metrics::NoopRecorder), [&route]);
    let service = Healthy(Some(Arc::clone(route.name())));
    for (stream, more) in [(false, 0), (true, 1)] {
        let body = format!(r#"{{"model": "m", "messages": [], "stream": {stream}}}"#);
        let request = LlmRequest::parse(Dialect::OpenAiChat, body.into()).unwrap();
        let ask = |ready: &mut dyn FnMut(LlmRequest) -> bool| {
            let counted = measure(|| {
                for _ in 0..1000 {
                    let mut request = request.clone();
                    request.set_call(Call::new());
                    assert!(ready(request));
                }
            });
            counted.count_total
        };
        let cx = &mut Context::from_waker(Waker::noop());
        let mut plain = service.clone();
        let bare = ask(&mut |request| pin!(plain.call(request)).poll(cx).is_ready());
        let mut counted = metrics.layer("m").layer(service.clone());
        let counted = ask(&mut |request| pin!(counted.call(request)).poll(cx).is_ready());
        assert_eq!(counted, bare + 1000 * more, "{stream}");
    }
}
