//! The official SDKs, unmodified, against the gateway: what their users see.
//!
//! Each test runs one script of `tests/sdks`. It asks a gateway before four providers, one of each
//! dialect, whose models are named for what they do: see [`upstreams`].

mod mirror;
mod page;
mod prompt;
mod script;
mod upstreams;
mod write;

use script::Script;
use upstreams::MAX_CALLS;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn python_openai() {
    let upstreams = Script::python("test_openai.py").run().await;
    // Whole and streamed.
    assert_eq!(upstreams.calls_while_down(), 2 * MAX_CALLS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn python_openai_responses() {
    let upstreams = Script::python("test_openai_responses.py").run().await;
    // Whole and streamed.
    assert_eq!(upstreams.calls_while_down(), 2 * MAX_CALLS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn python_anthropic() {
    let upstreams = Script::python("test_anthropic.py").run().await;
    // Whole and streamed.
    assert_eq!(upstreams.calls_while_down(), 2 * MAX_CALLS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn python_google() {
    let upstreams = Script::python("test_google.py").run().await;
    // Whole, streamed, and three times by retries of the SDK: see docs/operating.md.
    assert_eq!(upstreams.calls_while_down(), 5 * MAX_CALLS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn node_openai() {
    let upstreams = Script::node("openai.test.js").run().await;
    // Whole and streamed.
    assert_eq!(upstreams.calls_while_down(), 2 * MAX_CALLS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn node_openai_responses() {
    let upstreams = Script::node("openai-responses.test.js").run().await;
    // Whole and streamed.
    assert_eq!(upstreams.calls_while_down(), 2 * MAX_CALLS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn node_anthropic() {
    let upstreams = Script::node("anthropic.test.js").run().await;
    // Whole and streamed.
    assert_eq!(upstreams.calls_while_down(), 2 * MAX_CALLS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn node_google() {
    let upstreams = Script::node("google.test.js").run().await;
    // Whole, streamed, and three times by retries of the SDK: see docs/operating.md.
    assert_eq!(upstreams.calls_while_down(), 5 * MAX_CALLS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn node_ai_with_openai() {
    let upstreams = Script::node("ai-openai.test.js").run().await;
    // Whole, streamed, and three times by retries of the SDK: see docs/operating.md.
    assert_eq!(upstreams.calls_while_down(), 5 * MAX_CALLS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn node_ai_with_openai_responses() {
    let upstreams = Script::node("ai-openai-responses.test.js").run().await;
    // Whole, streamed, and three times by retries of the SDK: see docs/operating.md.
    assert_eq!(upstreams.calls_while_down(), 5 * MAX_CALLS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn node_ai_with_anthropic() {
    let upstreams = Script::node("ai-anthropic.test.js").run().await;
    // Whole, streamed, and three times by retries of the SDK: see docs/operating.md.
    assert_eq!(upstreams.calls_while_down(), 5 * MAX_CALLS);
}
