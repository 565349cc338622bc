//! `/admin/…`: changes by hand.

mod change;
mod may;
mod tasks;
#[cfg(test)]
mod tests;

pub(super) use self::may::{MayLook, Peer};

use super::app::App;
use axum::{Router, routing::post};
use std::sync::Arc;

/// The paths of which it matters who asks.
pub(super) fn minds_who_asks(path: &str) -> bool {
    path.starts_with("/admin/") || path.starts_with("/live/")
}

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/admin/circuit", post(change::circuit))
        .route("/admin/gate", post(change::gate))
        .route("/admin/drain", post(change::drain))
        .route("/admin/queue", post(change::queue))
        .route("/admin/sandbox", post(change::sandbox))
        .route("/admin/reload", post(change::reload))
}
