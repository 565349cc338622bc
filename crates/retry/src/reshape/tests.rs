use super::*;
use buttress_core::{
    AsFailure, Blame, Call, Carried, Carry, Class, Context as _, Event, GiveUp, Journey,
};
use std::sync::{Arc, Mutex};
use tokio_test::{assert_pending, assert_ready, task};
use tower::{Layer, Service, ServiceExt, service_fn};

#[derive(Clone, Debug)]
struct Ask {
    size: u32,
    call: Option<Call>,
}

impl Carry for Ask {
    fn call(&self) -> Option<&Call> {
        self.call.as_ref()
    }

    fn set_call(&mut self, call: Call) {
        self.call = Some(call);
    }

    fn call_or(&mut self, make: impl FnOnce() -> Call) -> &mut Call {
        self.call.get_or_insert_with(make)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Error(Class);

impl AsFailure for Error {
    fn as_failure(&self) -> Failure {
        Failure::new(self.0, Blame::Request)
    }
}

fn halved(ask: &Ask, failure: &Failure, _: Result<&u32, &Error>) -> Option<Reshaped<Ask>> {
    let mut ask = ask.clone();
    ask.size /= 2;
    (failure.class == Class::BadInput && ask.size > 0).then(|| Reshaped::new(ask, "halved"))
}

type Sizes = Arc<Mutex<Vec<u32>>>;

/// Takes what is not larger than this.
fn server(
    most: u32,
    class: Class,
    seen: &Sizes,
) -> impl Service<Ask, Response = u32, Error = Error, Future: Send> + Clone + use<> {
    let seen = Arc::clone(seen);
    service_fn(move |ask: Ask| {
        seen.lock().unwrap().push(ask.size);
        let answer = if ask.size > most {
            Err(Error(class))
        } else {
            Ok(ask.size)
        };
        std::future::ready(answer)
    })
}

fn layer() -> ReshapeLayer<impl Reshape<Ask, u32, Error> + Clone, buttress_core::ByError, Carried> {
    ReshapeLayer::new(halved).observe(Carried::new())
}

fn ask(size: u32) -> Ask {
    let call = Some(Call::new());
    Ask { size, call }
}

/// Spends them all to know.
fn calls_left(call: &Call) -> u32 {
    std::iter::from_fn(|| call.spend_call().then_some(()))
        .count()
        .try_into()
        .unwrap()
}

fn notes(journey: &Journey) -> usize {
    let events = journey.steps().iter().map(|step| &step.event);
    events
        .filter(|event| **event == Event::Note("halved"))
        .count()
}

#[tokio::test(start_paused = true)]
async fn a_request_takes_the_shapes_that_it_needs() {
    let seen = Sizes::default();
    let service = layer().layer(server(30, Class::BadInput, &seen));
    let request = ask(100);
    let call = request.call.clone().unwrap();
    assert_eq!(service.clone().oneshot(request).await, Ok(25));
    assert_eq!(*seen.lock().unwrap(), [100, 50, 25]);
    assert_eq!(notes(&call.journey()), 2);
    // Each of them was paid for.
    assert_eq!(calls_left(&call), Call::DEFAULT_MAX_CALLS - 3);

    seen.lock().unwrap().clear();
    assert_eq!(service.oneshot(ask(30)).await, Ok(30));
    assert_eq!(*seen.lock().unwrap(), [30]);
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_no_shape_will_do() {
    let seen = Sizes::default();
    let count = || seen.lock().unwrap().drain(..).count();
    let service = layer().layer(server(0, Class::BadInput, &seen));
    let refused = Err(Error(Class::BadInput));
    assert_eq!(service.clone().oneshot(ask(100)).await, refused);
    assert_eq!(count(), 3, "twice, and no more");
    assert_eq!(service.clone().oneshot(ask(1)).await, refused);
    assert_eq!(count(), 1, "the hook knows no other");

    let broke = Ask {
        size: 100,
        call: Some(Call::new().max_calls(2)),
    };
    assert_eq!(service.clone().oneshot(broke).await, refused);
    assert_eq!(count(), 2, "the calls are spent");
    let late = Ask {
        size: 100,
        call: Some(Call::new().deadline_at(tokio::time::Instant::now())),
    };
    assert_eq!(service.oneshot(late).await, refused);
    assert_eq!(count(), 1, "the time is over");

    for class in [Class::Rejected, Class::Transient] {
        let service = layer().layer(server(0, class, &seen));
        assert_eq!(service.oneshot(ask(100)).await, Err(Error(class)));
        assert_eq!(count(), 1);
    }
    let never = layer().max(0).layer(server(0, Class::BadInput, &seen));
    assert_eq!(never.oneshot(ask(100)).await, refused);
    assert_eq!(count(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_attempt_is_made_when_its_service_is_ready_too_late() {
    let (inner, mut server) = tower_test::mock::pair::<Ask, u32>();
    server.allow(1);
    let classify = buttress_core::classify_fn(|outcome: Result<&u32, &tower::BoxError>| {
        outcome
            .map(|_| ())
            .map_err(|_| Failure::new(Class::BadInput, Blame::Request))
    });
    let hook = |ask: &Ask, _: &Failure, _: Result<&u32, &tower::BoxError>| {
        Some(Reshaped::new(ask.clone(), "again"))
    };
    let layer = ReshapeLayer::new(hook)
        .classify(classify)
        .observe(Carried::new());
    let call = Call::new().within(std::time::Duration::from_secs(10));
    let request = Ask {
        size: 1,
        call: Some(call.clone()),
    };
    let mut future = task::spawn(layer.layer(inner).oneshot(request));
    assert_pending!(future.poll());
    let (_, answer) = server.next_request().await.unwrap();
    answer.send_error("no");
    assert_pending!(future.poll());
    tokio::time::advance(std::time::Duration::from_secs(11)).await;
    server.allow(1);
    assert_eq!(assert_ready!(future.poll()).unwrap_err().to_string(), "no");
    drop(future);
    assert_eq!(calls_left(&call), Call::DEFAULT_MAX_CALLS - 1);
    let journey = call.journey();
    let last = &journey.steps().last().unwrap().event;
    assert_eq!(last, &Event::GaveUp(GiveUp::DeadlineTooNear));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_not_made_gives_its_call_back() {
    let (inner, mut server) = tower_test::mock::pair::<Ask, u32>();
    server.allow(1);
    let classify = buttress_core::classify_fn(|outcome: Result<&u32, &tower::BoxError>| {
        outcome
            .map(|_| ())
            .map_err(|_| Failure::new(Class::BadInput, Blame::Request))
    });
    let hook = |ask: &Ask, _: &Failure, _: Result<&u32, &tower::BoxError>| {
        Some(Reshaped::new(ask.clone(), "again"))
    };
    let layer = ReshapeLayer::new(hook)
        .classify(classify)
        .observe(Carried::new());
    let mut service = layer.layer(inner);
    let request = ask(1);
    let call = request.call.clone().unwrap();
    let mut ready = task::spawn(std::future::poll_fn(|cx| service.poll_ready(cx)));
    assert!(assert_ready!(ready.poll()).is_ok());
    drop(ready);
    let mut future = task::spawn(service.call(request));
    assert_pending!(future.poll());
    let (_, answer) = server.next_request().await.unwrap();
    answer.send_error("no");
    // It waits for the service to be ready again.
    assert_pending!(future.poll());
    drop(future);
    assert_eq!(calls_left(&call), Call::DEFAULT_MAX_CALLS - 1);
}
