use crate::{ByVerdict, Failed, Fallback, FallbackLayer, Policy, Route, Routes, TakesBadInput};
use buttress_core::{
    AsFailure, Blame, Call, Carried, Carry, Cause, Class, ClassifyFn, Context as _, Elapsed, Event,
    Exhausted, Failure, GiveUp, Observe, Phase, Rejected, RouteReason, classify_fn,
};
use std::{
    cell::Cell,
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::time::Instant;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};

type Outcome = Result<u64, BoxError>;

/// A request that carries its call and has a size.
#[derive(Clone, Debug, Default)]
struct Ask {
    size: u64,
    /// The size that it grows to, as far as the route lets it.
    wants: u64,
    call: Option<Call>,
}

impl Ask {
    fn new(call: &Call) -> Self {
        Self {
            call: Some(call.clone()),
            ..Self::default()
        }
    }
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

/// An error with a verdict of our choice.
#[derive(Debug)]
struct Trouble(&'static str, Failure);

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Trouble {}

fn trouble(name: &'static str, class: Class) -> Outcome {
    Err(Trouble(name, Failure::new(class, Blame::Service)).into())
}

/// Numbers from 500 on are failures.
fn verdict(outcome: Result<&u64, &BoxError>) -> Result<(), Failure> {
    match outcome {
        Ok(500..) => Err(Failure::SERVICE),
        Ok(_) => Ok(()),
        Err(error) => Err(match error.downcast_ref() {
            Some(Trouble(_, failure)) => *failure,
            None => error.as_failure(),
        }),
    }
}

type Verdict = ClassifyFn<fn(Result<&u64, &BoxError>) -> Result<(), Failure>>;

fn by_verdict() -> ByVerdict<Verdict, Carried> {
    let verdict: fn(Result<&u64, &BoxError>) -> Result<(), Failure> = verdict;
    ByVerdict::new(classify_fn(verdict)).observe(Carried::new())
}

/// By verdict; a route declares the largest request that it can take, and gets larger ones
/// only up to that.
struct BySize(ByVerdict<Verdict, Carried>);

impl Policy<Ask, u64, BoxError, u64> for BySize {
    type Observe = Carried;
    fn observe(&self) -> &Carried {
        Policy::<Ask, u64, BoxError>::observe(&self.0)
    }
    fn classify(&self, outcome: Result<&u64, &BoxError>) -> Result<(), Failure> {
        Policy::<Ask, u64, BoxError>::classify(&self.0, outcome)
    }
    fn keep(&self, request: &Ask) -> Option<Ask> {
        Some(request.clone())
    }
    fn fits(&self, request: &Ask, max: &u64) -> Result<(), &'static str> {
        (request.size <= *max)
            .then_some(())
            .ok_or("window too small")
    }
    // Bad input goes to a larger window than the one that it was too large for.
    fn falls_back(
        &self,
        _: &Ask,
        failed: &Failed<'_, u64, BoxError, u64>,
        max: &u64,
    ) -> Result<(), &'static str> {
        failed.by_verdict(max > failed.declares)
    }
    fn prepare(&self, request: &mut Ask, max: &u64) {
        request.size = request.size.max(request.wants.min(*max));
    }
    fn answered(&self, response: &mut u64, route: &Arc<str>, _: &Option<Call>) {
        *response += 1000 * route.len() as u64;
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Readiness {
    Ready,
    Never,
    Broken,
}

/// A service that insists on being made ready, and shows how many of it are alive.
struct Scripted {
    script: Arc<dyn Fn(&Ask) -> Outcome + Send + Sync>,
    readiness: Readiness,
    ready: bool,
    dead: bool,
    alive: Arc<()>,
}

impl Clone for Scripted {
    fn clone(&self) -> Self {
        Self {
            script: Arc::clone(&self.script),
            alive: Arc::clone(&self.alive),
            ready: false,
            dead: false,
            ..*self
        }
    }
}

impl Scripted {
    fn readiness(mut self, readiness: Readiness) -> Self {
        self.readiness = readiness;
        self
    }
}

impl Service<Ask> for Scripted {
    type Response = u64;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Outcome> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        assert!(!self.dead, "polled after it had failed");
        match self.readiness {
            Readiness::Ready => {
                self.ready = true;
                Poll::Ready(Ok(()))
            }
            Readiness::Never => Poll::Pending,
            Readiness::Broken => {
                self.dead = true;
                Poll::Ready(Err("broken".into()))
            }
        }
    }

    fn call(&mut self, ask: Ask) -> Self::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called before it was ready"
        );
        let held = self.clone();
        Box::pin(async move {
            tokio::task::yield_now().await;
            (held.script)(&ask)
        })
    }
}

