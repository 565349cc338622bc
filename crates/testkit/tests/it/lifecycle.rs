//! Stopping, dropping and coming back.

use crate::client::{Client, once, read, request, soon};
use buttress_testkit::{ClosedBy, Dialect, Provider, Reply, Script};
use http_body_util::BodyExt;
use std::time::Duration;

#[tokio::test]
async fn dropping_it_closes_connections_and_the_port() {
    let builder = Provider::openai().reply(Reply::text("a b").pace(Duration::from_secs(60)));
    let (provider, response) = once(builder, Dialect::OpenAi, true).await;
    let mut body = response.unwrap().into_body();
    soon(body.frame()).await.unwrap().unwrap();
    let url = provider.url();
    drop(provider);
    let ended = async {
        while let Some(frame) = body.frame().await {
            if frame.is_err() {
                return;
            }
        }
    };
    soon(ended).await;
    let again = request(&url, Dialect::OpenAi, false);
    assert!(Client::http1().send(again).await.unwrap_err().is_connect());
}

#[tokio::test]
async fn stopping_lets_answers_end_and_restarting_brings_the_port_back() {
    let mut provider = Provider::openai()
        .reply(Reply::text("a b c").pace(Duration::from_millis(30)))
        .start()
        .await
        .unwrap();
    let client = Client::http1();
    let response = client.chat(&provider, Dialect::OpenAi, true).await.unwrap();
    let (_, (stream, error)) = tokio::join!(soon(provider.stop()), read(response));
    assert!(error.is_none() && stream.ends_with("[DONE]\n\n"));
    let closed = provider.calls()[0].closed_by();
    assert_eq!(closed, Some(ClosedBy::Provider));

    let error = client
        .chat(&provider, Dialect::OpenAi, false)
        .await
        .unwrap_err();
    assert!(error.is_connect());
    let address = provider.address();
    provider.play(Script::new().forever(Reply::text("back")));
    provider.restart().await.unwrap();
    provider.restart().await.unwrap();
    assert_eq!(provider.address(), address);
    let response = client
        .chat(&provider, Dialect::OpenAi, false)
        .await
        .unwrap();
    assert!(read(response).await.0.contains("back"));
    assert_eq!(provider.call_count(), 2);
}

#[tokio::test]
async fn stopping_does_not_wait_for_what_never_ends() {
    for reply in [Reply::silence(), Reply::headers_only()] {
        let mut provider = Provider::openai().reply(reply).start().await.unwrap();
        let request = request(&provider.url(), Dialect::OpenAi, true);
        let answer = tokio::spawn(async move { Client::http1().send(request).await });
        soon(provider.next_call()).await;
        soon(provider.stop()).await;
        assert_eq!(provider.calls()[0].closed_by(), Some(ClosedBy::Provider));
        drop(answer.await);
    }
}

#[tokio::test]
async fn killing_it_breaks_answers_off() {
    let builder = Provider::openai().reply(Reply::text("a b").pace(Duration::from_secs(60)));
    let (mut provider, response) = once(builder, Dialect::OpenAi, true).await;
    soon(provider.kill()).await;
    let (_, error) = read(response.unwrap()).await;
    assert!(error.is_some());
    let call = &provider.calls()[0];
    assert_eq!(call.closed_by(), Some(ClosedBy::Provider));
    assert!(!call.finished());
    provider.restart().await.unwrap();
    Client::http1()
        .chat(&provider, Dialect::OpenAi, false)
        .await
        .unwrap();
}
