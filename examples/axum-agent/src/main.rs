//! An axum app with an agent whose LLM calls recover: once through a stack that is written by
//! hand, and once through the ready-made one, of which it has the layers that are on by default.
//!
//! ```text
//! deadline · fallback[ per route: encode ahead · retry · gate · circuit breaker · LlmClient ]
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

mod agent;
mod providers;

use self::{
    agent::{Llm, ask},
    providers::Providers,
};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, header::CONTENT_TYPE},
    routing::post,
};
use buttress::circuit_breaker::CircuitBreakerLayer;
use buttress::client::LlmClient;
use buttress::fallback::{self, Fallback, Routes};
use buttress::llm::AtStreamEnd;
use buttress::retry::{Backoff, RetryLayer};
use buttress::retry_after::GateLayer;
use buttress::timeout::DeadlineLayer;
use buttress::{
    Carried, Declares, EncodeAheadLayer, LlmPace, LlmPolicy, Route, Stack, core::ByError,
};
use serde_json::{Value, json};
use std::time::Duration;
use tower::{BoxError, ServiceBuilder, ServiceExt, util::BoxCloneSyncService};

/// How long a caller of the agent is kept waiting at most.
const DEADLINE: Duration = Duration::from_secs(60);
/// How much of it may be spent waiting for the first route, while another one could answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// The stack, layer by layer.
fn by_hand(claude: LlmClient, gpt: LlmClient, backoff: Backoff) -> Llm {
    // Each route has layers of its own: what is learned of one provider says nothing of another.
    let route = |name: &str, client: LlmClient| {
        let mut declares = Declares::default();
        declares.dialect = Some(client.dialect());
        let service = ServiceBuilder::new()
            // What can't be written for the client is not to wait for its turn first.
            .layer(EncodeAheadLayer::new(client.clone()))
            // The errors of the client know their verdicts, and requests carry their `Call`.
            .layer(
                RetryLayer::standard()
                    .backoff(backoff)
                    .classify(ByError::new())
                    .observe(Carried::new()),
            )
            // Below retry, so that each attempt asks them anew. Both hear of a stream at its end.
            // Routes to one model would have clones of one gate, those with one key gates of it.
            .layer(
                GateLayer::standard()
                    .judge(AtStreamEnd::new())
                    .pace_hint(LlmPace::new())
                    .observe(Carried::new()),
            )
            .layer(
                CircuitBreakerLayer::standard()
                    .judge(AtStreamEnd::new())
                    .observe(Carried::new()),
            )
            // Answers with the first content: what fails before that is an error to the layers.
            .service(client);
        let route = fallback::Route::new(name, service).patience(PATIENCE);
        route.declares(declares)
    };
    let routes = Routes::new(route("claude", claude)).then(route("gpt", gpt));
    let stack = ServiceBuilder::new()
        .layer(DeadlineLayer::new(DEADLINE))
        .service(Fallback::new(routes, LlmPolicy::new()));
    BoxCloneSyncService::new(stack)
}

/// The same in short.
fn ready_made(claude: LlmClient, gpt: LlmClient, backoff: Backoff) -> Llm {
    let route = |name: &str, client| {
        let route = Route::new(name, client).patience(PATIENCE);
        route.retry(RetryLayer::standard().backoff(backoff))
    };
    let stack = Stack::new(route("claude", claude)).then(route("gpt", gpt));
    BoxCloneSyncService::new(stack.deadline(DEADLINE).service())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    println!("# The stack by hand\n");
    run(by_hand).await?;
    println!("# The ready-made stack\n");
    run(ready_made).await
}

async fn run(stack: impl FnOnce(LlmClient, LlmClient, Backoff) -> Llm) -> Result<(), BoxError> {
    let providers = Providers::start().await?;
    let (claude, gpt) = providers.clients()?;
    let backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1))?;
    // One stack for all requests, so that they share what is learned; each takes a clone.
    // `axum::serve(listener, app)` would put the app on a socket. Here it is called directly.
    let app = Router::new()
        .route("/agent", post(ask))
        .with_state(stack(claude, gpt, backoff));

    providers.fail_three_times();
    let answer = call(&app, "What is wrong today?").await?;
    assert_eq!(answer["route"], "claude");
    assert_eq!(answer["attempts"], 4);

    providers.limit_for_long();
    let answer = call(&app, "And when it lasts?").await?;
    assert_eq!(answer["route"], "gpt");
    assert_eq!(answer["attempts"], 2);

    // The gate of the key is closed now: the first route costs no call any more.
    let answer = call(&app, "And once that is known?").await?;
    assert_eq!(answer["attempts"], 1);
    Ok(())
}

/// A caller of the app.
async fn call(app: &Router, question: &str) -> Result<Value, BoxError> {
    let request = Request::post("/agent").header(CONTENT_TYPE, "application/json");
    let request = request.body(Body::from(json!({ "question": question }).to_string()))?;
    let answer = app.clone().oneshot(request).await?;
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 1 << 20).await?;
    println!("=> {status} {}\n", String::from_utf8_lossy(&body));
    Ok(serde_json::from_slice(&body)?)
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn runs() {
        super::run(super::by_hand).await.unwrap();
        super::run(super::ready_made).await.unwrap();
    }
}
