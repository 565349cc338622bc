//! gRPC answers as servers send them, and a retry through all three parts.

use super::{PREVIOUS_ATTEMPTS, PreviousAttempts, TrailersLayer};
use crate::{Backoff, Cloned, Replay, RetryLayer, Seed};
use buttress_core::{Failure, Observe, grpc::GrpcStatus};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Channel, Empty, channel::Sender};
use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio_test::{assert_pending, assert_ready, task::spawn};
use tower::{BoxError, Layer, ServiceExt};

type Chunked = Channel<Bytes, io::Error>;

fn status(code: &'static str) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", code.parse().unwrap());
    trailers.append("many", "a".parse().unwrap());
    trailers.append("many", "b".parse().unwrap());
    trailers
}

/// The future of an answer with this body, which is sent through the other half.
macro_rules! answering {
    ($layer:expr) => {{
        let (sender, body) = Chunked::new(8);
        let mut response = Response::new(body);
        response.headers_mut().insert("many", "0".parse().unwrap());
        response
            .headers_mut()
            .insert("content-length", "7".parse().unwrap());
        (sender, calling!($layer, response))
    }};
}

macro_rules! calling {
    ($layer:expr, $response:expr) => {{
        let mut response = Some($response);
        let answer =
            move |_: Request<()>| std::future::ready(Ok::<_, BoxError>(response.take().unwrap()));
        spawn(
            $layer
                .layer(tower::service_fn(answer))
                .oneshot(Request::new(())),
        )
    }};
}

async fn rest<B>(response: Response<B>) -> (Bytes, Option<HeaderMap>)
where
    B: Body<Data = Bytes, Error: std::fmt::Debug>,
{
    let body = response.into_body().collect().await.unwrap();
    let trailers = body.trailers().cloned();
    (body.to_bytes(), trailers)
}

async fn message(sender: &mut Sender<Bytes, io::Error>) {
    sender.send_data("message".into()).await.unwrap();
}

#[tokio::test]
async fn trailers_that_come_first_are_moved_into_the_head() {
    for layer in [TrailersLayer::new(), TrailersLayer::new().unary(64)] {
        let (mut sender, mut call) = answering!(layer);
        assert_pending!(call.poll());
        sender.send_data(Bytes::new()).await.unwrap();
        assert_pending!(call.poll());
        sender.send_trailers(status("14")).await.unwrap();
        let response = assert_ready!(call.poll()).unwrap();
        assert_eq!(response.headers()["grpc-status"], "14");
        let many: Vec<_> = response.headers().get_all("many").iter().collect();
        assert_eq!(many, ["0", "a", "b"]);
        assert!(response.body().is_end_stream());
        assert_eq!(rest(response).await, (Bytes::new(), None));
    }
}

#[tokio::test]
async fn a_message_goes_on_when_it_is_there() {
    let (mut sender, mut call) = answering!(TrailersLayer::new());
    message(&mut sender).await;
    let response = assert_ready!(call.poll()).unwrap();
    assert!(!response.headers().contains_key("grpc-status"));
    assert!(!response.body().is_end_stream());
    assert_eq!(response.body().size_hint().lower(), 7);
    sender.send_trailers(status("13")).await.unwrap();
    drop(sender);
    assert_eq!(rest(response).await, ("message".into(), Some(status("13"))));
}

#[tokio::test]
async fn a_unary_call_that_fails_after_its_message_has_failed() {
    let (mut sender, mut call) = answering!(TrailersLayer::new().unary(64));
    message(&mut sender).await;
    assert_pending!(call.poll());
    sender.send_trailers(status("13")).await.unwrap();
    let response = assert_ready!(call.poll()).unwrap();
    assert_eq!(response.headers()["grpc-status"], "13");
    assert!(!response.headers().contains_key("content-length"));
    assert_eq!(rest(response).await, (Bytes::new(), None));

    let (mut sender, mut call) = answering!(TrailersLayer::new().unary(64));
    message(&mut sender).await;
    assert_pending!(call.poll());
    sender.send_trailers(status("0")).await.unwrap();
    drop(sender);
    let response = assert_ready!(call.poll()).unwrap();
    assert!(!response.headers().contains_key("grpc-status"));
    assert_eq!(rest(response).await, ("message".into(), Some(status("0"))));
}

#[tokio::test]
async fn a_long_answer_is_not_held_back() {
    let (mut sender, mut call) = answering!(TrailersLayer::new().unary(13));
    message(&mut sender).await;
    assert_pending!(call.poll());
    message(&mut sender).await;
    let response = assert_ready!(call.poll()).unwrap();
    drop(sender);
    assert_eq!(rest(response).await.0, "messagemessage");
}

