//! Callers' keys.

use super::{app::App, refusal::Asked};
use axum::{extract::FromRequestParts, response::Response};
use buttress::{client::Secret, llm::Kind};
use http::{HeaderMap, StatusCode, header::AUTHORIZATION, request::Parts};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Shows that a caller presented the gateway's key, if it has one. Who does not is turned away.
pub(super) struct Admitted;

impl FromRequestParts<Arc<App>> for Admitted {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        match &app.config.server.client_key {
            Some(key) if !is_allowed(&parts.headers, key) => {
                let message = "the gateway's key is missing or wrong: send it as the API key";
                let asked = Asked::of(&parts.uri, &parts.headers);
                Err(asked.refuse(StatusCode::UNAUTHORIZED, Kind::Auth, message))
            }
            _ => Ok(Self),
        }
    }
}

/// Whether a caller presents this key, in either of the ways in which the SDKs send theirs.
///
/// How long the comparison takes says nothing of where the two differ.
fn is_allowed(headers: &HeaderMap, key: &Secret) -> bool {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.as_bytes().split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
    });
    let api_key = headers.get("x-api-key").map(|value| value.as_bytes());
    let presented = bearer.into_iter().chain(api_key);
    let expected = key.expose().as_bytes();
    // All are compared, so that a second key tells nothing of the first.
    presented.fold(false, |allowed, presented| {
        allowed | bool::from(presented.ct_eq(expected))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_where_the_sdks_put_it() {
        let key = Secret::new("sk-right");
        let allowed = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            is_allowed(&headers, &key)
        };
        assert!(allowed("authorization", "Bearer sk-right"));
        assert!(allowed("authorization", "bearer sk-right"));
        assert!(allowed("x-api-key", "sk-right"));
        assert!(!allowed("authorization", "sk-right"));
        assert!(!allowed("authorization", "Bearer sk-wrong"));
        assert!(!allowed("authorization", "Bearer "));
        assert!(!allowed("x-api-key", "sk-righ"));
        assert!(!is_allowed(&HeaderMap::new(), &key));
    }
}
