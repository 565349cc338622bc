//! Who may look, and who may change something.
//!
//! With an admin key, whoever presents it. Without one nobody may change anything, except in the
//! sandbox, where callers on this machine may; and callers on this machine may look.
//!
//! A web page from elsewhere can make its visitor's browser ask. It knows no key; and where none is
//! asked for, the browser says in `origin` which page asks, which has to be the gateway's own. Whose
//! name in the DNS points here has pages that seem to be that: so `host` has to be this machine. The
//! client key changes nothing of this, as nobody is asked for it here.

use super::super::{
    app::App,
    auth,
    live::Alike,
    page::{is_called_local, is_json},
};
use axum::{
    Json,
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{CACHE_CONTROL, HOST, ORIGIN, WWW_AUTHENTICATE},
    request::Parts,
};
use serde_json::{Value, json};
use std::{net::SocketAddr, sync::Arc};
use tracing::field::{self, DisplayValue};

/// The address that a request came from.
#[derive(Clone, Copy, Debug)]
pub(in crate::serve) struct Peer(pub(in crate::serve) SocketAddr);

/// Shows that whoever asks may see how everything stands.
pub(in crate::serve) struct MayLook {
    change: bool,
}

/// Shows that whoever asks may change it.
pub(super) struct MayChange {
    /// Where they asked from, for the log.
    pub(super) from: Option<DisplayValue<SocketAddr>>,
}

impl MayLook {
    /// Whether they may change it as well.
    pub(in crate::serve) const fn may_change(&self) -> bool {
        self.change
    }
}

impl FromRequestParts<Arc<App>> for MayLook {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        if presents_key(parts, app) {
            return Ok(Self { change: true });
        }
        if app.server.admin_key.is_some() {
            // The live page asks so before it asks for the key. Nobody tries keys by that.
            let looks = parts.method == Method::GET && !auth::is_presented(&parts.headers);
            return Err(match looks {
                true => no_key(),
                false => told(parts, app, no_key()),
            });
        }
        let near = is_near(parts) && is_called_local(&parts.uri, &parts.headers);
        if !near || !is_own_page(&parts.headers) {
            return Err(told(parts, app, off()));
        }
        let change = app.sandbox.is_some();
        Ok(Self { change })
    }
}

impl FromRequestParts<Arc<App>> for MayChange {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let look = MayLook::from_request_parts(parts, app).await?;
        if !look.change {
            return Err(told(parts, app, off()));
        }
        // A page may have a browser send a form without asking; for JSON the browser asks first.
        if !is_json(&parts.headers) {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(refuse(
                status,
                "send JSON, with `content-type: application/json`",
            ));
        }
        let from = from(parts);
        Ok(Self { from })
    }
}

fn presents_key(parts: &Parts, app: &App) -> bool {
    let key = app.server.admin_key.as_ref();
    key.is_some_and(|key| auth::is_allowed(&parts.headers, None, key))
}

fn from(parts: &Parts) -> Option<DisplayValue<SocketAddr>> {
    let peer = parts.extensions.get();
    peer.map(|Peer(address)| field::display(*address))
}

/// Logs a refusal: somebody may be trying keys. Whoever tries many does not fill the log.
fn told(parts: &Parts, app: &App, refusal: Response) -> Response {
    const WORDS: &str = "not let in";
    let status = refusal.status().as_u16();
    let alike = Alike {
        words: WORDS,
        kind: None,
        status: Some(status),
        route: None,
    };
    if let Some(before) = app.serving().recent.repeats(alike) {
        let kept_back = (before > 0).then_some(before);
        let path = parts.uri.path();
        tracing::warn!(from = from(parts), path, status, kept_back, "{WORDS}");
    }
    refusal
}

