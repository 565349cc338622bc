//! What the provider writes down.

use crate::client::{Client, once, read, request, soon};
use buttress_testkit::{ClosedBy, Dialect, Provider, Reply};
use http_body_util::BodyExt;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

#[tokio::test]
async fn a_call_is_written_down_with_its_parts() {
    let builder = Provider::openai().reply(Reply::text("yes"));
    let (provider, response) = once(builder, Dialect::OpenAi, true).await;
    read(response.unwrap()).await;
    let call = &provider.calls()[0];
    assert_eq!((call.index(), call.step()), (0, Some(0)));
    assert_eq!(call.method(), "POST");
    assert_eq!(call.path(), "/v1/chat/completions");
    assert_eq!(call.dialect(), Dialect::OpenAi);
    assert_eq!(call.header("authorization"), Some("Bearer sk-right"));
    assert_eq!(call.json()["messages"][0]["content"], "hi");
    assert_eq!(call.model(), "model-x");
    assert!(call.wants_stream() && call.finished());
    assert!(call.at() <= Instant::now());
    let debug = format!("{call:?}");
    assert!(
        !debug.contains("sk-right") && !debug.contains("\"hi\""),
        "{debug}"
    );
}

#[tokio::test]
async fn gaps_are_the_times_between_arrivals() {
    let provider = Provider::openai().start().await.unwrap();
    let client = Client::http1();
    let pause = Duration::from_millis(20);
    for _ in 0..3 {
        client
            .chat(&provider, Dialect::OpenAi, false)
            .await
            .unwrap();
        tokio::time::sleep(pause).await;
    }
    let gaps = provider.gaps();
    assert_eq!(gaps.len(), 2);
    assert!(gaps.iter().all(|gap| *gap >= pause));
}

#[tokio::test]
async fn next_call_waits_and_hands_out_each_call_once() {
    let provider = Provider::openai().start().await.unwrap();
    let client = Client::http1();
    let (first, _) = tokio::join!(
        soon(provider.next_call()),
        client.chat(&provider, Dialect::OpenAi, false),
    );
    client
        .chat(&provider, Dialect::OpenAi, false)
        .await
        .unwrap();
    let second = soon(provider.next_call()).await;
    assert_eq!((first.index(), second.index()), (0, 1));
    // Both on the one connection that the client keeps.
    assert_eq!(first.connection(), second.connection());
}

#[tokio::test]
async fn the_client_leaving_is_seen_when_it_happens() {
    // While nothing is sent, and while the socket is full.
    for reply in [Reply::text("a b").stall_after(1), Reply::huge(64 << 20)] {
        let builder = Provider::openai().reply(reply);
        let (provider, response) = once(builder, Dialect::OpenAi, true).await;
        let mut body = response.unwrap().into_body();
        soon(body.frame()).await.unwrap().unwrap();
        assert_eq!(provider.calls()[0].closed_by(), None);
        let left = Instant::now();
        drop(body);
        let call = soon(provider.wait_closed(0)).await;
        assert_eq!(call.closed_by(), Some(ClosedBy::Client));
        assert!(!call.finished());
        let closed = call.closed_at().unwrap();
        assert!(closed >= left && closed - left < Duration::from_secs(2));
        assert_eq!(call.closed_after(), Some(closed - call.at()));
    }
}

#[tokio::test]
async fn calls_beyond_those_kept_are_counted() {
    let provider = Provider::openai().remember(1).start().await.unwrap();
    let client = Client::http1();
    for _ in 0..3 {
        client
            .chat(&provider, Dialect::OpenAi, false)
            .await
            .unwrap();
    }
    assert_eq!((provider.call_count(), provider.calls().len()), (3, 1));
}

#[tokio::test]
async fn requests_arrive_in_every_form() {
    let provider = Provider::openai().start().await.unwrap();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nexpect: 100-continue\r\n";
    let chunked = "transfer-encoding: chunked\r\n\r\n4;x=y\r\n{\"mo\r\n8\r\ndel\":\"m\"\r\n1\r\n}\r\n0\r\na: b\r\n\r\n";
    let last = "POST /v1/chat/completions HTTP/1.0\r\ncontent-length: 15\r\n\r\n{\"stream\":true}";
    let mut socket = TcpStream::connect(provider.address()).await.unwrap();
    // The second one rides on the heels of the first.
    let bytes = [head, chunked, last].concat();
    for piece in bytes.as_bytes().chunks(7) {
        socket.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answer = String::new();
    soon(socket.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"));
    // HTTP/1.0 knows no chunks: the body ends with the connection.
    assert_eq!(answer.matches("transfer-encoding").count(), 0);
    assert!(answer.ends_with("data: [DONE]\n\n"));
    let calls = provider.calls();
    assert_eq!(calls[0].model(), "m");
    assert!(calls[1].wants_stream());
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_turned_away() {
    let provider = Provider::anthropic().start().await.unwrap();
    let mut request = request(&provider.url(), Dialect::Anthropic, false);
    *request.body_mut() = vec![b' '; (32 << 20) + 1].into();
    let response = Client::http1().send(request).await.unwrap();
    assert_eq!(response.status(), 413);
    assert_eq!(provider.calls()[0].step(), None);
}

#[tokio::test]
async fn what_is_no_http_is_hung_up_on() {
    let provider = Provider::openai().start().await.unwrap();
    let mut socket = TcpStream::connect(provider.address()).await.unwrap();
    socket
        .write_all(b"\x16\x03\x01\x02\x00\x01\x00")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _ = soon(socket.read_to_end(&mut answer)).await;
    assert!(answer.is_empty());
    assert_eq!(provider.call_count(), 0);
}
