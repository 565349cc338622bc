//! How it ends.

use crate::{BOTH, before, mode};
use buttress_testkit::{Dialect, Provider, Reply};
use buttress_tests::{Answer, Gateway, SLACK, Setup, assert_closed_at_once};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep},
};

const PACE: Duration = Duration::from_millis(100);

/// A gateway before a provider that streams for half a second.
async fn slow(settings: &[&str]) -> (Provider, Gateway) {
    let reply = Reply::text("One two three four five six").pace(PACE);
    let provider = Provider::openai().forever(reply).start().await.unwrap();
    let setup = before(&provider).await;
    let setup = settings.iter().fold(setup, |setup, line| setup.with(line));
    (provider, setup.start().await)
}

#[tokio::test]
async fn what_is_under_way_finishes() {
    for dialect in [Dialect::OpenAi, Dialect::Anthropic, Dialect::Responses] {
        let (_provider, gateway) = slow(&[]).await;
        let address = gateway.address();
        let asked = mode(dialect, true);
        let open = gateway.open(asked).await;
        let begun = Instant::now();
        let stopped = tokio::spawn(async move { (gateway.stop().await, Instant::now()) });
        sleep(PACE / 2).await;
        let refused = TcpStream::connect(address).await;
        assert!(refused.is_err(), "a new caller is turned away");
        assert!(!stopped.is_finished());

        let answer = Answer::read(asked, open).await;
        answer.assert_good("One two three four five six", "only");
        let (cut_off, stopped) = stopped.await.unwrap();
        assert_eq!(cut_off, 0);
        assert!(stopped - begun >= 4 * PACE);
        let late = stopped.saturating_duration_since(answer.end);
        assert!(late < SLACK, "{late:?}");
    }
}

#[tokio::test]
async fn a_call_that_waits_for_its_retry_finishes() {
    for mode in BOTH {
        let script = mode.scripted().reply(Reply::server_error());
        let provider = script.then(Reply::text("At last.")).start().await.unwrap();
        let gateway = Setup::new()
            .route("only", mode.provider, provider.url())
            .with("defaults.retry.base = '300ms'")
            .with("defaults.retry.cap = '300ms'")
            .start()
            .await;
        let address = gateway.address();
        let body = mode.request().to_string();
        let asked = http::Request::post(mode.caller.path())
            .header("host", address.to_string())
            .header("content-type", "application/json")
            .body(http_body_util::Full::new(bytes::Bytes::from(body)))
            .unwrap();
        let asked = tokio::spawn(buttress_tests::wire::send(address, asked));
        provider.next_call().await;
        let (cut_off, open) = tokio::join!(gateway.stop(), asked);
        let answer = Answer::read(mode, open.unwrap().unwrap()).await;
        answer.assert_good("At last.", "only");
        assert_eq!(cut_off, 0);
    }
}

#[tokio::test]
async fn what_takes_longer_than_the_grace_is_cut_off() {
    for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
        let (provider, gateway) = slow(&["server.shutdown_grace = '150ms'"]).await;
        let asked = mode(dialect, true);
        let open = gateway.open(asked).await;
        let begun = Instant::now();
        let read = tokio::spawn(Answer::read(asked, open));
        assert_eq!(gateway.stop().await, 1);
        let stopped = Instant::now();
        let took = stopped - begun;
        assert!(
            (Duration::from_millis(150)..PACE * 5).contains(&took),
            "{took:?}"
        );
        assert_closed_at_once(&provider, 0, stopped).await;
        let answer = read.await.unwrap();
        assert!(
            !answer.clean,
            "the end of the body can be told from a proper one"
        );
        assert!(!answer.has_end());
    }
}

#[tokio::test]
async fn who_asks_nothing_does_not_hold_it_up() {
    let (_provider, gateway) = slow(&[]).await;
    let address = gateway.address();
    // Says nothing; has got its answer, and stays.
    let silent = TcpStream::connect(address).await.unwrap();
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut answer = [0; 15];
    idle.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    sleep(Duration::from_millis(50)).await;

    let begun = Instant::now();
    assert_eq!(gateway.stop().await, 0);
    let took = begun.elapsed();
    assert!(took < SLACK, "{took:?}");
    drop((silent, idle));
}

/// A load balancer has the time to see that no more calls should come.
#[tokio::test]
async fn it_goes_on_taking_calls_while_it_says_that_it_is_not_ready() {
    const DELAY: Duration = Duration::from_millis(400);
    let provider = crate::well().await;
    let setup = before(&provider).await;
    let gateway = setup.with("server.drain_delay = '400ms'").start().await;
    let address = gateway.address();
    let get = async |path: &str| {
        let request = http::Request::get(path).header("host", address.to_string());
        let request = request.body(http_body_util::Full::new(bytes::Bytes::new()));
        buttress_tests::wire::send(address, request.unwrap()).await
    };
    assert_eq!(get("/readyz").await.unwrap().status, 200);

    let begun = Instant::now();
    let stopped = tokio::spawn(gateway.stop());
    sleep(DELAY / 4).await;
    // Each over a connection of its own.
    assert_eq!(get("/readyz").await.unwrap().status, 503);
    assert_eq!(get("/healthz").await.unwrap().status, 200);
    assert_eq!(get("/v1/models").await.unwrap().status, 200);

    assert_eq!(stopped.await.unwrap(), 0);
    let took = begun.elapsed();
    assert!((DELAY..DELAY + SLACK).contains(&took), "{took:?}");
    assert!(get("/readyz").await.is_err(), "nobody listens any more");
}
