//! `GET /metrics`, in the format of Prometheus.

mod counts;

pub(super) use self::counts::Metrics;

use super::{app::App, page::NoPage};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header::CONTENT_TYPE};
use std::sync::Arc;

/// All that is counted, as it stands now.
pub(super) async fn show(_: NoPage, State(app): State<Arc<App>>) -> Response {
    const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    app.sample();
    app.metrics.sample(app.queue.as_ref()).await;
    ([(CONTENT_TYPE, TEXT)], app.metrics.render()).into_response()
}
