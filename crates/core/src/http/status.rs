use crate::{AsFailure, Blame, Class, Classify, Failure, RetryAfter};
use http::{HeaderMap, Response, StatusCode};
use std::time::SystemTime;

/// The verdict on a plain HTTP answer, by its status and `Retry-After`.
///
/// | status | class | blame |
/// |---|---|---|
/// | 1xx, 2xx, 3xx | success | |
/// | 429 | transient | limit |
/// | 408 | transient | service |
/// | 409, 425 | transient | request |
/// | 401, 402, 407 | persistent | key |
/// | 403, 404, 405, 410, 501, 505 | persistent | request |
/// | any other 4xx | bad input | request |
/// | any other 5xx | transient | service |
///
/// `x-should-retry: true` makes any failure transient, `false` persistent, as the official SDKs
/// of OpenAI and Anthropic understand it. The wait is the one that
/// `buttress-retry-after`'s layer found (it leaves a [`RetryAfter`] in the response's
/// extensions), or else the one in [`Retry-After`](super::retry_after).
///
/// An error instead of an answer is asked for its own verdict, see [`AsFailure`].
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct HttpStatus;

impl HttpStatus {
    /// The classifier.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }

    /// The verdict on a status alone.
    ///
    /// # Errors
    /// The failure, when the status tells one.
    pub const fn verdict(status: StatusCode) -> Result<(), Failure> {
        let (class, blame) = match status.as_u16() {
            ..400 => return Ok(()),
            429 => (Class::Transient, Blame::Limit),
            408 => (Class::Transient, Blame::Service),
            409 | 425 => (Class::Transient, Blame::Request),
            401 | 402 | 407 => (Class::Persistent, Blame::Key),
            // What one request may not do says nothing of the key for all others.
            403 | 404 | 405 | 410 | 501 | 505 => (Class::Persistent, Blame::Request),
            400..500 => (Class::BadInput, Blame::Request),
            500.. => (Class::Transient, Blame::Service),
        };
        Err(Failure::new(class, blame))
    }
}

impl<B, E: AsFailure> Classify<Response<B>, E> for HttpStatus {
    fn classify(&self, outcome: Result<&Response<B>, &E>) -> Result<(), Failure> {
        let response = outcome.map_err(AsFailure::as_failure)?;
        Self::verdict(response.status()).map_err(|mut failure| {
            failure.retry_after = match response.extensions().get::<RetryAfter>() {
                Some(found) => *found,
                None => match super::retry_after(response.headers(), SystemTime::now()) {
                    Some(wait) => RetryAfter::After(wait),
                    None => RetryAfter::Unspecified,
                },
            };
            told_to_retry(failure, response.headers())
        })
    }
}

/// Applies `x-should-retry`. Only the exact words count, as in the SDKs.
fn told_to_retry(mut failure: Failure, headers: &HeaderMap) -> Failure {
    match headers.get("x-should-retry").map(|value| value.as_bytes()) {
        Some(b"true") => failure.class = Class::Transient,
        Some(b"false") => {
            failure.class = Class::Persistent;
            // A wait that came with the veto still says for how long the key is limited.
            if failure.retry_after == RetryAfter::Unspecified {
                failure.retry_after = RetryAfter::Never;
            }
        }
        _ => {}
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{convert::Infallible, time::Duration};

    fn verdict(status: u16, headers: &[(&'static str, &str)]) -> Result<(), Failure> {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let response = response.body(()).unwrap();
        HttpStatus.classify(Ok::<_, &Infallible>(&response))
    }

    #[test]
    fn a_limited_key_is_told_apart_from_a_failing_service() {
        assert_eq!(verdict(200, &[]), Ok(()));
        let limited = verdict(429, &[("retry-after", "2")]).unwrap_err();
        assert_eq!(limited.blame, Blame::Limit);
        assert_eq!(limited.wait(), Some(Duration::from_secs(2)));
        assert_eq!(verdict(503, &[]), Err(Failure::SERVICE));
        assert_eq!(verdict(599, &[]), Err(Failure::SERVICE));
        assert_eq!(verdict(418, &[]).unwrap_err().class, Class::BadInput);
    }

    #[test]
    fn the_server_has_the_last_word_on_retrying() {
        let no = verdict(500, &[("x-should-retry", "false")]).unwrap_err();
        assert_eq!((no.class, no.blame), (Class::Persistent, Blame::Service));
        assert_eq!(no.retry_after, RetryAfter::Never);
        let later = [("x-should-retry", "false"), ("retry-after", "3")];
        let later = verdict(429, &later).unwrap_err();
        assert_eq!(later.class, Class::Persistent);
        assert_eq!(later.wait(), Some(Duration::from_secs(3)));
        let yes = verdict(400, &[("x-should-retry", "true")]).unwrap_err();
        assert_eq!((yes.class, yes.blame), (Class::Transient, Blame::Request));
        let shouted = verdict(400, &[("x-should-retry", "TRUE")]).unwrap_err();
        assert_eq!(shouted.class, Class::BadInput);
    }
}
