//! The load: every connection sends its next request when the last one is answered.

use super::figures::{at, micros_since, now};
use buttress_llm::Dialect;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request,
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// What is asked, again and again.
#[derive(Clone)]
pub(super) struct Ask {
    path: String,
    body: Bytes,
}

/// What one round found at one place.
pub(super) struct Round {
    pub(super) busy: Figures,
    pub(super) alone: Figures,
}

pub(super) struct Figures {
    pub(super) per_second: f64,
    /// Microseconds.
    pub(super) median: f64,
    pub(super) p99: f64,
}

impl Ask {
    /// This request, in this dialect and of this model, without a stream.
    pub(super) fn new(dialect: Dialect, model: &str, body: Bytes) -> Self {
        let path = dialect.path(model, false);
        let below = ["", "/v1"][usize::from(!path.starts_with("/v1"))];
        let path = format!("{below}{path}");
        Self { path, body }
    }

    async fn send(&self, at: &str, connection: &mut Connection) -> hyper::Response<Incoming> {
        let request = Request::post(&self.path)
            .header("host", at)
            .header("content-type", "application/json")
            .header("authorization", "Bearer sk-bench")
            .body(Full::new(self.body.clone()))
            .expect("a request");
        let response = connection.send_request(request).await.expect("an answer");
        assert_eq!(response.status(), 200);
        response
    }
}

type Connection = SendRequest<Full<Bytes>>;

async fn connect(address: &str) -> Connection {
    let stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("a socket option");
    let (send, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    tokio::spawn(connection);
    send
}

/// So many requests over so many connections.
pub(super) async fn run(address: &str, ask: &Ask, connections: usize, requests: usize) -> Figures {
    let started = now();
    let each = requests / connections;
    let workers =
        (0..connections).map(|_| tokio::spawn(connection(address.to_owned(), ask.clone(), each)));
    let mut times = Vec::with_capacity(requests);
    for worker in workers.collect::<Vec<_>>() {
        times.extend(worker.await.expect("a connection that works"));
    }
    let seconds = micros_since(started) / 1e6;
    times.sort_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "some thousand requests")]
    Figures {
        per_second: times.len() as f64 / seconds,
        median: at(&times, 50),
        p99: at(&times, 99),
    }
}

async fn connection(address: String, ask: Ask, requests: usize) -> Vec<f64> {
    let mut connection = connect(&address).await;
    let mut times = Vec::with_capacity(requests);
    for _ in 0..requests {
        let started = now();
        let response = ask.send(&address, &mut connection).await;
        let body = response
            .into_body()
            .collect()
            .await
            .expect("a whole answer");
        assert!(body.to_bytes().ends_with(b"}"));
        times.push(micros_since(started));
    }
    times
}

/// So many streams at a time: the megabytes per second of all of them together.
pub(super) async fn streams(address: &str, ask: &Ask, streams: usize) -> f64 {
    let mut open = Vec::with_capacity(streams);
    for _ in 0..streams {
        open.push(connect(address).await);
    }
    let started = now();
    let workers = open.into_iter().map(|mut connection| {
        let (address, ask) = (address.to_owned(), ask.clone());
        tokio::spawn(async move {
            let response = ask.send(&address, &mut connection).await;
            read(response.into_body()).await
        })
    });
    let mut bytes = 0;
    for worker in workers.collect::<Vec<_>>() {
        bytes += worker.await.expect("a stream that works");
    }
    #[expect(clippy::cast_precision_loss, reason = "some megabytes")]
    let bytes = bytes as f64;
    bytes / micros_since(started)
}

/// Reads a stream to its end, and counts its bytes.
async fn read(mut body: Incoming) -> usize {
    const END: &[u8] = b"[DONE]\n\n";
    let mut bytes = 0;
    let mut last = Vec::new();
    while let Some(frame) = body.frame().await {
        let data = frame.expect("no break").into_data().unwrap_or_default();
        bytes += data.len();
        // It may come in several pieces.
        last.extend_from_slice(&data[data.len().saturating_sub(END.len())..]);
        last.drain(..last.len().saturating_sub(END.len()));
    }
    assert_eq!(last, END, "a stream without its end");
    bytes
}