#[tokio::test]
async fn an_end_without_a_status_is_unknown_and_a_break_an_error() {
    let (sender, mut call) = answering!(TrailersLayer::new());
    drop(sender);
    let response = assert_ready!(call.poll()).unwrap();
    assert_eq!(response.headers()["grpc-status"], "2");

    let (mut sender, mut call) = answering!(TrailersLayer::new().unary(64));
    message(&mut sender).await;
    drop(sender);
    let response = assert_ready!(call.poll()).unwrap();
    assert_eq!(response.headers()["grpc-status"], "2");
    assert!(response.body().is_end_stream());

    let (sender, mut call) = answering!(TrailersLayer::new());
    sender.abort(io::ErrorKind::ConnectionReset.into());
    assert!(assert_ready!(call.poll()).unwrap_err().is::<io::Error>());
}

#[tokio::test]
async fn a_head_that_says_it_all_is_not_held_back() {
    for response in [
        Response::builder().header("grpc-status", "5"),
        Response::builder().status(502),
    ] {
        let (_sender, body) = Chunked::new(1);
        let mut call = calling!(TrailersLayer::new(), response.body(body).unwrap());
        assert!(assert_ready!(call.poll()).is_ok());
    }
}

#[test]
fn an_attempt_that_was_never_processed_does_not_count() {
    let replay = PreviousAttempts::new(Cloned::new());
    let (_, kept) = replay.keep(Request::new(()));
    let again = replay.again(&mut kept.unwrap(), 0).unwrap();
    assert!(again.headers().is_empty());
}

/// Notes what was recorded.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<buttress_core::Event>>>);

impl<Req> Observe<Req> for Log {
    type Context = Self;

    fn context(&self, _: &Req) -> Self {
        self.clone()
    }
}

impl buttress_core::Context for Log {
    fn record(&self, event: buttress_core::Event) {
        self.0.lock().unwrap().push(event);
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_counts_the_attempts_before_and_keeps_the_pushback() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let server = |request: Request<Bytes>| {
        let mut seen = seen.lock().unwrap();
        let previous = request.headers().get(PREVIOUS_ATTEMPTS).cloned();
        seen.push(previous);
        let mut trailers = status(if seen.len() < 3 { "14" } else { "0" });
        if seen.len() == 1 {
            let pushback = "1500".parse().unwrap();
            trailers.insert("grpc-retry-pushback-ms", pushback);
        }
        let body = Empty::<Bytes>::new().with_trailers(async { Some(Ok(trailers)) });
        std::future::ready(Ok::<_, BoxError>(Response::new(body.boxed_unsync())))
    };
    let log = Log::default();
    let backoff = Backoff::default().seed(Seed::Fixed(3));
    let service = RetryLayer::standard()
        .backoff(backoff)
        .classify(GrpcStatus::new())
        .observe(log.clone())
        .replay(PreviousAttempts::new(Cloned::new()))
        .layer(TrailersLayer::new().layer(tower::service_fn(server)));
    let response = service.oneshot(Request::new(Bytes::new())).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "0");
    let seen = seen.lock().unwrap();
    let seen: Vec<_> = seen
        .iter()
        .map(|n| n.as_ref().map(|n| n.as_bytes()))
        .collect();
    assert_eq!(seen, [None, Some(&b"1"[..]), Some(b"2")]);
    let log = log.0.lock().unwrap();
    let pushback = Duration::from_millis(1500);
    assert!(matches!(&log[0], buttress_core::Event::Failed(failure)
        if failure.wait() == Some(pushback)));
    assert!(matches!(&log[1], buttress_core::Event::Retry { wait } if *wait >= pushback));
    assert!(matches!(&log[2], buttress_core::Event::Failed(failure)
        if *failure == Failure::SERVICE));
}

/// The memory of an answer that is held back is bounded, however it is cut into frames.
#[tokio::test]
async fn frames_that_carry_little_are_not_held_without_limit() {
    let (mut sender, mut call) = answering!(TrailersLayer::new());
    for _ in 0..100 {
        sender.send_data(Bytes::new()).await.unwrap();
        assert_pending!(call.poll());
    }
    message(&mut sender).await;
    let response = assert_ready!(call.poll()).unwrap();
    assert_eq!(
        format!("{:?}", response.body()),
        "PeekedBody { held: 1, .. }"
    );

    let (mut sender, mut call) = answering!(TrailersLayer::new().unary(640));
    for _ in 0..26 {
        sender.send_data("x".into()).await.unwrap();
        assert_pending!(call.poll());
    }
    sender.send_data("x".into()).await.unwrap();
    let response = assert_ready!(call.poll()).unwrap();
    drop(sender);
    assert_eq!(rest(response).await.0.len(), 27);
}
