use crate::{
    AnyData, DeadlineLayer, Grpc, Limits, Progress, Stopwatch, TimedBody, TimeoutLayer, ToEnd,
};
use buttress_core::{Call, Carried, Carry, Cause, Context as _, Elapsed, Event, Phase, Rejected};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Channel};
use std::{
    convert::Infallible,
    future::{pending, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::time::{Instant, advance, sleep};
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_test::mock;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn elapsed<T: std::fmt::Debug>(result: Result<T, BoxError>) -> Elapsed {
    *result.unwrap_err().downcast().unwrap()
}

/// What ends a body: what was read before, how long it took, and the error.
async fn read<B>(body: B) -> (String, Duration, Option<Elapsed>)
where
    B: Body<Data = Bytes, Error = BoxError>,
{
    let began = Instant::now();
    let mut body = pin!(body);
    let mut text = String::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                let data = frame.into_data().unwrap_or_default();
                text += std::str::from_utf8(&data).unwrap();
            }
            Err(error) => {
                let error = error.downcast().unwrap();
                assert!(body.is_end_stream() && body.frame().await.is_none());
                return (text, began.elapsed(), Some(*error));
            }
        }
    }
    (text, began.elapsed(), None)
}

/// A body of these pieces, each after a pause; then silence, or the end.
fn pieces<const N: usize>(pieces: [(u64, &'static str); N], ends: bool) -> Channel<Bytes> {
    let (mut send, body) = Channel::<Bytes>::new(1);
    tokio::spawn(async move {
        for (pause, piece) in pieces {
            sleep(secs(pause)).await;
            if send.send_data(Bytes::from(piece)).await.is_err() {
                return;
            }
        }
        if !ends {
            pending::<()>().await;
        }
    });
    body
}

fn timed<B>(limits: Limits, body: B) -> TimedBody<B, impl Progress<Bytes>> {
    let no_comments = |data: &Bytes| !data.starts_with(b":");
    let mut watch = Stopwatch::start(limits, None);
    watch.headers();
    TimedBody::new(body, no_comments, watch)
}

/// Answers with the request after this many seconds.
async fn slow(after: u64) -> Result<u64, BoxError> {
    sleep(secs(after)).await;
    Ok(after)
}

#[tokio::test(start_paused = true)]
async fn an_attempt_has_until_its_limit() {
    let limits = Limits::none().headers(secs(5)).attempt(secs(9));
    let service = TimeoutLayer::new(limits).layer(service_fn(slow));
    assert_eq!(service.clone().oneshot(4).await.unwrap(), 4);
    let began = Instant::now();
    let late = elapsed(service.oneshot(6).await);
    assert_eq!(late, Elapsed::new(Phase::Headers, secs(5)));
    assert_eq!(began.elapsed(), secs(5));

    let service = TimeoutLayer::new(limits.headers(None)).layer(service_fn(slow));
    let late = elapsed(service.oneshot(10).await);
    assert_eq!(late, Elapsed::new(Phase::Attempt, secs(9)));
}

#[tokio::test(start_paused = true)]
async fn limits_may_depend_on_the_request() {
    let odd_is_hasty = |n: &u64| match n % 2 {
        1 => Limits::none().attempt(secs(1)),
        _ => Limits::none(),
    };
    let service = TimeoutLayer::new(odd_is_hasty).layer(service_fn(slow));
    assert_eq!(service.clone().oneshot(100).await.unwrap(), 100);
    assert_eq!(elapsed(service.oneshot(3).await).phase, Phase::Attempt);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_never_outlasts_its_call() {
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::new(Limits::whole()).observe(Carried::new()))
        .service(service_fn(|_: Request<()>| slow(20)));
    let mut request = Request::new(());
    request.set_call(Call::new().within(secs(3)));
    let began = Instant::now();
    let late = elapsed(service.oneshot(request).await);
    assert_eq!(late, Elapsed::new(Phase::Deadline, secs(3)));
    assert_eq!(began.elapsed(), secs(3));
}

#[tokio::test(start_paused = true)]
async fn the_first_content_has_its_own_limit() {
    let limits = Limits::none().first_content(secs(10)).idle(secs(60));
    let body = timed(limits, pieces([(8, "a"), (50, "b")], true));
    assert_eq!(read(body).await, ("ab".to_owned(), secs(58), None));
    let body = timed(limits, pieces([(11, "a")], true));
    let late = Elapsed::new(Phase::FirstContent, secs(10));
    assert_eq!(read(body).await, (String::new(), secs(10), Some(late)));
}

#[tokio::test(start_paused = true)]
async fn keep_alives_reset_nothing() {
    let limits = Limits::none().first_content(secs(10)).idle(secs(4));
    let body = timed(
        limits,
        pieces([(3, ":"), (3, ":"), (3, ":"), (3, ":")], false),
    );
    let late = Elapsed::new(Phase::FirstContent, secs(10));
    assert_eq!(read(body).await, (":::".to_owned(), secs(10), Some(late)));
    let body = timed(limits, pieces([(3, "a"), (3, ":"), (3, "b")], false));
    let late = Elapsed::new(Phase::Idle, secs(4));
    assert_eq!(read(body).await, ("a:".to_owned(), secs(7), Some(late)));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_keep_alives_does_not_hide_the_limit() {
    struct Flood;
    impl Body for Flood {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(Some(Ok(Frame::data(Bytes::from(":")))))
        }
    }
    let limits = Limits::none().first_content(secs(10));
    let mut body = timed(limits, Flood);
    assert!(body.frame().await.unwrap().is_ok());
    advance(secs(11)).await;
    assert!(body.frame().await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn content_starts_the_idle_time_anew() {
    let limits = Limits::none().idle(secs(5)).attempt(secs(17));
    let steady = [(4, "a"), (4, "b"), (4, "c"), (4, "d")];
    let body = timed(limits, pieces(steady, true));
    assert_eq!(read(body).await, ("abcd".to_owned(), secs(16), None));
    let late = Elapsed::new(Phase::Attempt, secs(17));
    let body = timed(limits, pieces(steady, false));
    assert_eq!(read(body).await, ("abcd".to_owned(), secs(17), Some(late)));
    let body = timed(limits.attempt(None), pieces(steady, false));
    let late = Elapsed::new(Phase::Idle, secs(5));
    assert_eq!(read(body).await, ("abcd".to_owned(), secs(21), Some(late)));
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_is_away_is_not_an_idle_sender() {
    let (mut send, body) = Channel::<Bytes>::new(4);
    let mut body = timed(Limits::none().idle(secs(5)), body);
    for piece in ["a", "b"] {
        send.send_data(Bytes::from(piece)).await.unwrap();
        body.frame().await.unwrap().unwrap();
        advance(secs(60)).await;
    }
    // Asks, and the sender has its whole time from here.
    let began = Instant::now();
    let error = body.frame().await.unwrap().unwrap_err();
    assert!(error.is::<Elapsed>());
    assert_eq!(began.elapsed(), secs(5));
}

#[tokio::test(start_paused = true)]
async fn trailers_and_the_end_come_through_late() {
    let (mut send, body) = Channel::<Bytes>::new(4);
    let mut body = timed(Limits::none().attempt(secs(5)), body);
    send.send_data(Bytes::from("a")).await.unwrap();
    send.send_trailers(HeaderMap::new()).await.unwrap();
    body.frame().await.unwrap().unwrap();
    advance(secs(60)).await;
    assert!(body.frame().await.unwrap().unwrap().is_trailers());
    drop(send);
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_body_is_watched_by_the_same_watch_as_its_head() {
    let limits = Limits::none().headers(secs(5)).first_content(secs(8));
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::new(limits).scope(ToEnd::new(AnyData::new())))
        .service(service_fn(|_: ()| async {
            sleep(secs(4)).await;
            Ok::<_, BoxError>(Response::new(pieces([(5, "late")], true)))
        }));
    let began = Instant::now();
    let response = service.oneshot(()).await.unwrap();
    let (text, _, late) = read(response.into_body()).await;
    assert_eq!(text, "");
    assert_eq!(late, Some(Elapsed::new(Phase::FirstContent, secs(8))));
    assert_eq!(began.elapsed(), secs(8));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_holds_to_the_end_of_the_body() {
    let service = ServiceBuilder::new()
        .layer(DeadlineLayer::new(secs(10)).scope(ToEnd::new(AnyData::new())))
        .service(service_fn(|_: Request<()>| async {
            let steady = pieces([(4, "a"), (4, "b"), (4, "c")], true);
            Ok::<_, BoxError>(Response::new(steady))
        }));
    let response = service.oneshot(Request::new(())).await.unwrap();
    let late = Elapsed::new(Phase::Deadline, secs(10));
    let read = read(response.into_body()).await;
    assert_eq!(read, ("ab".to_owned(), secs(10), Some(late)));
}

#[tokio::test(start_paused = true)]
async fn a_request_is_told_its_deadline() {
    let service = ServiceBuilder::new()
        .layer(DeadlineLayer::new(secs(10)))
        .service(service_fn(|request: Request<()>| async move {
            let deadline = request.call().unwrap().deadline().unwrap();
            Ok::<_, BoxError>(deadline - Instant::now())
        }));
    let left = service.clone().oneshot(Request::new(())).await.unwrap();
    assert_eq!(left, secs(10));
    let mut request = Request::new(());
    let call = Call::new().within(secs(3));
    request.set_call(call.clone());
    // An earlier deadline stays, and so does the call.
    assert_eq!(service.oneshot(request).await.unwrap(), secs(3));

    let service = ServiceBuilder::new()
        .layer(DeadlineLayer::new(secs(10)).set_by(()))
        .service(service_fn(slow));
    let late = elapsed(service.oneshot(11).await);
    assert_eq!(late, Elapsed::new(Phase::Deadline, secs(10)));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_is_past_refuses_the_call() {
    let service = ServiceBuilder::new()
        .layer(DeadlineLayer::new(secs(10)).set_by(Grpc::new()))
        .service(service_fn(|_: Request<()>| async {
            panic!("nothing may be sent");
            #[expect(unreachable_code, reason = "tells the type")]
            Ok::<(), BoxError>(())
        }));
    let mut request = Request::new(());
    let call = Call::new().within(secs(1));
    request.set_call(call.clone());
    advance(secs(1)).await;
    let error = service.oneshot(request).await.unwrap_err();
    let refused = Rejected::new(Cause::DeadlinePast);
    assert_eq!(*error.downcast::<Rejected>().unwrap(), refused);
    let journey = call.journey();
    assert_eq!(
        journey.steps()[0].event,
        Event::Rejected(Cause::DeadlinePast)
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_there_is_no_timer_and_nobody_is_woken() {
    let mut watch = Stopwatch::start(Limits::none(), None);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(watch.poll_elapsed(&mut cx).is_pending());
    advance(Duration::from_secs(1 << 30)).await;
    assert!(watch.poll_elapsed(&mut cx).is_pending());
    assert!(format!("{watch:?}").contains("timer: None"));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_has_elapsed_says_so_again() {
    let mut watch = Stopwatch::start(Limits::none().headers(secs(1)), None);
    for _ in 0..2 {
        let elapsed = poll_fn(|cx| watch.poll_elapsed(cx)).await;
        assert_eq!(elapsed.phase, Phase::Headers);
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_comes_nearer_is_kept() {
    // The timer is set for 100 s when the idle time of 5 s begins.
    let limits = Limits::none().first_content(secs(100)).idle(secs(5));
    let body = timed(limits, pieces([(1, "a")], false));
    let late = Elapsed::new(Phase::Idle, secs(5));
    assert_eq!(read(body).await, ("a".to_owned(), secs(6), Some(late)));
}

#[tokio::test(start_paused = true)]
async fn the_readied_instance_is_the_one_that_is_called() {
    let (inner, mut handle) = mock::pair::<Request<()>, ()>();
    let timeout = TimeoutLayer::new(Limits::whole());
    let mut service = ServiceBuilder::new()
        .layer(DeadlineLayer::new(secs(10)))
        .layer(timeout)
        .service(inner);
    handle.allow(0);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Service::<Request<()>>::poll_ready(&mut service, &mut cx).is_pending());
    handle.allow(1);
    // The mock panics when it is called without having been ready.
    let call = service.ready().await.unwrap().call(Request::new(()));
    let answer = async { handle.next_request().await.unwrap().1.send_response(()) };
    tokio::join!(call, answer).0.unwrap();
    assert!(Service::<Request<()>>::poll_ready(&mut service, &mut cx).is_pending());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_drops_what_it_holds() {
    fn send<T: Send>(future: T) -> T {
        future
    }
    let alive = Arc::new(());
    let held = Arc::clone(&alive);
    let mut service = ServiceBuilder::new()
        .layer(DeadlineLayer::new(secs(10)).scope(ToEnd::new(AnyData::new())))
        .layer(TimeoutLayer::new(Limits::streamed()).scope(ToEnd::new(AnyData::new())))
        .service(service_fn(move |_: Request<()>| {
            let held = Arc::clone(&held);
            async move {
                tokio::task::yield_now().await;
                let body = pieces([], false).map_frame(move |frame| {
                    let _ = &held;
                    frame
                });
                Ok::<_, BoxError>(Response::new(body))
            }
        }));
    let mut cx = Context::from_waker(Waker::noop());
    for polls in 0..4 {
        let call = service.ready().await.unwrap().call(Request::new(()));
        let mut call = Box::pin(send(call));
        assert_eq!(Arc::strong_count(&alive), 3);
        for _ in 0..polls {
            if let Poll::Ready(response) = call.as_mut().poll(&mut cx) {
                let mut body = Box::pin(send(response.unwrap().into_body()));
                assert!(body.as_mut().poll_frame(&mut cx).is_pending());
                assert_eq!(Arc::strong_count(&alive), 3);
                break;
            }
        }
        drop(call);
        assert_eq!(Arc::strong_count(&alive), 2, "after {polls} polls");
    }
}