fn scripted(script: impl Fn(&Ask) -> Outcome + Send + Sync + 'static) -> Scripted {
    Scripted {
        script: Arc::new(script),
        readiness: Readiness::Ready,
        ready: false,
        dead: false,
        alive: Arc::new(()),
    }
}

fn answers(n: u64) -> Scripted {
    scripted(move |_| Ok(n))
}

fn fails(name: &'static str, class: Class) -> Scripted {
    scripted(move |_| trouble(name, class))
}

fn unasked() -> Scripted {
    scripted(|_| panic!("nobody should ask here"))
}

fn routes<const N: usize>(services: [Scripted; N]) -> Routes<Scripted> {
    let mut routes = services.into_iter().zip(["a", "b", "c", "d"]);
    let mut routes = routes
        .by_ref()
        .map(|(service, name)| Route::new(name, service));
    let mut all = Routes::new(routes.next().unwrap());
    all.extend(routes);
    all
}

fn fallback<const N: usize>(
    services: [Scripted; N],
) -> Fallback<Scripted, ByVerdict<Verdict, Carried>> {
    Fallback::new(routes(services), by_verdict())
}

fn steps(call: &Call) -> Vec<String> {
    let journey = call.journey();
    let steps = journey.steps().iter().map(|step| {
        let event = match &step.event {
            Event::Entered => "entered",
            Event::Answered => "answered",
            Event::Skipped { why } => why,
            Event::GaveUp(why) => why.as_str(),
            other => panic!("{other:?} is not for a fallback to record"),
        };
        match &step.route {
            Some(route) => format!("{route}: {event}"),
            None => event.to_owned(),
        }
    });
    steps.collect()
}

fn exhausted(outcome: Outcome) -> Exhausted<BoxError> {
    *outcome.unwrap_err().downcast().unwrap()
}

#[tokio::test]
async fn a_primary_that_answers_is_all_there_is() {
    let call = Call::new().max_calls(1);
    let service = fallback([answers(7), unasked()]);
    assert_eq!(service.oneshot(Ask::new(&call)).await.unwrap(), 7);
    assert_eq!(steps(&call), ["a: entered", "a: answered"]);
    assert_eq!(call.total_waited(), Duration::ZERO);
}

#[tokio::test]
async fn every_class_but_bad_input_goes_on() {
    for class in [
        Class::Transient,
        Class::Timeout,
        Class::Persistent,
        Class::Partial,
        Class::Rejected,
    ] {
        let service = fallback([fails("a", class), answers(7)]);
        assert_eq!(service.oneshot(Ask::default()).await.unwrap(), 7, "{class}");
    }
    let call = Call::new();
    let service = fallback([fails("bad", Class::BadInput), unasked()]);
    let error = service.oneshot(Ask::new(&call)).await.unwrap_err();
    assert_eq!(error.downcast_ref::<Trouble>().unwrap().0, "bad");
    let why = "b: the request itself is at fault";
    assert_eq!(steps(&call), ["a: entered", why]);
}

#[tokio::test]
async fn bad_input_goes_where_it_is_welcome() {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let lenient = scripted(move |_| {
        count.fetch_add(1, Relaxed);
        trouble("down", Class::Transient)
    });
    let takes = |name: &str, service, bad| Route::new(name, service).declares(TakesBadInput(bad));
    let routes = Routes::new(takes("a", fails("bad", Class::BadInput), false))
        .then(takes("b", unasked(), false))
        .then(takes("c", lenient, true))
        // Still ruled out: that the one in between was down changes nothing.
        .then(takes("d", unasked(), false));
    let service = Fallback::new(routes, by_verdict());
    let exhausted = exhausted(service.oneshot(Ask::default()).await);
    assert_eq!(seen.load(Relaxed), 1);
    assert_eq!(
        exhausted.to_string(),
        "all routes failed: a: bad; b: passed over, the request itself is at fault; c: down; \
         d: passed over, the request itself is at fault"
    );
}

