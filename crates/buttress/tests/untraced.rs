//! What it costs to be ready to trace a call when nobody wants to know.

use allocation_counter::measure;
use buttress::{
    Call, Carry,
    llm::{AnswerBody, Dialect, LlmError, LlmRequest, LlmResponse},
    trace::{TARGET, TraceLayer, Traces},
};
use std::{
    future::{Future, Ready, ready},
    pin::pin,
    task::{Context, Poll, Waker},
};
use tower::{Layer, Service};
use tracing::{Dispatch, level_filters::LevelFilter};
use tracing_subscriber::{Registry, filter::Targets, layer::SubscriberExt};

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

fn allocations<S: Service<LlmRequest>>(mut service: S) -> u64 {
    let body = r#"{"model": "m", "messages": []}"#;
    let mut request = LlmRequest::parse(Dialect::OpenAiChat, body.into()).expect("a request");
    request.set_call(Call::new());
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
fn a_call_that_nobody_traces_costs_no_more_allocations() {
    let bare = allocations(Healthy);
    let off = TraceLayer::off().layer(Healthy);
    assert_eq!(allocations(off), bare);
    let traces = Traces::new([]).content(true);
    let unheard = traces.layer().begun(|_| panic!("nobody is there"));
    assert_eq!(allocations(unheard.layer(Healthy)), bare);

    let only = |level| {
        let targets = Targets::new().with_target(TARGET, level);
        let dispatch = Dispatch::new(Registry::default().with(targets));
        allocations(traces.clone().to(dispatch).layer().layer(Healthy))
    };
    assert_eq!(only(LevelFilter::WARN), bare);
    assert!(only(LevelFilter::INFO) > bare);
}
