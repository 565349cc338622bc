//! The mechanism, over a service that has nothing to do with language models: it is asked for a
//! number and should answer with one that is even.

use crate::{Correct, CorrectLayer, Found, LastResort, Policy};
use buttress_core::{
    AsFailure, Blame, Call, Carried, Carry, Cause, Class, Context as _, Event, Failure, GiveUp,
    Rejected, Uncorrected,
};
use std::{
    collections::VecDeque,
    future::{self, Future, pending},
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::time::{advance, sleep, timeout};
use tower::{Layer, Service, ServiceExt};

#[derive(Clone, Debug, Default)]
struct Ask {
    /// The last wrong number.
    not: Option<u64>,
    unchecked: bool,
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

#[derive(Debug)]
enum Error {
    Failed(Failure),
    Uncorrected(Uncorrected<u64>),
}

impl From<Uncorrected<u64>> for Error {
    fn from(uncorrected: Uncorrected<u64>) -> Self {
        Self::Uncorrected(uncorrected)
    }
}

impl AsFailure for Error {
    fn as_failure(&self) -> Failure {
        match self {
            Self::Failed(failure) => *failure,
            Self::Uncorrected(uncorrected) => uncorrected.as_failure(),
        }
    }
}

#[derive(Clone, Default)]
struct Even {
    own_most: Option<u32>,
    last_resort: Option<u64>,
}

impl Policy<Ask, u64, Error> for Even {
    type Case = Ask;
    type Wrong = u64;

    fn open(&self, ask: &Ask) -> Result<Option<Ask>, Error> {
        if ask.not == Some(0) {
            let failure = Failure::new(Class::BadInput, Blame::Request);
            return Err(Error::Failed(failure));
        }
        Ok((!ask.unchecked).then(|| ask.clone()))
    }

    async fn check(&self, _: &mut Ask, number: u64) -> Result<Found<u64, u64>, Error> {
        Ok(match number {
            even if even % 2 == 0 => Found::Right(even),
            99 => Found::Noted {
                response: 100,
                notes: vec!["rounded up"],
            },
            odd => Found::Wrong(odd),
        })
    }

    fn correction(&self, ask: &Ask, wrong: &u64) -> Result<Ask, &'static str> {
        if *wrong == 13 {
            return Err("nobody talks of this number");
        }
        let not = Some(*wrong);
        Ok(Ask { not, ..ask.clone() })
    }

    fn corrections(&self, _: &Ask) -> Option<u32> {
        self.own_most
    }

    fn last_resort(&self, _: &Ask, _: &u64) -> Option<LastResort<u64, Error>> {
        let answer = self.last_resort?;
        Some(Box::pin(future::ready(Ok(answer))))
    }
}

/// A service that is strict about readiness, and answers with these.
#[derive(Clone, Default)]
struct Numbers {
    ready: bool,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    script: Mutex<VecDeque<Act>>,
    asked: Mutex<Vec<Option<u64>>>,
}

#[derive(Clone, Copy)]
enum Act {
    Number(u64),
    Fail(Failure),
    Late(Duration, u64),
    Never,
}
use Act::*;

type Answer = Pin<Box<dyn Future<Output = Result<u64, Error>> + Send>>;

impl Numbers {
    fn new(script: impl IntoIterator<Item = Act>) -> Self {
        let script = Mutex::new(script.into_iter().collect());
        let asked = Mutex::default();
        let shared = Arc::new(Shared { script, asked });
        let ready = false;
        Self { ready, shared }
    }

    fn asked(&self) -> Vec<Option<u64>> {
        self.shared.asked.lock().unwrap().clone()
    }
}

impl Service<Ask> for Numbers {
    type Response = u64;
    type Error = Error;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, ask: Ask) -> Answer {
        assert!(std::mem::take(&mut self.ready), "not made ready");
        self.shared.asked.lock().unwrap().push(ask.not);
        let act = self.shared.script.lock().unwrap().pop_front();
        Box::pin(async move {
            match act.expect("asked too often") {
                Number(number) => Ok(number),
                Fail(failure) => Err(Error::Failed(failure)),
                Late(wait, number) => {
                    sleep(wait).await;
                    Ok(number)
                }
                Never => pending().await,
            }
        })
    }
}

fn layer(policy: Even) -> CorrectLayer<Even, Carried> {
    CorrectLayer::new(policy).observe(Carried::new())
}

