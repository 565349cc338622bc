//! Callers' keys.

use buttress::client::Secret;
use http::{HeaderMap, header::AUTHORIZATION};
use subtle::ConstantTimeEq;

/// Whether a caller presents this key, in either of the ways in which the SDKs send theirs.
///
/// How long the comparison takes says nothing of where the two differ.
pub(super) fn is_allowed(headers: &HeaderMap, key: &Secret) -> bool {
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
