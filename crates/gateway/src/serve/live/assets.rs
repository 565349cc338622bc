//! The page and what belongs to it, all in the program.

use super::super::{app::App, page::NoPage};
use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{
    HeaderName, HeaderValue,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use std::sync::Arc;

/// Nothing from elsewhere, nothing that stands in the page itself, and in nobody's frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                      img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route(
            "/",
            get(async |_: NoPage| give("text/html", include_str!("page.html"))),
        )
        .route(
            "/live/page.css",
            get(async |_: NoPage| give("text/css", include_str!("page.css"))),
        )
        .route(
            "/live/page.js",
            get(async |_: NoPage| give("text/javascript", include_str!("page.js"))),
        )
}

fn give(kind: &'static str, text: &'static str) -> Response {
    let kind = format!("{kind}; charset=utf-8");
    let fixed = |name: HeaderName, value| (name, HeaderValue::from_static(value));
    let headers = [
        fixed(CONTENT_SECURITY_POLICY, POLICY),
        fixed(X_CONTENT_TYPE_OPTIONS, "nosniff"),
        fixed(X_FRAME_OPTIONS, "DENY"),
        fixed(REFERRER_POLICY, "no-referrer"),
        // Of the program that runs now.
        fixed(CACHE_CONTROL, "no-cache"),
    ];
    ([(CONTENT_TYPE, kind)], headers, text).into_response()
}
