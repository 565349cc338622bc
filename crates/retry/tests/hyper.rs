//! Bodies replayed through real HTTP/1 connections, over pipes in memory.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use buttress_core::http::HttpStatus;
use buttress_retry::{Backoff, Buffered, Jitter, ReplayBody, RetryLayer};
use bytes::Bytes;
use http::{Request, Response, header::CONTENT_LENGTH};
use http_body_util::{BodyExt, Channel, Full};
use hyper::{body::Incoming, client, server, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};
use tokio::sync::mpsc;
use tower::{BoxError, Layer, ServiceExt};

/// What the server got: `content-length`, and the body if it read it.
type Seen = Arc<Mutex<Vec<(Option<u64>, Option<Bytes>)>>>;

/// A server that answers each connection's request with the next of these statuses: at once
/// without reading the body if it is a failure, else when the body was read.
#[derive(Clone)]
struct Server {
    failures: Arc<AtomicU32>,
    seen: Seen,
    /// Told when a connection is over.
    closed: mpsc::UnboundedSender<()>,
}

impl Server {
    /// Makes a connection and sends this request over it.
    async fn call<B>(self, request: Request<ReplayBody<B>>) -> Result<Response<Incoming>, BoxError>
    where
        B: http_body::Body + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let (near, far) = tokio::io::duplex(1024);
        tokio::spawn(self.serve(far));
        let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(near)).await?;
        tokio::spawn(connection);
        Ok(sender.send_request(request).await?)
    }

    async fn serve(self, io: tokio::io::DuplexStream) {
        let answer = async |request: Request<Incoming>| {
            let length = request.headers().get(CONTENT_LENGTH);
            let length = length.map(|length| length.to_str().unwrap().parse().unwrap());
            let failing = self.failures.load(Relaxed) > 0;
            let body = if failing {
                self.failures.fetch_sub(1, Relaxed);
                None
            } else {
                Some(request.into_body().collect().await?.to_bytes())
            };
            self.seen.lock().unwrap().push((length, body));
            let status = if failing { 503 } else { 200 };
            let response = Response::builder().status(status).body(String::new());
            Ok::<_, hyper::Error>(response.unwrap())
        };
        let connection = server::conn::http1::Builder::new();
        let _ = connection
            .serve_connection(TokioIo::new(io), service_fn(answer))
            .await;
        let _ = self.closed.send(());
    }
}

fn layer() -> RetryLayer<HttpStatus, (), Buffered> {
    let backoff = Backoff::default().jitter(Jitter::None);
    RetryLayer::http().backoff(backoff).replay(Buffered::new())
}

fn server(failures: u32) -> (Server, mpsc::UnboundedReceiver<()>) {
    let (closed, connections) = mpsc::unbounded_channel();
    let failures = Arc::new(AtomicU32::new(failures));
    let seen = Seen::default();
    (
        Server {
            failures,
            seen,
            closed,
        },
        connections,
    )
}

#[tokio::test(start_paused = true)]
async fn the_length_stays_and_the_body_is_whole() {
    let (server, _connections) = server(2);
    let seen = Arc::clone(&server.seen);
    let service = layer().layer(tower::service_fn(move |request| {
        server.clone().call(request)
    }));
    let request = Request::put("/").body(Full::new(Bytes::from("hello")));
    let response = service.oneshot(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    let whole = (Some(5), Some("hello".into()));
    let seen = seen.lock().unwrap();
    assert_eq!(*seen, [(Some(5), None), (Some(5), None), whole]);
}

/// The server answers while the body is still being sent. The connection must neither go on
/// taking from the body nor stay open for it.
#[tokio::test(start_paused = true)]
async fn an_early_answer_loses_nothing_of_the_body_and_holds_no_connection() {
    let (server, mut connections) = server(1);
    let seen = Arc::clone(&server.seen);
    let service = layer().layer(tower::service_fn(move |request| {
        server.clone().call(request)
    }));
    let (mut sender, body) = Channel::<Bytes, io::Error>::new(1);
    let request = Request::put("/").body(body).unwrap();
    let call = tokio::spawn(service.oneshot(request));
    sender.send_data("one ".into()).await.unwrap();
    connections.recv().await.unwrap();
    assert_eq!(seen.lock().unwrap().len(), 1);
    sender.send_data("two ".into()).await.unwrap();
    sender.send_data("three".into()).await.unwrap();
    drop(sender);
    let response = call.await.unwrap().unwrap();
    assert_eq!(response.status(), 200);
    let seen = seen.lock().unwrap();
    assert_eq!(*seen, [(None, None), (None, Some("one two three".into()))]);
}
