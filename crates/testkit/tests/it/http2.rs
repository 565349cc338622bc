//! The same over HTTP/2.

use crate::client::{Client, events, read, read_json, request, soon};
use buttress_testkit::{ClosedBy, Dialect, Provider, Reply};
use http_body_util::BodyExt;
use std::{error::Error, io::ErrorKind};

/// The HTTP/2 error at the root of this one.
fn h2_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a h2::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(h2) = error.downcast_ref() {
            return Some(h2);
        }
        cause = error.source();
    }
    None
}

#[tokio::test]
async fn answers_and_streams_come_over_one_connection() {
    let provider = Provider::openai()
        .reply(
            Reply::rate_limited()
                .retry_after(1)
                .header("connection", "close"),
        )
        .then(Reply::text("hello"))
        .then(Reply::huge(3_000_000))
        .start()
        .await
        .unwrap();
    let client = Client::http2();
    let response = client
        .chat(&provider, Dialect::Anthropic, false)
        .await
        .unwrap();
    assert_eq!(
        (response.status().as_u16(), response.version()),
        (429, hyper::Version::HTTP_2)
    );
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(
        read_json(response).await["error"]["type"],
        "rate_limit_error"
    );
    let response = client.chat(&provider, Dialect::OpenAi, true).await.unwrap();
    let (stream, error) = read(response).await;
    assert!(error.is_none() && stream.ends_with("[DONE]\n\n"));
    let response = client
        .chat(&provider, Dialect::OpenAi, false)
        .await
        .unwrap();
    assert!(read(response).await.0.len() > 3_000_000);
    let calls = provider.calls();
    assert_eq!(calls[0].connection(), calls[2].connection());
    assert!(
        calls
            .iter()
            .all(|call| call.finished() && call.closed_by().is_none())
    );
}

#[tokio::test]
async fn refused_streams_and_go_away_say_that_nothing_was_processed() {
    let provider = Provider::openai()
        .reply(Reply::refused_stream())
        .then(Reply::text("the connection still stands"))
        .then(Reply::go_away())
        .start()
        .await
        .unwrap();
    let client = Client::http2();
    let error = client
        .chat(&provider, Dialect::OpenAi, false)
        .await
        .unwrap_err();
    let refused = h2_error(&error).unwrap();
    assert_eq!(refused.reason(), Some(h2::Reason::REFUSED_STREAM));
    assert!(refused.is_reset() && refused.is_remote());
    client
        .chat(&provider, Dialect::OpenAi, false)
        .await
        .unwrap();
    let error = client
        .chat(&provider, Dialect::OpenAi, false)
        .await
        .unwrap_err();
    let away = h2_error(&error).unwrap();
    assert!(away.is_go_away() && away.is_remote());
    assert_eq!(away.reason(), Some(h2::Reason::NO_ERROR));
    let calls = provider.calls();
    assert_eq!(calls[0].connection(), calls[2].connection());
}

#[tokio::test]
async fn breaks_break_the_connection() {
    let text = Reply::text("one two");
    let replies = [
        text.clone().reset_after(1),
        text.clone().close_after(1),
        text.clone().garbage_after(1),
    ];
    for (place, reply) in replies.into_iter().enumerate() {
        let provider = Provider::openai().reply(reply).start().await.unwrap();
        let response = Client::http2().chat(&provider, Dialect::OpenAi, true).await;
        let (stream, error) = read(response.unwrap()).await;
        assert_eq!(events(&stream).len(), 2);
        let error = error.unwrap();
        let io = h2_error(&error).and_then(h2::Error::get_io);
        let is_reset = io.is_some_and(|io| io.kind() == ErrorKind::ConnectionReset);
        assert_eq!(is_reset, place == 0, "{error:?}");
        let call = soon(provider.wait_closed(0)).await;
        assert_eq!(call.closed_by(), Some(ClosedBy::Provider));
    }
}

#[tokio::test]
async fn a_client_that_resets_its_stream_is_seen_to_leave() {
    let mut provider = Provider::openai()
        .reply(Reply::text("one two").stall_after(1))
        .start()
        .await
        .unwrap();
    let client = Client::http2();
    let response = client.chat(&provider, Dialect::OpenAi, true).await.unwrap();
    let mut body = response.into_body();
    soon(body.frame()).await.unwrap().unwrap();
    drop(body);
    let call = soon(provider.wait_closed(0)).await;
    assert_eq!(call.closed_by(), Some(ClosedBy::Client));
    // The connection has outlived its stream.
    client
        .chat(&provider, Dialect::OpenAi, false)
        .await
        .unwrap();
    assert_eq!(provider.calls()[1].connection(), call.connection());
    soon(provider.stop()).await;
    let closed = provider.calls()[1].closed_by();
    assert!(closed.is_some());
}

#[tokio::test]
async fn silence_is_left_by_stopping() {
    let mut provider = Provider::openai()
        .reply(Reply::silence())
        .start()
        .await
        .unwrap();
    let request = request(&provider.url(), Dialect::OpenAi, true);
    let answer = tokio::spawn(async move { Client::http2().send(request).await });
    soon(provider.next_call()).await;
    soon(provider.stop()).await;
    assert!(answer.await.unwrap().is_err());
}