async fn ask(policy: Even, numbers: &Numbers, call: &Call) -> Result<u64, Error> {
    let service = layer(policy).layer(numbers.clone());
    let call = Some(call.clone());
    let ask = Ask {
        call,
        ..Ask::default()
    };
    service.oneshot(ask).await
}

fn told(call: &Call) -> Vec<Event> {
    let journey = call.journey();
    let steps = journey.steps().iter();
    steps.map(|step| step.event.clone()).collect()
}

fn uncorrected(result: Result<u64, Error>) -> Vec<u64> {
    let Err(Error::Uncorrected(error)) = result else {
        panic!("{result:?}");
    };
    error.attempts
}

#[tokio::test]
async fn a_wrong_answer_is_corrected() {
    let numbers = Numbers::new([Number(1), Number(3), Number(4)]);
    let call = Call::new();
    assert_eq!(ask(Even::default(), &numbers, &call).await.unwrap(), 4);
    // Only the last wrong answer is in the question.
    assert_eq!(numbers.asked(), [None, Some(1), Some(3)]);
    let wrong = Event::Corrected("the answer is wrong");
    let asked = Event::Corrected("asking for a correction of the answer");
    assert_eq!(told(&call), [wrong.clone(), asked.clone(), wrong, asked]);
}

#[tokio::test]
async fn what_can_be_repaired_asks_nobody() {
    let numbers = Numbers::new([Number(99)]);
    let call = Call::new();
    assert_eq!(ask(Even::default(), &numbers, &call).await.unwrap(), 100);
    assert_eq!(told(&call), [Event::Corrected("rounded up")]);
}

#[tokio::test]
async fn it_is_corrected_as_often_as_is_allowed() {
    let odd = [1, 3, 5, 7, 9].map(Number);
    let numbers = Numbers::new(odd);
    let call = Call::new();
    let wrong = uncorrected(ask(Even::default(), &numbers, &call).await);
    assert_eq!(wrong, [1, 3, 5]);

    // A request may ask for less than the layer allows, and not for more.
    for (own, most) in [(0, 0), (1, 1), (9, 2)] {
        let numbers = Numbers::new(odd);
        let policy = Even {
            own_most: Some(own),
            ..Even::default()
        };
        let wrong = uncorrected(ask(policy, &numbers, &Call::new()).await);
        assert_eq!(wrong.len(), most + 1);
    }
}

#[tokio::test]
async fn a_last_resort_comes_last_and_is_checked() {
    for (answer, right) in [(8, true), (9, false)] {
        let numbers = Numbers::new([1, 3, 5].map(Number));
        let policy = Even {
            last_resort: Some(answer),
            ..Even::default()
        };
        let call = Call::new().max_calls(4);
        let result = ask(policy, &numbers, &call).await;
        match right {
            true => assert_eq!(result.unwrap(), 8),
            false => assert_eq!(uncorrected(result), [1, 3, 5, 9]),
        }
        assert!(!call.spend_call(), "it was paid for");
        let note = Event::Corrected("asking a stronger route, since the corrections were wrong");
        assert!(told(&call).contains(&note));
    }
}

#[tokio::test]
async fn a_correction_is_paid_for() {
    let numbers = Numbers::new([Number(1), Number(3)]);
    let call = Call::new().max_calls(2);
    let wrong = uncorrected(ask(Even::default(), &numbers, &call).await);
    assert_eq!(wrong, [1, 3]);
    assert_eq!(told(&call).last(), Some(&Event::GaveUp(GiveUp::CallsSpent)));
}

#[tokio::test(start_paused = true)]
async fn none_is_begun_after_the_deadline() {
    let second = Duration::from_secs(1);
    let numbers = Numbers::new([Late(second, 1), Number(2)]);
    let call = Call::new().within(second);
    let wrong = uncorrected(ask(Even::default(), &numbers, &call).await);
    assert_eq!(wrong, [1]);
    let gave_up = Event::GaveUp(GiveUp::DeadlineTooNear);
    assert_eq!(told(&call).last(), Some(&gave_up));
    advance(second).await;
    assert_eq!(numbers.asked().len(), 1);
}

#[tokio::test]
async fn what_can_not_be_asked_costs_nothing() {
    let numbers = Numbers::new([Number(13)]);
    let call = Call::new().max_calls(2);
    let wrong = uncorrected(ask(Even::default(), &numbers, &call).await);
    assert_eq!(wrong, [13]);
    let why = Event::Corrected("nobody talks of this number");
    assert_eq!(told(&call).last(), Some(&why));
    assert!(call.spend_call());
}