#[tokio::test]
async fn a_route_is_told_its_name_and_its_patience() {
    type Told = Arc<Mutex<Vec<Option<Duration>>>>;
    let told = Told::default();
    let listens = |told: &Told| {
        let told = Arc::clone(told);
        scripted(move |ask| {
            told.lock()
                .unwrap()
                .push(ask.call.as_ref().unwrap().patience());
            trouble("down", Class::Transient)
        })
    };
    let call = Call::new();
    let second = Duration::from_secs(1);
    let routes = Routes::new(Route::new("a", listens(&told)))
        .then(Route::new("b", listens(&told)).patience(second))
        .then(Route::new("c", listens(&told)).patience(second));
    let service = Fallback::new(routes, by_verdict());
    service.oneshot(Ask::new(&call)).await.unwrap_err();
    let default = Some(Route::DEFAULT_PATIENCE);
    assert_eq!(*told.lock().unwrap(), [default, Some(second), None]);
    assert_eq!(steps(&call), ["a: entered", "b: entered", "c: entered"]);
}

fn by_size<const N: usize>(services: [(Scripted, u64); N]) -> Fallback<Scripted, BySize, u64> {
    let mut names = ["a", "b", "c", "d"].into_iter();
    let mut routes = services
        .into_iter()
        .map(|(service, size)| Route::new(names.next().unwrap(), service).declares(size));
    let mut all = Routes::new(routes.next().unwrap());
    all.extend(routes);
    Fallback::new(all, BySize(by_verdict()))
}

#[tokio::test]
async fn a_route_that_could_not_take_the_request_is_no_reason_to_hurry() {
    let patient = scripted(|ask| {
        assert_eq!(ask.call.as_ref().unwrap().patience(), None);
        trouble("down", Class::Transient)
    });
    let service = by_size([(patient, 100), (unasked(), 10)]);
    let ask = Ask {
        size: 50,
        ..Ask::new(&Call::new())
    };
    let error = service.oneshot(ask).await.unwrap_err();
    assert_eq!(error.to_string(), "down");
}

#[tokio::test]
async fn a_primary_that_can_t_take_the_request_is_not_asked() {
    let call = Call::new().max_calls(1);
    let mut service = by_size([(unasked(), 10), (unasked(), 20), (answers(7), 100)]);
    let ask = Ask {
        size: 50,
        ..Ask::new(&call)
    };
    // The answer tells the route.
    let answer = service.ready().await.unwrap().call(ask.clone()).await;
    assert_eq!(answer.unwrap(), 1007);
    let small = "window too small";
    assert_eq!(
        steps(&call),
        [
            &format!("a: {small}"),
            &format!("b: {small}"),
            "c: entered",
            "c: answered"
        ]
    );

    let service = by_size([(unasked(), 10), (unasked(), 20)]);
    let exhausted = exhausted(service.oneshot(ask).await);
    let reasons = exhausted.routes.iter().map(|route| &route.reason);
    assert!(reasons.len() == 2);
    assert!({ reasons }.all(|reason| matches!(reason, RouteReason::Unfit(why) if *why == small)));
    assert_eq!(exhausted.as_failure().class, Class::Persistent);
}

#[tokio::test]
async fn bad_input_may_go_to_a_larger_window() {
    let service = by_size([
        (fails("too long", Class::BadInput), 10),
        (unasked(), 10),
        (answers(7), 100),
    ]);
    assert_eq!(service.oneshot(Ask::default()).await.unwrap(), 1007);
}

#[tokio::test]
async fn when_all_fail_every_error_is_told_in_order() {
    let service = fallback([
        fails("key wrong", Class::Persistent),
        scripted(|_| Err(Elapsed::new(Phase::Headers, Duration::from_secs(9)).into())),
        fails("busy", Class::Transient),
    ]);
    let exhausted = exhausted(service.oneshot(Ask::default()).await);
    let text = "all routes failed: a: key wrong; b: no answer within 9s; c: busy";
    assert_eq!(exhausted.to_string(), text);
    assert_eq!(exhausted.foremost().unwrap().to_string(), "busy");
}

#[tokio::test]
async fn one_route_s_error_comes_back_as_it_is() {
    let service = fallback([fails("down", Class::Transient)]);
    let error = service.oneshot(Ask::default()).await.unwrap_err();
    assert!(error.is::<Trouble>());
}

