use super::{Ask, BoxError, Failed, SECOND, answer, call, layer};
use crate::{Counts, Handle, Reason, Settings, State};
use buttress_core::{Call, Carried, Carry, Cause, Class, Context as _, Event, Failure};
use futures_util::{
    FutureExt,
    future::{join_all, poll_fn},
};
use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc::{Sender, channel},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};
use tokio::time::advance;
use tower::{Layer, Service, ServiceExt, service_fn};

#[tokio::test(start_paused = true)]
async fn trips_recovers_and_tells() {
    let layer = layer(Settings::standard());
    let handle = layer.handle();
    let mut service = layer.layer(service_fn(answer));
    let mut watch = handle.watch();
    for _ in 0..8 {
        assert_eq!(call(&mut service, Ask::Fail).await, Err(Failure::SERVICE));
    }
    let change = *watch.borrow_and_update();
    assert_eq!(change.state, State::Open);
    assert_eq!(change.reason, Reason::ConsecutiveFailures);
    let refused = call(&mut service, Ask::Answer).await.unwrap_err();
    assert_eq!(refused.class, Class::Rejected);
    assert_eq!(refused.wait(), handle.time_until_probe());

    advance(30 * SECOND).await;
    assert_eq!(handle.time_until_probe(), Some(Duration::ZERO));
    for _ in 0..2 {
        assert_eq!(call(&mut service, Ask::Answer).await, Ok("hello"));
    }
    assert_eq!(watch.borrow_and_update().state, State::Closed);
    assert_eq!(handle.time_until_probe(), None);
    drop((service, layer, handle));
    assert!(watch.changed().await.is_err());
}

/// A watcher that looks at the breaker right where it is woken.
#[test]
fn a_watcher_may_be_woken_in_the_middle_of_a_change() {
    struct Looks(Handle, Sender<State>);
    impl Wake for Looks {
        fn wake(self: Arc<Self>) {
            let Self(handle, seen) = &*self;
            let (_counts, watch) = (handle.counts(), handle.watch());
            let told = watch.borrow().state;
            assert_eq!(told, handle.state());
            seen.send(told).unwrap();
        }
    }
    let (seen, states) = channel();
    // On a thread of its own, which hangs if it locks itself out.
    thread::spawn(move || {
        let layer = layer(
            Settings::standard()
                .consecutive_failures(1)
                .successes_to_close(1)
                .open_for(Duration::from_nanos(1)),
        );
        let handle = layer.handle();
        let waker = Waker::from(Arc::new(Looks(handle.clone(), seen)));
        let mut watch = handle.watch();
        let mut service = layer.layer(service_fn(answer));
        let mut watched = |change: &mut dyn FnMut()| {
            watch.mark_unchanged();
            let mut changed = pin!(watch.changed());
            let mut cx = Context::from_waker(&waker);
            assert!(changed.as_mut().poll(&mut cx).is_pending());
            change();
        };
        let mut ask = |ask| {
            let _ = call(&mut service, ask).now_or_never();
        };
        watched(&mut || ask(Ask::Fail));
        watched(&mut || ask(Ask::Hang));
        watched(&mut || ask(Ask::Answer));
        watched(&mut || handle.force_open());
        watched(&mut || handle.reset());
        watched(&mut || handle.isolate());
    });
    let wait = || states.recv_timeout(Duration::from_secs(10));
    let seen = [(); 6].map(|()| wait().expect("woken, and not locked out"));
    let expected = [
        State::Open,
        State::HalfOpen,
        State::Closed,
        State::Open,
        State::Closed,
        State::Isolated,
    ];
    assert_eq!(seen, expected);
}

#[tokio::test(start_paused = true)]
async fn the_handle_overrides() {
    let layer = layer(Settings::standard());
    let handle = layer.handle();
    let mut service = layer.layer(service_fn(answer));
    handle.isolate();
    advance(1_000_000 * SECOND).await;
    let refused = call(&mut service, Ask::Answer).await.unwrap_err();
    assert_eq!(refused.wait(), None);
    assert_eq!(handle.time_until_probe(), None);

    handle.force_close();
    assert_eq!(call(&mut service, Ask::Answer).await, Ok("hello"));
    assert_eq!(handle.counts().calls, 1);

    let before = handle.generation();
    handle.force_open();
    assert_eq!(handle.generation(), before + 1);
    assert_eq!(handle.counts().opened, 1);
    assert_eq!(handle.time_until_probe(), Some(30 * SECOND));

    handle.reset();
    assert_eq!(handle.state(), State::Closed);
    assert_eq!(handle.counts(), Counts::default());
}

