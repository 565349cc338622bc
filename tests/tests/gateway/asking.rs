//! Requests that are not what they should be.

use crate::{ANTHROPIC, BOTH, OPENAI, before, mode, post, read, well};
use buttress_testkit::{Dialect, Provider};
use buttress_tests::Gateway;

async fn gateway() -> (Provider, Gateway) {
    let provider = well().await;
    let setup = before(&provider).await;
    (provider, setup.start().await)
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let (provider, gateway) = gateway().await;
    for (body, says) in [
        ("", "JSON"),
        ("{", "JSON"),
        (r#"{"model": "any", "messages": oops}"#, "column"),
        ("[]", "must be a JSON object and is an array"),
        (r#""Hello?""#, "must be a JSON object and is a string"),
        (r#"{"messages": []}"#, "model"),
        (r#"{"model": 7, "max_tokens": 9, "messages": []}"#, "model"),
        (r#"{"model": "any", "max_tokens": 9}"#, "messages"),
        (
            r#"{"model": "any", "max_tokens": 9, "messages": "Hello?"}"#,
            "messages",
        ),
        (
            r#"{"model": "any", "max_tokens": 9, "messages": [], "stream": "yes"}"#,
            "stream",
        ),
    ] {
        for mode in BOTH {
            let answer = post(&gateway, mode, body).await;
            answer.assert_given_up(400, "invalid_request_error");
            let told = &answer.told_error()["error"]["message"];
            assert!(told.as_str().unwrap().contains(says), "{body}: {told}");
        }
    }
    assert_eq!(provider.call_count(), 0);
}

#[tokio::test]
async fn what_is_wrong_with_a_response_is_said() {
    let (provider, gateway) = gateway().await;
    for (body, says) in [
        ("{", "JSON"),
        (r#"{"input": "Hi"}"#, "model"),
        (r#"{"model": "any", "input": 1}"#, "input"),
        (r#"{"model": "any"}"#, "input"),
        (r#"{"model": "any", "messages": []}"#, "input"),
        (
            r#"{"model": "any", "input": "Hi", "conversation": "conv_1"}"#,
            "what a provider has stored",
        ),
    ] {
        let answer = post(&gateway, mode(Dialect::Responses, false), body).await;
        answer.assert_given_up(400, "invalid_request_error");
        let told = &answer.told_error()["error"]["message"];
        assert!(told.as_str().unwrap().contains(says), "{body}: {told}");
    }
    assert_eq!(provider.call_count(), 0);
}

#[tokio::test]
async fn a_model_that_nobody_serves() {
    let provider = well().await;
    let gateway = before(&provider)
        .await
        .with("models.'gpt-*' = ['only']")
        .start()
        .await;
    for mode in BOTH {
        let mut request = mode.request();
        request["model"] = "claude".into();
        let answer = post(&gateway, mode, request.to_string()).await;
        let error = mode.caller("invalid_request_error", "not_found_error");
        answer.assert_given_up(404, error);
        assert!(answer.body.contains("claude"), "{}", answer.body);
        request["model"] = "gpt-9".into();
        let answer = post(&gateway, mode, request.to_string()).await;
        answer.assert_good("Hello.", "only");
    }
}

#[tokio::test]
async fn a_path_that_is_not_there() {
    let (_provider, gateway) = gateway().await;
    for (mode, path) in [
        (OPENAI, "/v1/embeddings"),
        (OPENAI, "/nowhere"),
        (ANTHROPIC, "/v1/messages/count_tokens"),
    ] {
        let answer = read(mode, gateway.post(path, &[], "{}").await).await;
        let error = mode.caller("invalid_request_error", "not_found_error");
        answer.assert_given_up(404, error);
        let says = mode.caller("/v1/chat/completions", "count_tokens is not served");
        assert!(answer.body.contains(says), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_method_that_is_not_known() {
    let (_provider, gateway) = gateway().await;
    for (mode, method, path, allowed) in [
        (OPENAI, "GET", "/v1/chat/completions", "POST"),
        (ANTHROPIC, "PUT", "/v1/messages", "POST"),
        (OPENAI, "DELETE", "/v1/models", "GET,HEAD"),
    ] {
        let answer = read(mode, gateway.send(method, path, &[], "").await).await;
        answer.assert_given_up(405, "invalid_request_error");
        assert_eq!(answer.header("allow"), Some(allowed));
    }
}

#[tokio::test]
async fn a_body_that_is_packed() {
    let (provider, gateway) = gateway().await;
    for mode in BOTH {
        let path = mode.caller.path();
        let packed = [("content-encoding", "gzip")];
        let answer = gateway.post(path, &packed, &b"\x1f\x8b\x08"[..]).await;
        let answer = read(mode, answer).await;
        answer.assert_given_up(415, "invalid_request_error");
        assert_eq!(answer.header("accept-encoding"), Some("identity"));
        let told = &answer.told_error()["error"]["message"];
        let told = told.as_str().unwrap();
        assert!(
            told.contains("content-encoding: gzip") && told.contains("plain JSON"),
            "{told}"
        );
        let plain = [("content-encoding", "identity")];
        let answer = gateway.post(path, &plain, mode.request().to_string()).await;
        read(mode, answer).await.assert_good("Hello.", "only");
    }
    assert_eq!(provider.call_count(), 2);
}

#[tokio::test]
async fn every_answer_has_the_name_of_its_request() {
    let (_provider, gateway) = gateway().await;
    for mode in BOTH {
        let path = mode.caller.path();
        let name = async |given: &str, body: String| {
            let headers = [("x-request-id", given)];
            let headers = if given.is_empty() { &[][..] } else { &headers };
            let answer = read(mode, gateway.post(path, headers, body).await).await;
            answer.header("x-buttress-request-id").unwrap().to_owned()
        };
        for body in [mode.request().to_string(), "oops".to_owned()] {
            assert_eq!(name("my-own.7", body.clone()).await, "my-own.7");
            let made = name("", body.clone()).await;
            assert_eq!(made.len(), 32, "{made}");
            assert_ne!(made, name("not a name", body).await);
        }
    }
    let answer = read(OPENAI, gateway.get("/nowhere", &[]).await).await;
    assert!(answer.header("x-buttress-request-id").is_some());
}
