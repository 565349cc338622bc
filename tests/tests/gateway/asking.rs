//! Requests that are not what they should be.

use crate::{ANTHROPIC, BOTH, OPENAI, before, post, read, well};
use buttress_testkit::Provider;
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
        ("[]", "object"),
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
        (OPENAI, "/"),
        (ANTHROPIC, "/v1/messages/count_tokens"),
    ] {
        let answer = read(mode, gateway.post(path, &[], "{}").await).await;
        let error = mode.caller("invalid_request_error", "not_found_error");
        answer.assert_given_up(404, error);
        assert!(
            answer.body.contains("/v1/chat/completions"),
            "{}",
            answer.body
        );
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