#[tokio::test]
async fn a_failure_is_told_unless_it_is_of_a_request_that_the_caller_never_wrote() {
    let rejected = Rejected::new(Cause::CircuitOpen).as_failure();
    let bad = Failure::new(Class::BadInput, Blame::Request);
    for (failure, own, paid) in [
        (Failure::SERVICE, true, true),
        (rejected, true, false),
        (bad, false, true),
    ] {
        let numbers = Numbers::new([Number(1), Fail(failure)]);
        let call = Call::new().max_calls(2);
        match ask(Even::default(), &numbers, &call).await {
            Err(Error::Failed(told)) => assert!(own && told == failure),
            result => assert!(!own && uncorrected(result) == [1]),
        }
        assert_eq!(told(&call).last(), Some(&Event::Failed(failure)));
        assert_eq!(call.spend_call(), !paid);
    }
    // One of the first call is nobody's business here.
    let numbers = Numbers::new([Fail(bad)]);
    let call = Call::new();
    let result = ask(Even::default(), &numbers, &call).await;
    assert!(matches!(result, Err(Error::Failed(_))));
    assert!(told(&call).is_empty());
}

#[tokio::test]
async fn what_could_not_be_checked_is_not_sent() {
    let numbers = Numbers::new([]);
    let service = layer(Even::default()).layer(numbers.clone());
    let not = Some(0);
    let ask = Ask {
        not,
        ..Ask::default()
    };
    assert!(service.oneshot(ask).await.is_err());
    assert!(numbers.asked().is_empty());
}

/// Ready once, and then never again.
struct OnceReady(Numbers, Arc<Mutex<u32>>);

impl Clone for OnceReady {
    fn clone(&self) -> Self {
        Self(self.0.clone(), Arc::clone(&self.1))
    }
}

impl Service<Ask> for OnceReady {
    type Response = u64;
    type Error = Error;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut left = self.1.lock().unwrap();
        if *left == 0 {
            return Poll::Pending;
        }
        *left -= 1;
        self.0.poll_ready(cx)
    }

    fn call(&mut self, ask: Ask) -> Answer {
        self.0.call(ask)
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_while_its_correction_waits_gives_it_back() {
    let call = Call::new().max_calls(2);
    let ask = Ask {
        call: Some(call.clone()),
        ..Ask::default()
    };
    let once = OnceReady(Numbers::new([Number(1)]), Arc::new(Mutex::new(1)));
    let service: Correct<_, _, _> = layer(Even::default()).layer(once);
    let waits = timeout(Duration::from_secs(9), service.oneshot(ask.clone())).await;
    assert!(waits.is_err());
    assert!(call.spend_call(), "it was given back");

    // One that was made is not.
    let call = Call::new().max_calls(2);
    let ask = Ask {
        call: Some(call.clone()),
        ..ask
    };
    let service = layer(Even::default()).layer(Numbers::new([Number(1), Never]));
    let waits = timeout(Duration::from_secs(9), service.oneshot(ask)).await;
    assert!(waits.is_err());
    assert!(!call.spend_call());
}

/// Answers at once, without a box.
#[derive(Clone)]
struct Plain;

impl Service<Ask> for Plain {
    type Response = u64;
    type Error = Error;
    type Future = future::Ready<Result<u64, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Ask) -> Self::Future {
        future::ready(Ok(1))
    }
}

#[test]
fn what_is_not_checked_is_passed_on_and_costs_no_allocation() {
    let mut service = layer(Even::default()).layer(Plain);
    let mut cx = Context::from_waker(Waker::noop());
    let mut given = None;
    let mut call = |unchecked| {
        let ask = Ask {
            unchecked,
            ..Ask::default()
        };
        allocation_counter::measure(|| {
            assert!(service.poll_ready(&mut cx).is_ready());
            given = match pin!(service.call(ask)).poll(&mut cx) {
                Poll::Ready(result) => result.ok(),
                Poll::Pending => panic!("it is there at once"),
            };
        })
    };
    assert!(call(false).count_total > 0, "they are counted");
    assert_eq!(call(true).count_total, 0);
    assert_eq!(given, Some(1), "odd, and nobody minds");
}
