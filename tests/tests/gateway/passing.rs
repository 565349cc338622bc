//! What goes through as it is.

use crate::{BOTH, mode, post, read};
use buttress_testkit::{Dialect, Provider, Reply};
use buttress_tests::{Mode, Setup, in_modes};
use std::time::Duration;

#[tokio::test]
async fn a_request_keeps_what_its_caller_wrote() {
    for mode in BOTH {
        let provider = mode.scripted().start().await.unwrap();
        let gateway = Setup::new()
            .route("only", mode.provider, provider.url())
            .start()
            .await;
        let body = r#"{ "model":"any",  "max_tokens":50, "messages":[{"role":"user","content":"\u00e9\/ 1.50e3"}], "vendor_field":{"b":1.0,"a":[ ]} }"#;
        assert_eq!(post(&gateway, mode, body).await.status, 200);
        let sent = String::from_utf8(provider.calls()[0].body().to_vec()).unwrap();
        assert_eq!(sent, body.replace(r#""any""#, r#""only""#));
    }
}

/// What a provider has stored and the tools that it runs are its own affair where it is asked in
/// its caller's dialect.
#[tokio::test]
async fn a_response_keeps_what_its_caller_wrote() {
    let mode = mode(Dialect::Responses, false);
    let provider = mode.scripted().start().await.unwrap();
    let gateway = Setup::new()
        .route("only", mode.provider, provider.url())
        .start()
        .await;
    let body = r#"{ "model":"any",  "previous_response_id":"resp_1", "input":"Hi", "tools":[{"type":"web_search"}], "own":[ ] }"#;
    assert_eq!(post(&gateway, mode, body).await.status, 200);
    let sent = String::from_utf8(provider.calls()[0].body().to_vec()).unwrap();
    assert_eq!(sent, body.replace(r#""any""#, r#""only""#));

    // Elsewhere both are refused, before anybody is asked.
    let other = Provider::anthropic().start().await.unwrap();
    let gateway = Setup::new()
        .route("only", Dialect::Anthropic, other.url())
        .start()
        .await;
    let answer = post(&gateway, mode, body).await;
    answer.assert_given_up(400, "invalid_request_error");
    assert!(
        answer.body.contains("can't be carried over"),
        "{}",
        answer.body
    );
    assert_eq!(other.call_count(), 0);
}

#[tokio::test]
async fn the_providers_name_for_a_call_goes_through() {
    // Gemini has no name for a call.
    let named = Mode::all().filter(|mode| mode.provider != Dialect::Gemini);
    in_modes(named, async |mode: Mode| {
        let reply = Reply::text("Hello.").header("x-ratelimit-remaining-requests", "7");
        let provider = mode.scripted().reply(reply).start().await.unwrap();
        let gateway = Setup::new()
            .route("only", mode.provider, provider.url())
            .start()
            .await;
        let answer = gateway.ask(mode).await;
        let name = mode.provider("x-request-id", "request-id");
        assert!(answer.header(name).is_some(), "{:?}", answer.headers);
        assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some("7"));
        assert_eq!(answer.header("server"), None);
    })
    .await;
}

#[tokio::test]
async fn a_stream_goes_through_as_it_comes() {
    for dialect in [Dialect::OpenAi, Dialect::Anthropic, Dialect::Responses] {
        let mode = mode(dialect, true);
        let reply = Reply::text("One two").pace(Duration::from_millis(500));
        let provider = Provider::builder(dialect)
            .reply(reply)
            .start()
            .await
            .unwrap();
        let gateway = Setup::new()
            .route("only", dialect, provider.url())
            .start()
            .await;
        let mut open = gateway.open(mode).await;
        assert_eq!(
            open.headers["content-type"],
            "text/event-stream; charset=utf-8"
        );
        assert_eq!(open.headers["cache-control"], "no-cache");
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains("One") {
            seen.extend(open.piece().await.unwrap().expect("more"));
        }
        assert!(!String::from_utf8_lossy(&seen).contains("two"), "held back");
        let rest = read(mode, Ok(open)).await;
        assert!(rest.body.contains(" two"));
        assert!(rest.has_end());
    }
}
