//! What it costs to be ready for what does not happen: to queue a call, to correct an answer.

use allocation_counter::measure;
use buttress::{
    correct::{LlmCorrect, ToolCalls},
    llm::{AnswerBody, Dialect, LlmError, LlmRequest, LlmResponse},
};
use std::{
    future::{Future, Ready, ready},
    pin::pin,
    task::{Context, Poll, Waker},
};
use tower::{Layer, Service};

/// Answers at once.
#[derive(Clone)]
struct Healthy;

impl Service<LlmRequest> for Healthy {
    type Response = LlmResponse;
    type Error = LlmError;
    type Future = Ready<Result<LlmResponse, LlmError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LlmError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: LlmRequest) -> Self::Future {
        let body = AnswerBody::Json(request.body().clone());
        ready(Ok(LlmResponse::new(request.dialect(), "m".into(), body)))
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
    let bare = allocations(Healthy, &request);
    let queue = Queue::new(Memory::new(Settings::new()));
    let degrade = Degrade::new(Healthy, queue, LlmDegrade::new().session_id("s"));
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
        let bare = allocations(Healthy, request);
        assert_eq!(allocations(correct().layer(Healthy), request), bare);
    }
    let unwanted = json.clone().corrections(0);
    let bare = allocations(Healthy, &unwanted);
    assert_eq!(allocations(correct().layer(Healthy), &unwanted), bare);
    let counted = allocations(correct().layer(Healthy), &json);
    assert!(counted > bare, "one that is checked does");
}
