//! `GET /v1/models` and `/v1beta/models`, and of one of them.

use super::{app::App, page::NoPage, refusal::Asked};
use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use buttress::llm::{Dialect, Kind};
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use std::sync::Arc;

/// The models that are served, in the form that the caller's SDK reads.
pub(super) async fn list(
    _: NoPage,
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let serving = app.serving();
    let models = serving.config.models();
    let dialect = Asked::of(&uri, &headers).dialect();
    let shown: Value = models.iter().map(|model| show(model, dialect)).collect();
    let list = match dialect {
        Dialect::AnthropicMessages => json!({
            "data": shown,
            "has_more": false,
            "first_id": models.first(),
            "last_id": models.last(),
        }),
        Dialect::Gemini => json!({ "models": shown }),
        _ => json!({ "object": "list", "data": shown }),
    };
    Json(list).into_response()
}

/// One model, if a call for it would be served: whether it is listed or fits a pattern.
pub(super) async fn one(
    _: NoPage,
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let asked = Asked::of(&uri, &headers).at(&app).for_model(&model);
    if app.serving().config.chain_index(&model).is_some() {
        return Json(show(&model, asked.dialect())).into_response();
    }
    let message = format!("no route serves the model {model:?}");
    asked.refuse(StatusCode::NOT_FOUND, Kind::NotFound, &message)
}

fn show(model: &str, dialect: Dialect) -> Value {
    match dialect {
        // Since when a model exists is not known here; the field has to be a date.
        Dialect::AnthropicMessages => json!({
            "type": "model",
            "id": model,
            "display_name": model,
            "created_at": "1970-01-01T00:00:00Z",
        }),
        Dialect::Gemini => json!({
            "name": format!("models/{model}"),
            "displayName": model,
            "supportedGenerationMethods": ["generateContent"],
        }),
        _ => json!({ "id": model, "object": "model", "created": 0, "owned_by": "buttress" }),
    }
}
