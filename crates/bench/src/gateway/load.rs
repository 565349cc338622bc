//! The load: every connection sends its next request when the last one is answered.

use http_body_util::{BodyExt, Full};
use hyper::{Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

const ASK: &str = r#"{"model":"gpt-4o-mini","messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"Hello!"}],"max_tokens":64,"temperature":0.7}"#;

/// What one round found at one place.
pub(super) struct Round {
    pub(super) busy: Figures,
    pub(super) alone: Figures,
}

pub(super) struct Figures {
    per_second: f64,
    /// Microseconds.
    median: f64,
    p99: f64,
}

pub(super) async fn run(address: &str, connections: usize, requests: usize) -> Figures {
    let started = now();
    let each = requests / connections;
    let workers = (0..connections).map(|_| tokio::spawn(connection(address.to_owned(), each)));
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

async fn connection(address: String, requests: usize) -> Vec<f64> {
    let stream = TcpStream::connect(&address).await.expect("a connection");
    stream.set_nodelay(true).expect("a socket option");
    let (mut send, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    tokio::spawn(connection);
    let mut times = Vec::with_capacity(requests);
    for _ in 0..requests {
        let request = Request::post("/v1/chat/completions")
            .header("host", &address)
            .header("content-type", "application/json")
            .header("authorization", "Bearer sk-bench")
            .body(Full::new(Bytes::from_static(ASK.as_bytes())))
            .expect("a request");
        let started = now();
        let response = send.send_request(request).await.expect("an answer");
        assert_eq!(response.status(), 200);
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

pub(super) fn print(rounds: &[Vec<Round>; 2]) {
    let [bare, ours] = rounds;
    println!("\nthe gateway beside a bare proxy");
    println!(
        "  {:<44} {:>10} {:>10} {:>8}",
        "", "bare", "gateway", "ratio"
    );
    type Pick = fn(&Round) -> f64;
    let rows: [(&str, Pick); 5] = [
        ("requests per second, 32 connections", |r| r.busy.per_second),
        ("median, 32 connections (µs)", |r| r.busy.median),
        ("99th percentile, 32 connections (µs)", |r| r.busy.p99),
        ("median, 1 connection (µs)", |r| r.alone.median),
        ("99th percentile, 1 connection (µs)", |r| r.alone.p99),
    ];
    for (name, pick) in rows {
        let (bare, ours) = (median(bare, pick), median(ours, pick));
        println!(
            "  {name:<44} {bare:>10.1} {ours:>10.1} {:>8.2}",
            ours / bare
        );
    }
}

fn median(rounds: &[Round], pick: fn(&Round) -> f64) -> f64 {
    let mut figures: Vec<f64> = rounds.iter().map(pick).collect();
    figures.sort_by(f64::total_cmp);
    at(&figures, 50)
}

fn at(sorted: &[f64], percent: usize) -> f64 {
    let index = sorted.len() * percent / 100;
    sorted.get(index).copied().unwrap_or_default()
}

#[expect(clippy::disallowed_types, reason = "it is real time that is measured")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

#[expect(clippy::disallowed_types, reason = "it is real time that is measured")]
fn micros_since(started: std::time::Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1e6
}