/// Whether it comes from this machine, as far as can be known.
fn is_near(parts: &Parts) -> bool {
    // Whoever stands between says for whom it asks.
    let passed_on = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    let passed_on = passed_on
        .iter()
        .any(|name| parts.headers.contains_key(*name));
    let peer = parts.extensions.get::<Peer>();
    !passed_on && peer.is_some_and(|Peer(address)| address.ip().to_canonical().is_loopback())
}

/// Whether no page asks, or the gateway's own. Another page of this machine is another's.
fn is_own_page(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let own = |origin: &HeaderValue| {
        let origin = origin
            .to_str()
            .ok()
            .and_then(|origin| origin.split_once("://"));
        origin.is_some_and(|(_, origin)| host.is_some_and(|host| origin.eq_ignore_ascii_case(host)))
    };
    let site = headers.get("sec-fetch-site");
    let same_site = site.is_none_or(|site| site == "same-origin" || site == "none");
    same_site && headers.get_all(ORIGIN).iter().all(own)
}

fn no_key() -> Response {
    let mut response = refuse(
        StatusCode::UNAUTHORIZED,
        "the admin key is missing or wrong: send it as `authorization: Bearer …`",
    );
    const BEARER: HeaderValue = HeaderValue::from_static("Bearer realm=\"buttress admin\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, BEARER);
    response
}

fn off() -> Response {
    refuse(
        StatusCode::FORBIDDEN,
        "this is off: set an admin key in the environment (BUTTRESS_ADMIN_KEY) and present it as \
         `authorization: Bearer …`. Without one, callers on this machine, by a loopback address \
         or `localhost` (`host`), may look, and change things in the sandbox only.",
    )
}

pub(super) fn refuse(status: StatusCode, message: &str) -> Response {
    refuse_with(status, json!({"error": message}))
}

/// The same, and what else is to be known.
pub(super) fn refuse_with(status: StatusCode, body: Value) -> Response {
    const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
    (status, [(CACHE_CONTROL, NO_STORE)], Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_gateway_s_own_page_is_its_own() {
        for (fields, own) in [
            (&[("host", "localhost:8080")][..], true),
            (
                &[
                    ("host", "localhost:8080"),
                    ("origin", "http://localhost:8080"),
                ],
                true,
            ),
            (
                &[
                    ("host", "localhost:8080"),
                    ("origin", "http://localhost:3000"),
                ],
                false,
            ),
            (
                &[
                    ("host", "localhost:8080"),
                    ("origin", "https://example.com"),
                ],
                false,
            ),
            (&[("host", "localhost:8080"), ("origin", "null")], false),
            (&[("origin", "http://localhost:8080")], false),
            (
                &[("host", "localhost:8080"), ("sec-fetch-site", "cross-site")],
                false,
            ),
            (
                &[
                    ("host", "localhost:8080"),
                    ("sec-fetch-site", "same-origin"),
                ],
                true,
            ),
        ] {
            let field = |(name, value): &(&'static str, &str)| {
                (http::HeaderName::from_static(name), value.parse().unwrap())
            };
            let headers: HeaderMap = fields.iter().map(field).collect();
            assert_eq!(is_own_page(&headers), own, "{fields:?}");
        }
    }

    #[test]
    fn who_is_passed_on_is_not_near() {
        let parts = |peer: Option<&str>, header: Option<&'static str>| {
            let mut request = http::Request::new(());
            if let Some(peer) = peer {
                request.extensions_mut().insert(Peer(peer.parse().unwrap()));
            }
            if let Some(header) = header {
                request
                    .headers_mut()
                    .insert(header, HeaderValue::from_static("x"));
            }
            request.into_parts().0
        };
        assert!(is_near(&parts(Some("127.0.0.1:1"), None)));
        assert!(is_near(&parts(Some("[::ffff:127.0.0.1]:1"), None)));
        assert!(!is_near(&parts(Some("10.0.0.1:1"), None)));
        assert!(!is_near(&parts(None, None)));
        assert!(!is_near(&parts(
            Some("127.0.0.1:1"),
            Some("x-forwarded-for")
        )));
    }
}
