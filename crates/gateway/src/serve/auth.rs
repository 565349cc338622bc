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
        match &app.server.client_key {
            Some(key) if !is_allowed(&parts.headers, parts.uri.query(), key) => {
                let message = "the gateway's key is missing or wrong: send it as the API key";
                let asked = Asked::of(&parts.uri, &parts.headers).at(app);
                Err(asked.refuse(StatusCode::UNAUTHORIZED, Kind::Auth, message))
            }
            _ => Ok(Self),
        }
    }
}

/// Whether a caller presents this key, in any of the ways in which the SDKs send theirs: Google's
/// own examples put it into the address.
///
/// How long the comparison takes says nothing of where the two differ.
pub(super) fn is_allowed(headers: &HeaderMap, query: Option<&str>, key: &Secret) -> bool {
    let expected = key.expose().as_bytes();
    // All are compared, so that a second key tells nothing of the first.
    presented(headers, query).fold(false, |allowed, presented| {
        allowed | bool::from(presented.ct_eq(expected))
    })
}

/// Whether a caller presents any key.
pub(super) fn is_presented(headers: &HeaderMap) -> bool {
    presented(headers, None).next().is_some()
}

fn presented<'a>(headers: &'a HeaderMap, query: Option<&'a str>) -> impl Iterator<Item = &'a [u8]> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.as_bytes().split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
    });
    let own = ["x-api-key", "x-goog-api-key"].into_iter();
    let own = own.filter_map(|name| headers.get(name).map(|value| value.as_bytes()));
    let query = query.into_iter().flat_map(|query| query.split('&'));
    let query = query.filter_map(|part| part.strip_prefix("key=").map(str::as_bytes));
    bearer.into_iter().chain(own).chain(query)
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
            is_allowed(&headers, None, &key)
        };
        assert!(allowed("authorization", "Bearer sk-right"));
        assert!(allowed("authorization", "bearer sk-right"));
        assert!(allowed("x-api-key", "sk-right"));
        assert!(allowed("x-goog-api-key", "sk-right"));
        let asked = |query| is_allowed(&HeaderMap::new(), Some(query), &key);
        assert!(asked("alt=sse&key=sk-right") && !asked("key=sk-wrong") && !asked("sk-right"));
        assert!(!allowed("authorization", "sk-right"));
        assert!(!allowed("authorization", "Bearer sk-wrong"));
        assert!(!allowed("authorization", "Bearer "));
        assert!(!allowed("x-api-key", "sk-righ"));
        assert!(!is_allowed(&HeaderMap::new(), None, &key));
    }
}