#[tokio::test(start_paused = true)]
async fn one_state_at_a_time() {
    let one_hot = |handle: &Handle| {
        let state = handle.state();
        State::ALL.map(|gauge| u8::from(gauge == state))
    };
    let layer = layer(Settings::standard());
    let handle = layer.handle();
    assert_eq!(one_hot(&handle), [1, 0, 0, 0]);
    handle.force_open();
    assert_eq!(one_hot(&handle), [0, 1, 0, 0]);
    advance(30 * SECOND).await;
    let mut service = layer.layer(service_fn(answer));
    let _probe = service.ready().await.unwrap().call(Ask::Hang);
    assert_eq!(one_hot(&handle), [0, 0, 1, 0]);
    handle.isolate();
    assert_eq!(one_hot(&handle), [0, 0, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn rejections_are_reported_to_the_request_s_call() {
    #[derive(Clone, Debug)]
    struct Request(Call);
    impl Carry for Request {
        fn call(&self) -> Option<&Call> {
            Some(&self.0)
        }
        fn set_call(&mut self, call: Call) {
            self.0 = call;
        }
        fn call_or(&mut self, _: impl FnOnce() -> Call) -> &mut Call {
            &mut self.0
        }
    }
    let layer = layer(Settings::standard()).observe(Carried::new());
    let mut service = layer.layer(service_fn(async |_: Request| Ok::<_, BoxError>(())));
    let call = Call::new();
    let request = Request(call.clone());
    service
        .ready()
        .await
        .unwrap()
        .call(request.clone())
        .await
        .unwrap();
    assert!(call.journey().steps().is_empty());
    layer.handle().force_open();
    service
        .ready()
        .await
        .unwrap()
        .call(request)
        .await
        .unwrap_err();
    let events: Vec<_> = call
        .journey()
        .steps()
        .iter()
        .map(|s| s.event.clone())
        .collect();
    assert_eq!(events, [Event::Rejected(Cause::CircuitOpen)]);
    assert!(call.spend_call(), "nothing was sent");
}

/// Ten thousand callers, on as many threads as there are, find a breaker whose open time has
/// passed. Those that get through wait until all have tried.
#[tokio::test(flavor = "multi_thread")]
async fn of_ten_thousand_callers_only_the_probes_get_through() {
    const CALLERS: usize = 10_000;
    for probes in [1, 3] {
        let settings = Settings::standard()
            .probes(probes)
            .successes_to_close(probes)
            .open_for(Duration::from_nanos(1));
        let layer = layer(settings);
        layer.handle().force_open();
        let through = Arc::new(AtomicUsize::new(0));
        let tried = Arc::new(tokio::sync::Semaphore::new(0));
        let inner = service_fn({
            let (through, tried) = (Arc::clone(&through), Arc::clone(&tried));
            move |()| {
                through.fetch_add(1, Relaxed);
                let tried = Arc::clone(&tried);
                async move {
                    let _all = tried.acquire_many(CALLERS as u32).await;
                    Ok::<_, Failed>(())
                }
            }
        });
        let callers = (0..CALLERS).map(|_| {
            let service = layer.layer(inner.clone());
            let tried = Arc::clone(&tried);
            tokio::spawn(async move {
                let mut response = pin!(service.oneshot(()));
                let first = poll_fn(|cx| Poll::Ready(response.as_mut().poll(cx))).await;
                tried.add_permits(1);
                match first {
                    Poll::Ready(result) => result.is_ok(),
                    Poll::Pending => response.await.is_ok(),
                }
            })
        });
        let results = join_all(callers).await;
        let succeeded = results
            .into_iter()
            .filter(|result| *result.as_ref().unwrap());
        assert_eq!(succeeded.count(), probes as usize);
        assert_eq!(through.load(Relaxed), probes as usize);
        assert_eq!(layer.handle().state(), State::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_clone_and_a_sibling_share_the_breaker() {
    let layer = layer(Settings::standard().consecutive_failures(2));
    let mut service = layer.layer(service_fn(answer));
    let mut clone = service.clone();
    let mut sibling = layer.clone().layer(service_fn(answer));
    call(&mut service, Ask::Fail).await.unwrap_err();
    call(&mut clone, Ask::Fail).await.unwrap_err();
    let refused = call(&mut sibling, Ask::Answer).await.unwrap_err();
    assert_eq!(refused.class, Class::Rejected);
}
