//! The agent: a handler that asks a model.

use axum::{
    Json,
    body::Body,
    extract::State,
    http::header::{CONTENT_TYPE, RETRY_AFTER},
    response::{IntoResponse, Response},
};
use buttress::llm::{Dialect, LlmError, LlmRequest, LlmResponse};
use buttress::{AsFailure, Call, Carry};
use serde::{Deserialize, Serialize};
use tower::{ServiceExt, util::BoxCloneSyncService};

/// Whatever stack there is: the agent knows only that it can ask.
pub(crate) type Llm = BoxCloneSyncService<LlmRequest, LlmResponse, LlmError>;

#[derive(Deserialize)]
pub(crate) struct Question {
    question: String,
}

#[derive(Serialize)]
pub(crate) struct Answer {
    answer: String,
    route: Option<String>,
    attempts: u32,
    waited_ms: u128,
}

pub(crate) async fn ask(
    State(llm): State<Llm>,
    Json(Question { question }): Json<Question>,
) -> Result<Json<Answer>, Failed> {
    // The call travels with the request. A handle that is kept tells what was done for it, also
    // when that was in vain.
    let call = Call::new();
    let answer = think(llm, question, &call).await;
    println!("{}", call.journey());
    let (answer, route) = answer?;
    Ok(Json(Answer {
        answer,
        route,
        attempts: call.attempts(),
        waited_ms: call.total_waited().as_millis(),
    }))
}

/// The answer, and the route that gave it.
async fn think(
    llm: Llm,
    question: String,
    call: &Call,
) -> Result<(String, Option<String>), LlmError> {
    // Each route names its own model.
    let request = LlmRequest::chat("any").system("Answer in one sentence.");
    let mut request = request.user(question).stream(true).build()?;
    request.set_call(call.clone());

    let response = llm.oneshot(request).await?;
    let route = response.route.as_deref().map(str::to_owned);
    // From here on nothing is tried again unseen. A stream that breaks is an error.
    Ok((response.into_text().await?, route))
}

/// An error as callers of LLM providers know it, with the time after which to ask again.
pub(crate) struct Failed(LlmError);

impl From<LlmError> for Failed {
    fn from(error: LlmError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let answer = self.0.render(Dialect::OpenAiChat);
        let mut response = Response::builder().status(answer.status);
        response = response.header(CONTENT_TYPE, "application/json");
        if let Some(wait) = self.0.as_failure().wait() {
            response = response.header(RETRY_AFTER, wait.as_secs_f64().ceil() as u64);
        }
        let response = response.body(Body::from(answer.body));
        response.expect("a status and two good headers")
    }
}
