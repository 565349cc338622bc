use super::*;
use buttress_core::{
    AtOnce, Blame, Call, Carried, Carry, Cause, Class, Classify, Failure, Journey, Name, Rejected,
    RetryAfter, Witness, classify_fn,
};
use std::{
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_test::{assert_pending, assert_ready, task};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_test::mock;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Error {
    Failed(Failure),
    Rejected(Rejected),
}

impl From<Rejected> for Error {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

/// A request, with its call if it has one. What it asks for is what it gets.
#[derive(Clone, Debug, Default)]
struct Ask {
    number: u64,
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

fn ask(number: u64) -> Ask {
    Ask { number, call: None }
}

fn asked_by(call: &Call) -> Ask {
    Ask {
        number: 0,
        call: Some(call.clone()),
    }
}

type TestLayer<C> = GateLayer<AtOnce<C>, (), Carried>;

fn layer() -> TestLayer<impl Classify<u64, Error> + Copy + Send + 'static> {
    layer_with(GateSettings::standard())
}

fn layer_with(
    settings: GateSettings,
) -> TestLayer<impl Classify<u64, Error> + Copy + Send + 'static> {
    let classify = classify_fn(|outcome: Result<&u64, &Error>| match outcome {
        Ok(_) => Ok(()),
        Err(Error::Failed(failure)) => Err(*failure),
        Err(Error::Rejected(_)) => Err(Failure::new(Class::Rejected, Blame::Local)),
    });
    let gate = GateLayer::new(settings).unwrap();
    gate.classify(classify).observe(Carried::new())
}

const LIMITED: Failure = Failure::new(Class::Transient, Blame::Limit);
const SPENT: Failure = Failure::new(Class::Persistent, Blame::Key);
const AUTH: Name = Name::new(&"auth");

fn limited(wait: Duration) -> Error {
    Error::Failed(LIMITED.retry_after(RetryAfter::After(wait)))
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Answers with the number asked for, and notes when.
#[derive(Clone, Default)]
struct Server {
    fail: Arc<Mutex<Option<Error>>>,
    served: Arc<Mutex<Vec<(u64, Instant)>>>,
}

impl Server {
    fn service(
        &self,
    ) -> impl Service<Ask, Response = u64, Error = Error, Future: Send> + Clone + Send + use<> {
        let server = self.clone();
        service_fn(move |ask: Ask| {
            let server = server.clone();
            async move {
                server
                    .served
                    .lock()
                    .unwrap()
                    .push((ask.number, Instant::now()));
                sleep(millis(1)).await;
                match *server.fail.lock().unwrap() {
                    Some(error) => Err(error),
                    None => Ok(ask.number),
                }
            }
        })
    }

    fn failing(&self, error: impl Into<Option<Error>>) {
        *self.fail.lock().unwrap() = error.into();
    }

    fn numbers(&self) -> Vec<u64> {
        self.served
            .lock()
            .unwrap()
            .iter()
            .map(|(number, _)| *number)
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_in_line_until_the_limit_is_over() {
    let server = Server::default();
    let gate = layer();
    let service = gate.layer(server.service());
    let handle = service.handle();

    server.failing(limited(secs(20)));
    let failed = service.clone().oneshot(ask(0)).await;
    assert_eq!(failed, Err(limited(secs(20))));
    assert_eq!(handle.state(), GateState::Closed { wait: secs(20) });

    server.failing(None);
    let call = Call::new();
    let begun = Instant::now();
    let mut waiting = task::spawn(service.clone().oneshot(asked_by(&call)));
    assert_pending!(waiting.poll());
    assert_eq!(handle.waiting(), 1);
    assert_eq!(waiting.await, Ok(0));
    assert_eq!(begun.elapsed(), millis(20_001));
    assert_eq!(call.total_waited(), secs(20));
    let journey = call.journey().to_string();
    assert!(
        journey.contains("standing in line for about 20s"),
        "{journey}"
    );
    assert!(matches!(handle.state(), GateState::Reopening { .. }));
}

#[tokio::test(start_paused = true)]
async fn what_would_have_to_wait_too_long_is_turned_away_at_once() {
    let server = Server::default();
    let gate = layer();
    let handle = gate.handle();
    let service = gate.layer(server.service());
    handle.close_for(secs(20));

    let closed = Rejected::new(Cause::GateClosed).retry_after(secs(20));
    let begun = Instant::now();
    let hurried = Call::new().within(secs(19));
    let impatient = Call::new().for_route("first".into(), Some(secs(2)));
    for call in [&hurried, &impatient] {
        let answer = service.clone().oneshot(asked_by(call)).await;
        assert_eq!(answer, Err(Error::Rejected(closed)));
        let journey: Journey = call.journey();
        assert!(
            journey.to_string().contains("refused: gate_closed"),
            "{journey}"
        );
    }
    let late = Call::new().deadline_at(begun);
    let answer = service.clone().oneshot(asked_by(&late)).await;
    assert_eq!(
        answer,
        Err(Error::Rejected(Rejected::new(Cause::DeadlinePast)))
    );
    handle.close_for(secs(31));
    let closed = Rejected::new(Cause::GateClosed).retry_after(secs(31));
    let answer = service.clone().oneshot(ask(0)).await;
    assert_eq!(answer, Err(Error::Rejected(closed)));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(server.numbers(), [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_turned_away_when_it_becomes_hopeless() {
    let gate = layer();
    let handle = gate.handle();
    let service = gate.layer(Server::default().service());
    handle.close_for(secs(5));
    let mut waiting = task::spawn(service.clone().oneshot(ask(0)));
    assert_pending!(waiting.poll());
    handle.close_for(secs(60));
    assert!(waiting.is_woken());
    let closed = Rejected::new(Cause::GateClosed).retry_after(secs(60));
    assert_eq!(assert_ready!(waiting.poll()), Err(Error::Rejected(closed)));
    assert_eq!(handle.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_line_is_bounded() {
    let gate = layer_with(GateSettings::standard().max_waiting(3));
    let handle = gate.handle();
    let service = gate.layer(Server::default().service());
    handle.close_for(secs(5));
    let mut line: Vec<_> = (0..3)
        .map(|n| task::spawn(service.clone().oneshot(ask(n))))
        .collect();
    line.iter_mut()
        .for_each(|call| assert_pending!(call.poll()));
    let full = service.clone().oneshot(ask(3)).await;
    let Err(Error::Rejected(rejected)) = full else {
        panic!("{full:?}");
    };
    assert_eq!(rejected.cause, Cause::QueueFull);
    // Not before those who wait already.
    assert!(rejected.retry_after.unwrap() > secs(5));
    drop(line.pop());
    assert_pending!(task::spawn(service.clone().oneshot(ask(4))).poll());
}

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_go_one_after_the_other_and_in_order() {
    let server = Server::default();
    let gate = layer_with(GateSettings::standard().max_wait(secs(60)));
    let handle = gate.handle();
    let service = gate.layer(server.service());
    handle.close_for(secs(10));
    let reopens = Instant::now() + secs(10);
    let mut calls = JoinSet::new();
    for number in 0..1000 {
        calls.spawn(service.clone().oneshot(ask(number)));
        // Tasks are polled in no order: each takes its place before the next one comes.
        tokio::task::yield_now().await;
    }
    assert_eq!(handle.waiting(), 1000);
    let answers = calls.join_all().await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(server.numbers(), Vec::from_iter(0..1000));

    let served = server.served.lock().unwrap();
    let within = |from: u64, to: u64| {
        let (from, to) = (reopens + millis(from), reopens + millis(to));
        served
            .iter()
            .filter(|(_, at)| (from..to).contains(at))
            .count()
    };
    // Five a second at first, and then five a second more in each second.
    assert_eq!(within(0, 1), 1);
    assert!((5..=10).contains(&within(0, 1000)), "{}", within(0, 1000));
    assert!(
        (40..=60).contains(&within(9000, 10_000)),
        "{}",
        within(9000, 10_000)
    );
    assert!(served.last().unwrap().1 - reopens < secs(25));
}

#[tokio::test(start_paused = true)]
async fn a_limit_met_while_reopening_halves_the_pace() {
    let server = Server::default();
    let gate = layer();
    let handle = gate.handle();
    let service = gate.layer(server.service());
    server.failing(limited(secs(1)));
    for per_second in [5.0, 2.5, 1.25] {
        service.clone().oneshot(ask(0)).await.unwrap_err();
        sleep(secs(1)).await;
        assert_eq!(handle.state(), GateState::Reopening { per_second });
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_while_of_health_it_is_open() {
    let server = Server::default();
    let gate = layer();
    let handle = gate.handle();
    let service = gate.layer(server.service());
    handle.close_for(secs(1));
    for _ in 0..11 {
        assert_ne!(handle.state(), GateState::Open);
        service.clone().oneshot(ask(0)).await.unwrap();
        sleep(secs(1)).await;
    }
    assert_eq!(handle.state(), GateState::Open);
}

#[tokio::test(start_paused = true)]
async fn a_limit_without_a_wait_closes_for_a_moment() {
    let server = Server::default();
    let gate = layer();
    let handle = gate.handle();
    let service = gate.layer(server.service());
    server.failing(Error::Failed(LIMITED));
    for wait in [1, 2, 4, 8] {
        service.clone().oneshot(ask(0)).await.unwrap_err();
        assert_eq!(handle.state(), GateState::Closed { wait: secs(wait) });
    }
}

#[tokio::test(start_paused = true)]
async fn a_spent_key_is_parked_and_tried_by_one_call_at_a_time() {
    let server = Server::default();
    let gate = layer();
    let handle = gate.handle();
    let service = gate.layer(server.service());
    server.failing(Error::Failed(SPENT));
    service.clone().oneshot(ask(0)).await.unwrap_err();
    assert_eq!(
        handle.state(),
        GateState::Parked {
            wait: Some(secs(60))
        }
    );
    let closed = Rejected::new(Cause::KeyUnusable).retry_after(secs(60));
    assert_eq!(
        service.clone().oneshot(ask(1)).await,
        Err(Error::Rejected(closed))
    );

    sleep(secs(60)).await;
    let mut probe = task::spawn(service.clone().oneshot(ask(2)));
    assert_pending!(probe.poll());
    assert_eq!(handle.state(), GateState::Probing);
    let mut other = task::spawn(service.clone().oneshot(ask(3)));
    assert_pending!(other.poll());
    // The probe's caller goes away: the next one tries.
    drop(probe);
    assert!(other.is_woken());
    assert_pending!(other.poll());
    assert_eq!(server.numbers(), [0, 2, 3]);
    // Still spent: who waits can't wait for so long.
    let mut third = task::spawn(service.clone().oneshot(ask(4)));
    assert_pending!(third.poll());
    assert_eq!(other.await, Err(Error::Failed(SPENT)));
    assert_eq!(assert_ready!(third.poll()), Err(Error::Rejected(closed)));

    sleep(secs(60)).await;
    server.failing(None);
    assert_eq!(service.clone().oneshot(ask(5)).await, Ok(5));
    assert!(matches!(handle.state(), GateState::Reopening { .. }));
}

#[tokio::test(start_paused = true)]
async fn the_gates_of_one_key_share_that_it_is_unusable_and_nothing_else() {
    let key = SharedKey::new();
    let [large, small] = [(); 2].map(|()| layer().of_key(&key));
    let (other, server) = (layer(), Server::default());
    let [large, small, other] = [large, small, other].map(|gate| {
        let service = gate.layer(server.service());
        (gate.handle(), service)
    });
    let parked = |secs| GateState::Parked {
        wait: Some(Duration::from_secs(secs)),
    };

    server.failing(limited(secs(20)));
    large.1.clone().oneshot(ask(0)).await.unwrap_err();
    assert_eq!(large.0.state(), GateState::Closed { wait: secs(20) });
    assert_eq!(small.0.state(), GateState::Open);
    let mut waiting = task::spawn(large.1.clone().oneshot(ask(1)));
    assert_pending!(waiting.poll());

    server.failing(Error::Failed(SPENT.kind(AUTH)));
    small.1.clone().oneshot(ask(2)).await.unwrap_err();
    assert_eq!((large.0.state(), small.0.state()), (parked(60), parked(60)));
    assert_eq!(other.0.state(), GateState::Open);
    // Whoever waited for a limit need not wait any longer.
    assert!(waiting.is_woken());
    let Err(Error::Rejected(rejected)) = assert_ready!(waiting.poll()) else {
        panic!("not turned away");
    };
    assert_eq!(rejected.cause, Cause::KeyUnusable);
    assert_eq!(rejected.origin, Some(AUTH));

    // One call of any of them tries it for all.
    sleep(secs(60)).await;
    large.1.clone().oneshot(ask(3)).await.unwrap_err();
    assert_eq!((large.0.state(), small.0.state()), (parked(60), parked(60)));
    sleep(secs(60)).await;
    server.failing(None);
    assert_eq!(small.1.clone().oneshot(ask(4)).await, Ok(4));
    let reopening = |handle: &GateHandle| matches!(handle.state(), GateState::Reopening { .. });
    assert!(reopening(&large.0) && reopening(&small.0));

    // The quota of one is not that of the other.
    let spent = Failure::new(Class::Persistent, Blame::Limit);
    server.failing(Error::Failed(spent));
    large.1.clone().oneshot(ask(5)).await.unwrap_err();
    assert_eq!(large.0.state(), parked(60));
    assert!(reopening(&small.0));
    small.0.unpark();
    assert_eq!(large.0.state(), parked(60));
    // Nor is it there again when the key works that was refused meanwhile.
    server.failing(Error::Failed(SPENT));
    small.1.clone().oneshot(ask(6)).await.unwrap_err();
    small.0.unpark();
    assert_eq!(small.0.state(), GateState::Open);
    assert!(matches!(large.0.state(), GateState::Parked { .. }));
    assert_eq!(server.numbers(), [0, 2, 3, 4, 5, 6]);
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_comes_later_knows_what_is_known_of_its_key() {
    let (key, server) = (SharedKey::new(), Server::default());
    let first = layer().of_key(&key);
    let (handle, service) = (first.handle(), first.layer(server.service()));
    let comes = || layer().of_key(&key).handle();
    server.failing(limited(secs(20)));
    service.clone().oneshot(ask(1)).await.unwrap_err();
    assert_eq!(comes().state(), GateState::Open);

    handle.open();
    server.failing(Error::Failed(SPENT.kind(AUTH)));
    service.clone().oneshot(ask(2)).await.unwrap_err();
    let second = comes();
    assert_eq!(second.state(), handle.state());
    assert_eq!(second.origin(), Some(AUTH));

    // A call is out to try it.
    sleep(secs(60)).await;
    server.failing(None);
    let mut probe = task::spawn(service.oneshot(ask(3)));
    assert_pending!(probe.poll());
    let third = layer().of_key(&key);
    let (handle, service) = (third.handle(), third.layer(server.service()));
    let mut waits = task::spawn(service.oneshot(ask(4)));
    assert_pending!(waits.poll());
    assert_eq!((handle.state(), handle.waiting()), (GateState::Probing, 1));
    probe.await.unwrap();
    assert!(waits.is_woken());
    assert_eq!(waits.await, Ok(4));
    assert_eq!(server.numbers(), [1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn one_call_tries_a_key_for_all_of_its_gates() {
    let key = SharedKey::new();
    let hangs = Arc::new(Mutex::new(true));
    let inner = service_fn({
        let hangs = Arc::clone(&hangs);
        move |ask: Ask| {
            let hangs = *hangs.lock().unwrap();
            async move {
                if hangs {
                    std::future::pending::<()>().await;
                }
                Ok::<_, Error>(ask.number)
            }
        }
    });
    let [one, other, third] = [(); 3].map(|()| {
        let gate = layer_with(GateSettings::standard().max_wait(secs(60)));
        let gate = gate.of_key(&key);
        (gate.handle(), gate.layer(inner.clone()))
    });
    one.0.park(Some(Duration::ZERO));
    let mut hung = task::spawn(one.1.clone().oneshot(ask(1)));
    assert_pending!(hung.poll());
    let mut waiting = task::spawn(other.1.clone().oneshot(ask(2)));
    assert_pending!(waiting.poll());
    let mut behind = task::spawn(other.1.clone().oneshot(ask(3)));
    assert_pending!(behind.poll());
    assert_eq!(other.0.state(), GateState::Probing);
    assert_eq!(other.0.waiting(), 2);

    // Dropped, it gives its place to a call at whichever gate.
    drop(hung);
    assert!(waiting.is_woken());
    assert_pending!(waiting.poll());
    assert_eq!(other.0.waiting(), 1);
    let mut left = task::spawn(one.1.clone().oneshot(ask(4)));
    assert_pending!(left.poll());
    assert_eq!(one.0.waiting(), 1);

    // So does one whose gate is changed by hand.
    other.0.close_for(secs(9));
    assert!(left.is_woken());
    assert_pending!(left.poll());
    assert_eq!(one.0.waiting(), 0);

    // And one of which nothing is heard: the call at the third gate is the next to try.
    *hangs.lock().unwrap() = false;
    let start = Instant::now();
    assert_eq!(third.1.clone().oneshot(ask(5)).await, Ok(5));
    assert_eq!(start.elapsed(), secs(30));
    for handle in [&one.0, &third.0] {
        assert!(matches!(handle.state(), GateState::Reopening { .. }));
    }
    // What became of it has no say any more.
    drop(left);
    assert!(matches!(one.0.state(), GateState::Reopening { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_gate_has_one_key_at_most_and_the_next_owner_of_its_block_none() {
    let (first, second) = (SharedKey::new(), SharedKey::new());
    let gate = layer().of_key(&first).of_key(&second).of_key(&second);
    let [of_first, of_second] = [&first, &second].map(|key| layer().of_key(key).handle());
    of_first.park(None);
    assert_eq!(gate.handle().state(), GateState::Open);
    of_second.park(None);
    assert_eq!(gate.handle().state(), GateState::Parked { wait: None });
    gate.handle().unpark();
    assert_eq!(of_second.state(), GateState::Open);
    assert_eq!(of_first.state(), GateState::Parked { wait: None });

    drop((gate, of_first));
    let next: Vec<_> = (0..1000).map(|_| layer().handle()).collect();
    for handle in [of_second, layer().of_key(&first).handle()] {
        handle.park(None);
    }
    assert!(next.iter().all(|next| next.state() == GateState::Open));
}

/// A gate on a block that is in no free list, which other tests take from.
fn renewed(anchor: &entry::Anchor) {
    use buttress_core::recycle::Recycle;
    anchor.block().renew(&GateSettings::standard());
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_is_no_more_leaves_the_trying_of_its_key_to_the_others() {
    let (key, now) = (SharedKey::new(), Instant::now());
    let [gone, other] = [(); 2].map(|()| entry::Anchor::leak(&GateSettings::standard()));
    key.join(gone.block(), now);
    key.join(other.block(), now);
    gone.block().park(Some(Duration::ZERO), now);
    let entry::Entered::Go(probe) = gone.enter(&(), now) else {
        panic!("nobody tries the key");
    };
    let entry::Entered::Wait(turn, _) = other.enter(&(), now) else {
        panic!("two try the key");
    };
    let mut waiting = task::spawn(std::future::poll_fn(|cx| {
        match turn.poll(cx.waker(), now) {
            entry::Turned::Go(witness) => Poll::Ready(witness),
            _ => Poll::Pending,
        }
    }));
    assert_pending!(waiting.poll());

    renewed(&gone);
    assert!(waiting.is_woken());
    let second = assert_ready!(waiting.poll());
    // The next owner of the block is of the same key, and does not try it as well.
    key.join(gone.block(), now);
    assert!(matches!(gone.enter(&(), now), entry::Entered::Wait(..)));
    assert_eq!(gone.block().read(now).0, GateState::Probing);
    drop(probe);
    assert_eq!(other.block().read(now).0, GateState::Probing);
    second.settled(Ok(()));
    assert!(gone.block().read(now).0 != GateState::Probing);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_tries_a_key_is_alone_whoever_joins_it() {
    let ([first, second], now) = ([(); 2].map(|()| SharedKey::new()), Instant::now());
    let [one, other, late] = [(); 3].map(|()| entry::Anchor::leak(&GateSettings::standard()));
    first.join(one.block(), now);
    first.join(other.block(), now);
    one.block().park(Some(Duration::ZERO), now);
    let goes = |anchor: &entry::Anchor| match anchor.enter(&(), now) {
        entry::Entered::Go(witness) => Some(witness),
        _ => None,
    };
    let probe = goes(&one).expect("nobody tries the key");
    // It is of this key already.
    first.join(one.block(), now);
    assert!(goes(&one).is_none() && goes(&other).is_none());
    // It leaves with its call, which has no say of another key.
    second.join(one.block(), now);
    let of_first = goes(&other).expect("nobody tries the key");
    second.join(late.block(), now);
    let of_second = goes(&late).expect("nobody tries the key");
    assert!(goes(&one).is_none());
    probe.settled(Ok(()));
    assert_eq!(one.block().read(now).0, GateState::Probing);
    drop((of_first, of_second));
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_nothing_is_heard_of_loses_its_place() {
    let hangs = Arc::new(Mutex::new(false));
    let gate = layer();
    let handle = gate.handle();
    let service = gate.layer(service_fn({
        let hangs = Arc::clone(&hangs);
        move |ask: Ask| {
            let hangs = *hangs.lock().unwrap();
            async move {
                if hangs {
                    std::future::pending::<()>().await;
                }
                Ok::<_, Error>(ask.number)
            }
        }
    }));
    handle.park(Some(secs(60)));
    sleep(secs(60)).await;
    *hangs.lock().unwrap() = true;
    let hung = tokio::spawn(service.clone().oneshot(ask(1)));
    sleep(secs(1)).await;
    assert_eq!(handle.state(), GateState::Probing);
    // Who could go elsewhere does not wait for it, and hears for how long it has its place.
    let call = Call::new().for_route("a".into(), Some(secs(2)));
    let mut impatient = ask(2);
    impatient.call = Some(call);
    let answer = service.clone().oneshot(impatient).await;
    let parked = Rejected::new(Cause::KeyUnusable).retry_after(secs(29));
    assert_eq!(answer, Err(Error::Rejected(parked)));
    // Who can't waits, and is the next one to try.
    *hangs.lock().unwrap() = false;
    let start = Instant::now();
    assert_eq!(service.clone().oneshot(ask(3)).await, Ok(3));
    assert_eq!(start.elapsed(), secs(29));
    assert!(matches!(handle.state(), GateState::Reopening { .. }));
    // The first one has no say any more.
    hung.abort();
    assert!(hung.await.is_err());
    assert!(matches!(handle.state(), GateState::Reopening { .. }));
}

#[tokio::test(start_paused = true)]
async fn who_is_turned_away_hears_of_the_failure_before() {
    let server = Server::default();
    let gate = layer_with(GateSettings::standard().max_waiting(1));
    let service = gate.layer(server.service());
    let turned_away = async || match service.clone().oneshot(ask(1)).await {
        Err(Error::Rejected(rejected)) => (rejected.cause, rejected.origin),
        other => panic!("{other:?}"),
    };
    server.failing(Error::Failed(SPENT.kind(AUTH)));
    service.clone().oneshot(ask(0)).await.unwrap_err();
    let auth = Some(AUTH);
    assert_eq!(turned_away().await, (Cause::KeyUnusable, auth));

    // So do those behind a probe: there is no place left, or it found out the same.
    sleep(secs(60)).await;
    let probe = service.clone().oneshot(ask(2));
    let mut probe = task::spawn(probe);
    assert_pending!(probe.poll());
    let mut behind = task::spawn(service.clone().oneshot(ask(3)));
    assert_pending!(behind.poll());
    assert_eq!(turned_away().await, (Cause::QueueFull, auth));
    probe.await.unwrap_err();
    let Err(Error::Rejected(rejected)) = behind.await else {
        panic!("not turned away");
    };
    assert_eq!(
        (rejected.cause, rejected.origin),
        (Cause::KeyUnusable, auth)
    );

    gate.handle().park(None);
    assert_eq!(turned_away().await, (Cause::KeyUnusable, None));
}

#[tokio::test(start_paused = true)]
async fn failures_of_others_close_nothing() {
    let server = Server::default();
    let gate = layer();
    let handle = gate.handle();
    let service = gate.layer(server.service());
    let wait = RetryAfter::After(secs(9));
    for blame in [Blame::Service, Blame::Request, Blame::Local] {
        let failure = Failure::new(Class::Transient, blame).retry_after(wait);
        server.failing(Error::Failed(failure));
        service.clone().oneshot(ask(0)).await.unwrap_err();
        assert_eq!(handle.state(), GateState::Open);
    }
}

#[tokio::test(start_paused = true)]
async fn each_waiter_may_leave_and_the_others_keep_their_order() {
    for leaves in 0..4 {
        let server = Server::default();
        let gate = layer();
        let handle = gate.handle();
        let service = gate.layer(server.service());
        handle.close_for(secs(5));
        let mut calls = JoinSet::new();
        let mut aborts = Vec::new();
        for number in 0..4 {
            aborts.push(calls.spawn(service.clone().oneshot(ask(number))));
            tokio::task::yield_now().await;
        }
        aborts[leaves].abort();
        tokio::task::yield_now().await;
        assert_eq!(handle.waiting(), 3);
        while calls.join_next().await.is_some() {}
        let order: Vec<u64> = (0..4).filter(|number| *number != leaves as u64).collect();
        assert_eq!(server.numbers(), order);
        assert_eq!(handle.waiting(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_after_any_number_of_polls_leaves_nothing_behind() {
    for parked in [false, true] {
        for polls in 0..6 {
            let gate = layer();
            let handle = gate.handle();
            let service = gate.layer(Server::default().service());
            match parked {
                true => handle.park(Some(millis(5))),
                false => handle.close_for(millis(5)),
            }
            let mut call = Box::pin(service.clone().oneshot(ask(0)));
            for _ in 0..polls {
                let mut cx = Context::from_waker(Waker::noop());
                let done = call.as_mut().poll(&mut cx).is_ready();
                if done {
                    break;
                }
                sleep(millis(2)).await;
            }
            drop(call);
            assert_eq!(handle.waiting(), 0);
            let next = timeout(secs(1), service.clone().oneshot(ask(1))).await;
            assert_eq!(next, Ok(Ok(1)), "after {polls} polls, parked {parked}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_line_holds_nothing_of_the_inner_service() {
    // Of this service only one clone is ready at a time.
    let inner = tower::limit::ConcurrencyLimit::new(Server::default().service(), 1);
    let gate = layer();
    let handle = gate.handle();
    let service = gate.layer(inner);
    handle.close_for(secs(5));
    let mut first = task::spawn(service.clone().oneshot(ask(0)));
    assert_pending!(first.poll());
    let mut second = task::spawn(service.clone().oneshot(ask(1)));
    assert_pending!(second.poll());
    assert_eq!(handle.waiting(), 2);
    assert_eq!(first.await, Ok(0));
    assert_eq!(second.await, Ok(1));

    // Nor does the service hold back what it had made ready, when a call waits or is refused.
    handle.close_for(secs(5));
    let mut service = service;
    let waiting = service.ready().await.unwrap().call(ask(2));
    assert_eq!(timeout(secs(60), waiting).await, Ok(Ok(2)));
    handle.close_for(secs(60));
    let refused = service.ready().await.unwrap().call(ask(3));
    assert!(refused.await.is_err());
    handle.open();
    let other = service.clone().oneshot(ask(4));
    assert_eq!(timeout(secs(60), other).await, Ok(Ok(4)));
}

#[tokio::test(start_paused = true)]
async fn an_open_gate_calls_the_instance_that_was_made_ready() {
    let (inner, mut server) = mock::pair::<Ask, u64>();
    let classify = classify_fn(|_: Result<&u64, &tower::BoxError>| Ok(()));
    let gate = GateLayer::standard().classify(classify);
    let mut service = gate.layer(inner);
    server.allow(0);
    let mut ready = task::spawn(async { service.ready().await.map(|_| ()) });
    assert_pending!(ready.poll());
    server.allow(1);
    assert!(ready.is_woken());
    assert_ready!(ready.poll()).unwrap();
    drop(ready);
    let mut call = task::spawn(service.call(ask(7)));
    assert_pending!(call.poll());
    let (request, answer) = server.next_request().await.unwrap();
    answer.send_response(request.number);
    assert_eq!(assert_ready!(call.poll()).unwrap(), 7);

    // One that had to wait makes its own instance ready.
    gate.handle().close_for(secs(1));
    server.allow(1);
    service.ready().await.unwrap();
    server.allow(0);
    let mut call = task::spawn(service.call(ask(8)));
    assert_pending!(call.poll());
    sleep(secs(1)).await;
    assert_pending!(call.poll());
    server.allow(1);
    assert!(call.is_woken());
    assert_pending!(call.poll());
    let (request, answer) = server.next_request().await.unwrap();
    answer.send_response(request.number);
    assert_eq!(assert_ready!(call.poll()).unwrap(), 8);
}

#[tokio::test(start_paused = true)]
async fn no_call_is_made_when_its_service_is_ready_too_late() {
    let (inner, mut server) = mock::pair::<Ask, u64>();
    let classify = classify_fn(|_: Result<&u64, &tower::BoxError>| Ok(()));
    let gate = GateLayer::standard()
        .classify(classify)
        .observe(Carried::new());
    let service = gate.layer(inner);
    let call = Call::new().within(secs(10));
    server.allow(1);
    gate.handle().close_for(secs(1));
    let mut late = task::spawn(service.clone().oneshot(asked_by(&call)));
    assert_pending!(late.poll());
    sleep(secs(1)).await;
    server.allow(0);
    assert_pending!(late.poll());
    sleep(secs(10)).await;
    server.allow(1);
    let error = assert_ready!(late.poll()).unwrap_err();
    let rejected = error.downcast_ref::<Rejected>().unwrap();
    assert_eq!(rejected.cause, Cause::DeadlinePast);
    assert!(call.journey().to_string().contains("deadline"));
    assert_pending!(task::spawn(server.next_request()).poll());
}

#[tokio::test(start_paused = true)]
async fn each_key_has_its_own_gate_and_their_number_is_bounded() {
    let server = Server::default();
    let gate = layer_with(GateSettings::standard().max_keys(2)).keyed(|ask: &Ask| ask.number);
    let service = gate.layer(server.service());
    let handles = service.handles();
    assert!(handles.is_empty());
    server.failing(limited(secs(20)));
    service.clone().oneshot(ask(1)).await.unwrap_err();
    server.failing(None);
    let closed = GateState::Closed { wait: secs(20) };
    assert_eq!(handles.get(&1).unwrap().state(), closed);
    assert_eq!(service.clone().oneshot(ask(2)).await, Ok(2));

    // The open gate gives way, the closed one stays.
    assert_eq!(service.clone().oneshot(ask(3)).await, Ok(3));
    let mut keys: Vec<_> = handles.all().into_iter().map(|(key, _)| key).collect();
    keys.sort_unstable();
    assert_eq!(keys, [1, 3]);
    // None gives way: the fourth is served without a gate.
    handles.get(&3).unwrap().close_for(secs(9));
    server.failing(limited(secs(20)));
    for _ in 0..2 {
        let answer = service.clone().oneshot(ask(4)).await;
        assert_eq!(answer, Err(limited(secs(20))));
    }
    assert_eq!(handles.len(), 2);
    assert!(handles.get(&4).is_none());
}

#[tokio::test(start_paused = true)]
async fn the_key_that_was_not_asked_for_longest_gives_way() {
    let gate = layer_with(GateSettings::standard().max_keys(8)).keyed(|ask: &Ask| ask.number);
    let handles = gate.handles();
    let service = gate.layer(Server::default().service());
    service.clone().oneshot(ask(0)).await.unwrap();
    for number in 1..100 {
        service.clone().oneshot(ask(number)).await.unwrap();
        service.clone().oneshot(ask(0)).await.unwrap();
    }
    let mut keys: Vec<_> = handles.all().into_iter().map(|(key, _)| key).collect();
    keys.sort_unstable();
    assert_eq!(keys, [0, 93, 94, 95, 96, 97, 98, 99]);
}

#[test]
fn settings_are_looked_at_when_a_layer_is_made_of_them() {
    let settings = GateSettings::standard().max_keys(0);
    let refused = GateLayer::new(settings).unwrap_err();
    let (setting, allowed) = ("max_keys", "1 to 65,536");
    assert_eq!(
        refused,
        InvalidGateSettings::OutOfRange { setting, allowed }
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_can_be_parked_before_its_first_call() {
    let gate = layer_with(GateSettings::standard().max_keys(2)).keyed(|ask: &Ask| ask.number);
    let handles = gate.handles();
    let service = gate.layer(Server::default().service());
    for key in [1, 2] {
        handles.get_or_add(key).unwrap().park(None);
        let answer = service.clone().oneshot(ask(key)).await;
        let parked = Rejected::new(Cause::KeyUnusable);
        assert_eq!(answer, Err(Error::Rejected(parked)));
    }
    assert!(handles.get_or_add(3).is_none(), "there is no room");
    handles.get_or_add(1).unwrap().open();
    assert!(handles.get_or_add(3).is_some());
    assert!(handles.get(&1).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_classifier_is_judge_enough() {
    let server = Server::default();
    let never = classify_fn(|_: Result<&u64, &Error>| Ok(()));
    let gate = layer().classify(never);
    let handle = gate.handle();
    server.failing(limited(secs(9)));
    let answer = gate.layer(server.service()).oneshot(ask(0)).await;
    answer.unwrap_err();
    assert_eq!(handle.state(), GateState::Open);
}

#[tokio::test(start_paused = true)]
async fn the_handle_overrides() {
    let server = Server::default();
    let gate = layer();
    let handle = gate.handle();
    let service = gate.layer(server.service());
    handle.park(None);
    assert_eq!(handle.state(), GateState::Parked { wait: None });
    let rejected = Rejected::new(Cause::KeyUnusable);
    assert_eq!(
        service.clone().oneshot(ask(0)).await,
        Err(Error::Rejected(rejected))
    );
    handle.unpark();
    assert_eq!(handle.state(), GateState::Open);
    handle.close_for(secs(20));
    handle.unpark();
    assert_eq!(handle.state(), GateState::Closed { wait: secs(20) });
    let mut first = task::spawn(service.clone().oneshot(ask(1)));
    let mut second = task::spawn(service.clone().oneshot(ask(2)));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    handle.open();
    assert!(first.is_woken());
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    assert_eq!(server.numbers(), [1]);
    assert_eq!(handle.waiting(), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_sent_away_for_longer_than_a_key_stays_shut() {
    let server = Server::default();
    let gate = layer_with(GateSettings::standard().max_closed(secs(60)));
    let handle = gate.handle();
    let service = gate.layer(server.service());
    server.failing(limited(secs(31_536_000)));
    service.clone().oneshot(ask(0)).await.unwrap_err();
    assert_eq!(handle.state(), GateState::Closed { wait: secs(60) });
    let closed = Rejected::new(Cause::GateClosed).retry_after(secs(60));
    let answer = service.clone().oneshot(ask(1)).await;
    assert_eq!(answer, Err(Error::Rejected(closed)));
    server.failing(None);
    sleep(secs(50)).await;
    let mut first = task::spawn(service.clone().oneshot(ask(2)));
    let mut second = task::spawn(service.clone().oneshot(ask(3)));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    sleep(secs(10)).await;
    assert_pending!(first.poll());
    assert_eq!(handle.state(), GateState::Probing);
    assert_pending!(second.poll());
    assert_eq!(server.numbers(), [0, 2]);
    assert_eq!(first.await, Ok(2));
    assert_eq!(second.await, Ok(3));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_polled_is_in_nobodys_way() {
    let server = Server::default();
    let gate = layer();
    let handle = gate.handle();
    let mut service = gate.layer(server.service());
    handle.close_for(secs(5));
    let unpolled = service.ready().await.unwrap().call(ask(0));
    assert_eq!(handle.waiting(), 0);
    let begun = Instant::now();
    let next = timeout(secs(60), service.clone().oneshot(ask(1))).await;
    assert_eq!(next, Ok(Ok(1)));
    assert_eq!(begun.elapsed(), millis(5001));
    // It comes when it is polled, or is told what is the case then.
    handle.close_for(secs(60));
    let closed = Rejected::new(Cause::GateClosed).retry_after(secs(60));
    assert_eq!(unpolled.await, Err(Error::Rejected(closed)));
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_polled_no_more_lose_their_places_at_their_limit() {
    let server = Server::default();
    let gate = layer_with(GateSettings::standard().max_wait(secs(10)));
    let handle = gate.handle();
    let service = gate.layer(server.service());
    handle.close_for(secs(5));
    let mut stuck: Vec<_> = (0..2)
        .map(|number| task::spawn(service.clone().oneshot(ask(number))))
        .collect();
    for call in &mut stuck {
        assert_pending!(call.poll());
    }
    // One that stands behind them gets through, and lets the one behind it through.
    sleep(secs(2)).await;
    let begun = Instant::now();
    let (third, fourth) = (
        service.clone().oneshot(ask(2)),
        service.clone().oneshot(ask(3)),
    );
    let both = timeout(secs(60), async { tokio::join!(third, fourth) }).await;
    assert_eq!(both, Ok((Ok(2), Ok(3))));
    assert!(begun.elapsed() < secs(9), "{:?}", begun.elapsed());
    assert_eq!(handle.waiting(), 0);
    for call in stuck {
        assert!(matches!(call.await, Err(Error::Rejected(_))));
    }

    // One that comes after their limit passes them by.
    handle.close_for(secs(5));
    let mut stuck = task::spawn(service.clone().oneshot(ask(4)));
    assert_pending!(stuck.poll());
    sleep(secs(11)).await;
    assert_eq!(service.clone().oneshot(ask(5)).await, Ok(5));
    assert!(stuck.is_woken());
    assert_eq!(server.numbers(), [2, 3, 5]);
}

mod http {
    use super::*;
    use crate::RetryAfterLayer;
    use ::http::{Request, Response};
    use buttress_core::http::{AtEnd, HttpStatus};
    use http_body_util::{BodyExt, Full};
    use std::convert::Infallible;
    use tower::BoxError;

    type Body = http_body_util::combinators::UnsyncBoxBody<&'static [u8], Infallible>;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: Body) -> Response<Body> {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        response.body(body).unwrap()
    }

    fn full() -> Body {
        Full::new(&b"{}"[..]).boxed_unsync()
    }

    struct Endless;

    impl http_body::Body for Endless {
        type Data = &'static [u8];
        type Error = Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<&'static [u8]>, Infallible>>> {
            Poll::Pending
        }
    }

    /// Answers with the response at hand.
    fn serve(
        next: &Arc<Mutex<Vec<Response<Body>>>>,
    ) -> impl Service<Request<()>, Response = Response<Body>, Error = BoxError> + Clone + use<>
    {
        let next = Arc::clone(next);
        let inner = service_fn(move |_: Request<()>| {
            let answer = next.lock().unwrap().pop().unwrap();
            async move { Ok::<_, BoxError>(answer) }
        });
        RetryAfterLayer::new().layer(inner)
    }

    #[tokio::test(start_paused = true)]
    async fn the_pace_is_learned_from_headers() {
        let next = Arc::new(Mutex::new(Vec::new()));
        let gate = GateLayer::standard()
            .judge(AtEnd::new(HttpStatus::new()))
            .pace_hint(FromRateLimit::new());
        let handle = gate.handle();
        let service = gate.layer(serve(&next));
        let call = async |answer| {
            next.lock().unwrap().push(answer);
            let answer = service.clone().oneshot(Request::new(())).await;
            answer
                .map(|answer| answer.status().as_u16())
                .map_err(|_| ())
        };
        let limit = ("x-ratelimit-limit-requests", "60");
        let none = ("x-ratelimit-remaining-requests", "0");
        let reset = ("x-ratelimit-reset-requests", "30s");
        // The wait is the reset, the pace one call in half a second.
        assert_eq!(
            call(answer(429, &[limit, none, reset], full())).await,
            Ok(429)
        );
        assert_eq!(handle.state(), GateState::Closed { wait: secs(30) });
        sleep(secs(30)).await;
        assert_eq!(handle.state(), GateState::Reopening { per_second: 2.0 });
        // A success that leaves nothing holds the next call.
        let reset = ("x-ratelimit-reset-requests", "60s");
        assert_eq!(
            call(answer(200, &[limit, none, reset], full())).await,
            Ok(200)
        );
        assert_eq!(handle.state(), GateState::Reopening { per_second: 1.0 });
        let begun = Instant::now();
        assert_eq!(call(answer(200, &[], full())).await, Ok(200));
        assert_eq!(begun.elapsed(), secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_counts_at_its_end_but_a_probe_is_known_by_its_head() {
        let next = Arc::new(Mutex::new(Vec::new()));
        let key = SharedKey::new();
        let gate = GateLayer::standard().of_key(&key);
        let gate = gate.judge(AtEnd::new(HttpStatus::new()));
        let (handle, other) = (gate.handle(), layer().of_key(&key).handle());
        let service = gate.layer(serve(&next));
        let endless = || Endless.boxed_unsync();
        handle.park(Some(Duration::ZERO));
        next.lock().unwrap().push(answer(200, &[], endless()));
        let stream = service.clone().oneshot(Request::new(())).await.unwrap();
        for handle in [&handle, &other] {
            assert!(matches!(
                handle.state(),
                GateState::Reopening { per_second: 5.0 }
            ));
        }
        drop(stream);
        assert!(matches!(
            handle.state(),
            GateState::Reopening { per_second: 5.0 }
        ));
        sleep(secs(1)).await;
        next.lock().unwrap().push(answer(200, &[], full()));
        let whole = service.clone().oneshot(Request::new(())).await.unwrap();
        assert!(matches!(
            handle.state(),
            GateState::Reopening { per_second: 5.0 }
        ));
        whole.into_body().collect().await.unwrap();
        assert!(matches!(
            handle.state(),
            GateState::Reopening { per_second: 6.0 }
        ));
    }
}
