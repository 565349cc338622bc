//! What a healthy call costs.

use allocation_counter::measure;
use buttress_core::{AsFailure, Failure};
use buttress_queue::{
    DegradeLayer, DegradePolicy, Memory, Queue, Settings, Task, is_worth_queueing,
};
use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};
use tower::{Layer, Service};

struct Shared;

impl DegradePolicy<Arc<str>, Infallible> for Shared {
    type Kept = Arc<str>;

    fn keep(&self, request: &Arc<str>) -> Option<Arc<str>> {
        Some(Arc::clone(request))
    }

    fn degrades(&self, error: &Infallible) -> Option<Failure> {
        Some(error.as_failure()).filter(is_worth_queueing)
    }

    fn task(&self, _: Arc<str>, error: &Infallible) -> Option<Task> {
        match *error {}
    }
}

struct Healthy;

impl Service<Arc<str>> for Healthy {
    type Response = usize;
    type Error = Infallible;
    type Future = Ready<Result<usize, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Arc<str>) -> Self::Future {
        ready(Ok(request.len()))
    }
}

#[test]
fn a_healthy_call_allocates_nothing() {
    let queue = Queue::new(Memory::new(Settings::new()));
    let mut service = DegradeLayer::new(queue, Shared).layer(Healthy);
    let request: Arc<str> = "a question".into();
    let cx = &mut Context::from_waker(Waker::noop());
    let counted = measure(|| {
        for _ in 0..1000 {
            assert!(service.poll_ready(cx).is_ready());
            let future = pin!(service.call(Arc::clone(&request)));
            assert!(future.poll(cx).is_ready());
        }
    });
    assert_eq!(counted.count_total, 0);
}