#[tokio::test]
async fn a_route_that_was_refused_costs_no_call() {
    let open = || scripted(|_| Err(Rejected::new(Cause::CircuitOpen).into()));
    let call = Call::new().max_calls(1);
    let service = fallback([open(), open(), answers(7)]);
    assert_eq!(service.oneshot(Ask::new(&call)).await.unwrap(), 7);

    let call = Call::new().max_calls(2);
    let service = fallback([
        fails("first", Class::Transient),
        open(),
        fails("second", Class::Transient),
        unasked(),
    ]);
    let exhausted = exhausted(service.oneshot(Ask::new(&call)).await);
    assert_eq!(
        exhausted.to_string(),
        "all routes failed: a: first; b: circuit open; c: second; d: passed over, calls_spent"
    );
    let steps = steps(&call);
    assert_eq!(steps.last().unwrap(), GiveUp::CallsSpent.as_str());
}

/// How many upstream calls the request may still cause; they are gone then.
fn calls_left(call: &Call) -> usize {
    let spend = || buttress_core::Context::spend_call(call).then_some(());
    std::iter::from_fn(spend).count()
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_not_made_is_given_back_or_passes_on() {
    let never = || unasked().readiness(Readiness::Never);
    let refused = || scripted(|_| Err(Rejected::new(Cause::CircuitOpen).into()));
    let down = || fails("down", Class::Transient);
    let ended = async |service: Fallback<_, _>, limit: u64| {
        let call = Call::new().max_calls(3);
        let answer = service.oneshot(Ask::new(&call));
        let answer = tokio::time::timeout(Duration::from_secs(limit), answer).await;
        (answer.is_ok(), calls_left(&call))
    };
    // Dropped while the backup was made ready: one call was made.
    assert_eq!(ended(fallback([down(), never()]), 1).await, (false, 2));
    // Never became ready at all, and the caller hears of the first route's failure.
    let broken = unasked().readiness(Readiness::Broken);
    assert_eq!(ended(fallback([down(), broken]), 9).await, (true, 2));
    assert_eq!(ended(fallback([down(), refused()]), 9).await, (true, 2));
    // The caller hears that nothing was sent, and keeps the first call in mind.
    assert_eq!(ended(fallback([refused(), refused()]), 9).await, (true, 2));
    // Both were made.
    assert_eq!(ended(fallback([down(), down()]), 9).await, (true, 1));
    assert_eq!(ended(fallback([down(), answers(7)]), 9).await, (true, 1));
}

#[tokio::test]
async fn a_route_whose_own_deadline_passed_has_used_its_call() {
    let late = || scripted(|_| Err(Elapsed::new(Phase::Deadline, Duration::ZERO).into()));
    let call = Call::new().max_calls(2);
    let service = fallback([late(), late(), unasked()]);
    let exhausted = exhausted(service.oneshot(Ask::new(&call)).await);
    assert!(
        exhausted
            .to_string()
            .ends_with("c: passed over, calls_spent")
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_begun_after_the_deadline() {
    let call = Call::new().within(Duration::from_secs(1));
    let slow = service_fn(|_: Ask| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        trouble("slow", Class::Transient)
    });
    let routes = Routes::new(Route::new("a", slow)).or(Route::new("b", unasked()));
    let service = Fallback::new(routes, by_verdict());
    let error = service.oneshot(Ask::new(&call)).await.unwrap_err();
    assert_eq!(error.to_string(), "slow");
    assert_eq!(steps(&call), ["a: entered", "deadline_too_near"]);
}

#[tokio::test(start_paused = true)]
async fn a_backup_that_is_never_ready_is_left_when_patience_ends() {
    let call = Call::new().max_calls(2);
    let service = fallback([
        fails("down", Class::Transient),
        unasked().readiness(Readiness::Never),
        answers(7),
    ]);
    let began = Instant::now();
    assert_eq!(service.oneshot(Ask::new(&call)).await.unwrap(), 7);
    assert_eq!(began.elapsed().as_secs(), 2);
    assert_eq!(call.total_waited().as_secs(), 2);
    let expected = ["a: entered", "b: entered", "b: not ready in time"];
    assert_eq!(steps(&call)[..3], expected);
}

#[tokio::test(start_paused = true)]
async fn the_last_backup_may_take_until_the_deadline_to_be_ready() {
    let never = unasked().readiness(Readiness::Never);
    let service = fallback([fails("down", Class::Transient), never]);
    let call = Call::new().within(Duration::from_secs(30));
    let began = Instant::now();
    // Others that want the same backup do not wait for this one.
    let (one, two) = tokio::join!(
        service.clone().oneshot(Ask::new(&call)),
        service.oneshot(Ask::new(&call)),
    );
    assert_eq!(began.elapsed().as_secs(), 30);
    assert_eq!(one.unwrap_err().to_string(), "down");
    assert_eq!(two.unwrap_err().to_string(), "down");
}

#[tokio::test]
async fn a_primary_that_fails_to_be_ready_has_failed_and_no_more() {
    let call = Call::new().max_calls(1);
    let broken = || unasked().readiness(Readiness::Broken);
    let mut service = fallback([broken(), broken(), answers(7)]);
    for _ in 0..2 {
        let ready = service.ready().await.unwrap().ready().await.unwrap();
        assert_eq!(ready.call(Ask::new(&call)).await.unwrap(), 7);
    }
    let service = fallback([broken(), broken()]);
    let exhausted = exhausted(service.oneshot(Ask::default()).await);
    let text = "all routes failed: a: broken; b: broken";
    assert_eq!(exhausted.to_string(), text);
}

#[tokio::test(start_paused = true)]
async fn the_last_failing_response_comes_back_as_it_came() {
    let service = fallback([answers(503)]);
    assert_eq!(service.oneshot(Ask::default()).await.unwrap(), 503);
    let service = fallback([fails("down", Class::Transient), answers(501), answers(502)]);
    assert_eq!(service.oneshot(Ask::default()).await.unwrap(), 502);
    // Let go when the next route was asked, and not before.
    let service = fallback([answers(503), fails("down", Class::Transient)]);
    let exhausted = exhausted(service.oneshot(Ask::default()).await);
    let text = "all routes failed: a: answered, transient (service); b: down";
    assert_eq!(exhausted.to_string(), text);
    // Under its own route's name, though another one was entered meanwhile.
    let never = unasked().readiness(Readiness::Never);
    let mut routes = Routes::new(Route::new("long name", answers(503)).declares(1));
    routes.extend([Route::new("b", never).declares(1)]);
    let service = Fallback::new(routes, BySize(by_verdict()));
    let call = Call::new().within(Duration::from_secs(3));
    assert_eq!(service.oneshot(Ask::new(&call)).await.unwrap(), 9503);
}

#[tokio::test]
async fn a_request_that_can_t_be_kept_goes_to_one_route_only() {
    struct Once(ByVerdict<Verdict, Carried>);
    impl Policy<Ask, u64, BoxError> for Once {
        type Observe = Carried;
        fn observe(&self) -> &Carried {
            Policy::<Ask, u64, BoxError>::observe(&self.0)
        }
        fn classify(&self, outcome: Result<&u64, &BoxError>) -> Result<(), Failure> {
            Policy::<Ask, u64, BoxError>::classify(&self.0, outcome)
        }
        fn keep(&self, _: &Ask) -> Option<Ask> {
            None
        }
    }
    let call = Call::new();
    let patient = scripted(|ask| {
        assert_eq!(ask.call.as_ref().unwrap().patience(), None);
        trouble("down", Class::Transient)
    });
    let service = Fallback::new(routes([patient, unasked()]), Once(by_verdict()));
    let error = service.oneshot(Ask::new(&call)).await.unwrap_err();
    assert_eq!(error.to_string(), "down");
    assert_eq!(steps(&call), ["a: entered", "not_replayable"]);
}

#[tokio::test]
async fn layers_nest_over_services_of_different_types() {
    let call = Call::new();
    let service = ServiceBuilder::new()
        .layer(
            FallbackLayer::new(service_fn(|ask: Ask| async move {
                Ok::<u64, BoxError>(ask.size)
            }))
            .policy(by_verdict()),
        )
        .layer(
            FallbackLayer::routes(
                Route::new("inner", ()).patience(Duration::from_secs(9)),
                Route::new("inner backup", fails("down", Class::Transient)),
            )
            .policy(by_verdict()),
        )
        .service(scripted(|ask| {
            // The outer layer's patience holds for what it wraps.
            let patience = ask.call.as_ref().unwrap().patience();
            assert_eq!(patience, Some(Route::DEFAULT_PATIENCE));
            trouble("down", Class::Transient)
        }));
    let ask = Ask {
        size: 7,
        ..Ask::new(&call)
    };
    assert_eq!(service.oneshot(ask).await.unwrap(), 7);
    let steps = steps(&call).join(", ");
    assert_eq!(
        steps,
        "primary: entered, inner: entered, inner backup: entered, backup: entered, \
         backup: answered"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_leaves_nothing_behind() {
    for readiness in [Readiness::Ready, Readiness::Never] {
        for polls in 0..8 {
            let services = [
                fails("down", Class::Transient),
                fails("down", Class::Transient).readiness(readiness),
                answers(7),
            ];
            let alive = services
                .each_ref()
                .map(|service| Arc::clone(&service.alive));
            let mut service = fallback(services);
            let counts = || alive.each_ref().map(Arc::strong_count);
            let before = counts();
            let mut future = Box::pin(service.ready().await.unwrap().call(Ask::default()));
            for _ in 0..polls {
                let mut cx = Context::from_waker(Waker::noop());
                if future.as_mut().poll(&mut cx).is_ready() {
                    break;
                }
            }
            drop(future);
            assert_eq!(counts(), before, "after {polls} polls");
        }
    }
}

fn called_unready(service: &mut impl Service<Ask>) -> bool {
    let call = std::panic::AssertUnwindSafe(|| drop(service.call(Ask::default())));
    std::panic::catch_unwind(call).is_err()
}

#[tokio::test]
async fn readiness_is_an_instance_s_own() {
    for readiness in [Readiness::Ready, Readiness::Broken] {
        let mut service = fallback([answers(7).readiness(readiness), answers(7)]);
        service.ready().await.unwrap();
        assert!(called_unready(&mut service.clone()));
        assert_eq!(service.call(Ask::default()).await.unwrap(), 7);
        assert!(called_unready(&mut service));
    }
}

#[tokio::test]
async fn readiness_that_was_not_needed_is_given_back() {
    let mut service = by_size([(unasked(), 10), (answers(7), 100)]);
    let ask = Ask {
        size: 50,
        ..Ask::default()
    };
    let answer = service.ready().await.unwrap().call(ask);
    assert!(called_unready(&mut service));
    assert_eq!(answer.await.unwrap(), 1007);
}

#[tokio::test(start_paused = true)]
async fn a_nested_backup_is_not_waited_for_longer_than_the_outer_route_may() {
    let never = unasked().readiness(Readiness::Never);
    let inner = fallback([fails("down", Class::Transient), never]);
    let routes = Routes::new(Route::new("inner", inner)).or(Route::new("b", answers(7)));
    let service = Fallback::new(routes, by_verdict());
    let began = Instant::now();
    assert_eq!(service.oneshot(Ask::new(&Call::new())).await.unwrap(), 7);
    assert_eq!(began.elapsed(), Route::DEFAULT_PATIENCE);
}

#[tokio::test]
async fn each_route_gets_the_request_as_it_prepares_it() {
    let expects = |size| {
        scripted(move |ask: &Ask| {
            assert_eq!(ask.size, size);
            trouble("down", Class::Transient)
        })
    };
    let service = by_size([(expects(30), 30), (unasked(), 10), (expects(20), 20)]);
    let ask = Ask {
        wants: 50,
        size: 15,
        ..Ask::default()
    };
    let exhausted = exhausted(service.oneshot(ask).await);
    let text = "all routes failed: a: down; b: passed over, window too small; c: down";
    assert_eq!(exhausted.to_string(), text);
}

#[tokio::test]
async fn the_future_is_send_and_asks_nothing_of_the_response() {
    fn send<T: Send>(future: T) -> T {
        future
    }
    let service = service_fn(|n: u64| async move { Ok::<_, BoxError>(Cell::new(n)) });
    let routes = Routes::new(Route::new("a", service)).then(Route::new("b", service));
    let fallback = Fallback::new(routes, ByVerdict::<buttress_core::ByError>::default());
    assert_eq!(send(fallback.oneshot(7)).await.unwrap().get(), 7);
}

#[tokio::test]
async fn anyone_may_observe() {
    /// Counts the calls that it is asked about.
    struct Counts(AtomicUsize);
    impl Observe<u64> for Counts {
        type Context = ();
        fn context(&self, _: &u64) {
            self.0.fetch_add(1, Relaxed);
        }
    }
    let policy = ByVerdict::new(buttress_core::ByError::new()).observe(Counts(0.into()));
    let seven = service_fn(|n: u64| async move { Ok::<_, BoxError>(n) });
    let mut service = Fallback::new(Routes::new(Route::new("a", seven)), policy);
    assert_eq!(service.ready().await.unwrap().call(7).await.unwrap(), 7);
}
