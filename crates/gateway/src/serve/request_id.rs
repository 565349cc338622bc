//! The name of one request, by which its answer and its line in the log find each other.

use http::{HeaderMap, HeaderName, HeaderValue};

/// What a caller, or a proxy before this one, calls the request.
const GIVEN: HeaderName = HeaderName::from_static("x-request-id");
/// Not the same header in an answer: there it is the provider's name for the call.
const TOLD: HeaderName = HeaderName::from_static("x-buttress-request-id");

const MAX_LENGTH: usize = 128;

/// A request's name: its caller's, if it is one, else made here.
#[derive(Clone, Debug)]
pub(super) struct RequestId(HeaderValue);

impl RequestId {
    /// The name of the request with these headers.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(GIVEN).filter(|given| is_name(given.as_bytes()));
        given.map_or_else(Self::random, |given| Self(given.clone()))
    }

    fn random() -> Self {
        let id = format!("{:032x}", rand::random::<u128>());
        Self(HeaderValue::try_from(id).expect("hexadecimal digits"))
    }

    pub(super) fn as_str(&self) -> &str {
        // Every name is ASCII.
        self.0.to_str().unwrap_or_default()
    }

    /// Puts it into the head of the answer.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        headers.insert(TOLD, self.0.clone());
    }
}

/// It goes into logs: nothing that could be taken for something else, and not much of it.
fn is_name(given: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    (1..=MAX_LENGTH).contains(&given.len()) && given.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(given: &[u8]) -> String {
        let given = HeaderValue::from_bytes(given).unwrap();
        let id = RequestId::of(&HeaderMap::from_iter([(GIVEN, given)]));
        id.as_str().to_owned()
    }

    #[test]
    fn a_callers_name_is_kept_if_it_is_one() {
        let longest = "x".repeat(MAX_LENGTH);
        for name in ["7", "a1b2-c3_d4.e5:f6", "Root=1-67/8+9=", &longest] {
            assert_eq!(of(name.as_bytes()), name);
        }
        let too_long = "x".repeat(MAX_LENGTH + 1);
        for no_name in [
            "",
            "two words",
            "a=\"b\"",
            "\u{e9}",
            "\u{1b}[31m",
            &too_long,
        ] {
            let Ok(value) = HeaderValue::from_bytes(no_name.as_bytes()) else {
                continue;
            };
            let id = of(value.as_bytes());
            assert_eq!(id.len(), 32, "{id}");
            assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        }
    }

    #[test]
    fn no_two_requests_have_the_same_name() {
        let new = || RequestId::of(&HeaderMap::new());
        assert_ne!(new().as_str(), new().as_str());
    }

    #[test]
    fn an_answer_tells_it() {
        let id = RequestId::of(&HeaderMap::new());
        let mut headers = HeaderMap::new();
        id.tell(&mut headers);
        assert_eq!(headers["x-buttress-request-id"], id.as_str());
    }
}
