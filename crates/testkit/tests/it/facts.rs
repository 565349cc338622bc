//! The kit's words against what providers were seen to send.

use crate::client::{Client, once, read, read_json};
use buttress_testkit::{Dialect, Fault, Provider, Reply, Script};
use serde_json::Value;
use std::{fs, path::PathBuf};

fn path(name: &str) -> PathBuf {
    let root = env!("CARGO_MANIFEST_DIR");
    [root, "..", "..", "tests", "facts", name].iter().collect()
}

fn rows(name: &str) -> Vec<Value> {
    let lines = fs::read_to_string(path(name)).unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn errors_are_those_that_were_seen() {
    let seen = [
        ("oa-429-retry-after-ms", Dialect::OpenAi, Fault::RateLimited),
        (
            "oa-429-insufficient-quota",
            Dialect::OpenAi,
            Fault::InsufficientQuota,
        ),
        (
            "oa-503-slow-down-legacy",
            Dialect::OpenAi,
            Fault::Overloaded,
        ),
        ("oa-500", Dialect::OpenAi, Fault::ServerError),
        ("oa-408", Dialect::OpenAi, Fault::Timeout),
        (
            "oa-403-project-no-model",
            Dialect::OpenAi,
            Fault::Permission,
        ),
        ("oa-404-model", Dialect::OpenAi, Fault::UnknownModel),
        (
            "oa-400-unsupported-value",
            Dialect::OpenAi,
            Fault::InvalidRequest,
        ),
        (
            "oa-400-context-length",
            Dialect::OpenAi,
            Fault::ContextLength,
        ),
        (
            "oa-400-content-policy-violation",
            Dialect::OpenAi,
            Fault::ContentPolicy,
        ),
        (
            "an-429-rpm-retry-after",
            Dialect::Anthropic,
            Fault::RateLimited,
        ),
        ("an-529-overloaded", Dialect::Anthropic, Fault::Overloaded),
        ("an-504", Dialect::Anthropic, Fault::Timeout),
        ("an-401", Dialect::Anthropic, Fault::InvalidKey),
        ("an-404-model", Dialect::Anthropic, Fault::UnknownModel),
        ("an-409-conflict", Dialect::Anthropic, Fault::Conflict),
        (
            "an-400-prompt-too-long",
            Dialect::Anthropic,
            Fault::ContextLength,
        ),
        (
            "an-400-output-filtered",
            Dialect::Anthropic,
            Fault::ContentPolicy,
        ),
        (
            "an-413-request-too-large",
            Dialect::Anthropic,
            Fault::RequestTooLarge,
        ),
        ("ge-503-overloaded", Dialect::Gemini, Fault::Overloaded),
        ("ge-400-api-key-invalid", Dialect::Gemini, Fault::InvalidKey),
        ("ge-400-token-count", Dialect::Gemini, Fault::ContextLength),
    ];
    let rows = rows("errors.jsonl");
    let provider = Provider::openai().start().await.unwrap();
    let client = Client::http1();
    for (id, dialect, fault) in seen {
        let row = rows.iter().find(|row| row["id"] == id).unwrap();
        provider.play(Script::new().forever(Reply::error(fault)));
        let response = client.chat(&provider, dialect, false).await.unwrap();
        assert_eq!(response.status().as_u16(), row["status"], "{id}");
        let mut error = read_json(response).await["error"].take();
        // They were seen with other models.
        let message = error["message"].as_str().unwrap();
        let message = ["gpt-4o", "gpt-5", "gpt-nope", "claude-nope-9"]
            .map(|model| message.replace("model-x", model))
            .into_iter()
            .find(|message| row["body"]["error"]["message"] == **message);
        error["message"] = message.unwrap_or_default().into();
        assert_eq!(error, row["body"]["error"], "{id}");
    }
}

#[tokio::test]
async fn streams_that_were_seen_can_be_played_cut_where_they_were_cut() {
    for row in rows("streams.jsonl") {
        let bytes = fs::read(path(row["file"].as_str().unwrap())).unwrap();
        let cuts = row["chunk_splits"].as_array().into_iter().flatten();
        let cuts = cuts.map(|at| usize::try_from(at.as_u64().unwrap()).unwrap());
        let reply = Reply::sse(bytes.clone()).split_at(cuts);
        let (_provider, response) =
            once(Provider::openai().reply(reply), Dialect::OpenAi, true).await;
        let (stream, error) = read(response.unwrap()).await;
        assert!(error.is_none());
        assert_eq!(stream.as_bytes(), bytes, "{}", row["id"]);
    }
}
