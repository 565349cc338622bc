//! `GET /v1/models`.

use super::app::App;
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::HeaderMap;
use serde_json::json;
use std::sync::Arc;

/// The models that are served, in the form that the caller's SDK reads.
pub(super) async fn list(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let models = app.config.models();
    let list = if headers.contains_key("anthropic-version") {
        // Since when a model exists is not known here; the field has to be a date.
        let model = |id: &&str| {
            json!({
                "type": "model",
                "id": id,
                "display_name": id,
                "created_at": "1970-01-01T00:00:00Z",
            })
        };
        json!({
            "data": models.iter().map(model).collect::<Vec<_>>(),
            "has_more": false,
            "first_id": models.first(),
            "last_id": models.last(),
        })
    } else {
        let model = |id: &&str| json!({ "id": id, "object": "model", "created": 0, "owned_by": "buttress" });
        json!({ "object": "list", "data": models.iter().map(model).collect::<Vec<_>>() })
    };
    Json(list).into_response()
}
