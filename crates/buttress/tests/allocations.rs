//! What it costs to be ready to queue a call that is answered.
#![cfg(feature = "queue")]

use allocation_counter::measure;
use buttress::{
    degrade::LlmDegrade,
    llm::{AnswerBody, Dialect, LlmError, LlmRequest, LlmResponse},
    queue::{Degrade, Memory, Queue, Settings},
};
use std::{
    future::{Future, Ready, ready},
    pin::pin,
    task::{Context, Poll, Waker},
};
use tower::Service;

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

#[test]
fn a_call_that_is_answered_costs_no_more_allocations() {
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
