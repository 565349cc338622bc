use super::{Ask, SECOND, answer, call, layer};
use crate::{CircuitBreakerLayer, Settings, State};
use buttress_core::Class;
use std::time::Duration;
use tokio::time::advance;
use tokio_test::{assert_ready_err, assert_ready_ok, task};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_test::mock;

#[tokio::test(start_paused = true)]
async fn each_key_has_its_own_breaker() {
    let layer = layer(Settings::standard().consecutive_failures(1)).keyed(|ask: &Ask| *ask);
    let mut service = layer.layer(service_fn(answer));
    let handles = service.handles();
    assert!(handles.is_empty());
    assert!(handles.get(&Ask::Fail).is_none());
    for ask in [Ask::Fail, Ask::Answer] {
        let _ = call(&mut service.clone(), ask).await;
    }
    assert_eq!(handles.get(&Ask::Fail).unwrap().state(), State::Open);
    assert_eq!(handles.get(&Ask::Answer).unwrap().state(), State::Closed);
    assert_eq!(handles.time_until_probe(), Some(30 * SECOND));
    let refused = call(&mut service, Ask::Fail).await.unwrap_err();
    assert_eq!(refused.class, Class::Rejected);
    assert_eq!(call(&mut service, Ask::Answer).await, Ok("hello"));
    assert_eq!((handles.len(), handles.all().len()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn keys_are_bounded_and_an_open_breaker_is_not_given_up_for_a_closed_one() {
    let settings = Settings::standard().consecutive_failures(1).max_keys(3);
    let layer = layer(settings).keyed(|(key, _): &(u32, Ask)| *key);
    let mut service = layer.layer(service_fn(async |(_, ask): (u32, Ask)| answer(ask).await));
    let handles = layer.handles();
    let keys = || {
        let mut keys: Vec<_> = handles.all().into_iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys
    };
    let mut call = async |key, ask| {
        let response = service.ready().await.unwrap().call((key, ask));
        response.await.map_err(|error| error.0.class)
    };
    for key in [1, 2, 3] {
        call(key, Ask::Answer).await.unwrap();
    }
    // The one that was used least recently goes.
    call(1, Ask::Answer).await.unwrap();
    call(4, Ask::Answer).await.unwrap();
    assert_eq!(keys(), [1, 3, 4]);
    // An open one stays, however long ago it was used.
    call(1, Ask::Fail).await.unwrap_err();
    for key in 5..10 {
        call(key, Ask::Answer).await.unwrap();
    }
    assert_eq!(keys(), [1, 8, 9]);
    // With all of them open, a new key goes unwatched.
    for key in [8, 9] {
        call(key, Ask::Fail).await.unwrap_err();
    }
    for _ in 0..3 {
        assert_eq!(call(10, Ask::Fail).await, Err(Class::Transient));
    }
    assert_eq!(keys(), [1, 8, 9]);
    assert_eq!(call(1, Ask::Answer).await, Err(Class::Rejected));
    // Once they keep nobody out any more, they can go; isolated ones never.
    handles.get(&1).unwrap().isolate();
    advance(30 * SECOND).await;
    for key in [11, 12, 13] {
        call(key, Ask::Answer).await.unwrap();
    }
    // The first of them took a place of those; the others took that of the closed one before.
    assert_eq!(keys().len(), 3);
    assert!(keys().contains(&1) && keys().contains(&13));
    assert!(keys().contains(&8) || keys().contains(&9));
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_probe_is_out_is_not_given_up() {
    let layer = layer(Settings::standard().probes(2).max_keys(1)).keyed(|key: &u32| *key);
    let handles = layer.handles();
    handles.get_or_add(1).unwrap().force_open();
    advance(30 * SECOND).await;
    let mut service = layer.layer(service_fn(async |_: u32| answer(Ask::Hang).await));
    let probe = service.ready().await.unwrap().call(1);
    // Though another one may go, and it keeps nobody out.
    assert_eq!(handles.time_until_probe(), Some(Duration::ZERO));
    assert!(handles.get_or_add(2).is_none());
    drop(probe);
    assert!(handles.get_or_add(2).is_some());
}

#[tokio::test(start_paused = true)]
async fn keys_of_one_seed_do_not_all_probe_at_the_same_moment() {
    let opened = |seed| {
        let settings = Settings::standard().seed(seed).jitter(0.5);
        let layer = CircuitBreakerLayer::new(settings)
            .unwrap()
            .keyed(|key: &u32| *key);
        let opened = [1, 2, 3].map(|key| layer.handles().get_or_add(key).unwrap());
        opened.map(|handle| {
            handle.force_open();
            handle.time_until_probe()
        })
    };
    let times = opened(7);
    assert!(times[0] != times[1] && times[1] != times[2] && times[0] != times[2]);
    assert_eq!(times, opened(7));
    assert_ne!(times, opened(8));
}

#[tokio::test(start_paused = true)]
async fn a_call_of_an_evicted_key_says_nothing_to_the_next_one() {
    let settings = Settings::standard().consecutive_failures(1).max_keys(1);
    let layer = layer(settings).keyed(|key: &u32| *key);
    let (mut service, mut inner) = mock::spawn_layer::<u32, (), _>(layer.clone());
    assert_ready_ok!(service.poll_ready());
    let mut first = task::spawn(service.call(1));
    let (_, answer) = inner.next_request().await.unwrap();
    assert_ready_ok!(service.poll_ready());
    let _second = task::spawn(service.call(2));
    let second = layer.handles().get(&2).unwrap();
    answer.send_error("too late");
    assert_ready_err!(first.poll());
    assert_eq!(second.counts().failures, 0);
    assert_eq!(second.state(), State::Closed);
}
