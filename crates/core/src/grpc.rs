//! gRPC over HTTP: the classifier, and the deadline that a request carries.

use crate::{AsFailure, Blame, Cause, Class, Classify, Elapsed, Failure, Rejected, RetryAfter};
use http::{HeaderMap, HeaderValue, Response};
use std::time::Duration;

/// The verdict on a gRPC answer, by `grpc-status` and `grpc-retry-pushback-ms`.
///
/// | code | class | blame |
/// |---|---|---|
/// | OK | success | |
/// | UNAVAILABLE, INTERNAL, UNKNOWN, a code that gRPC does not know | transient | service |
/// | DEADLINE_EXCEEDED | timeout | service |
/// | RESOURCE_EXHAUSTED | transient | limit |
/// | ABORTED | transient | request |
/// | UNAUTHENTICATED | persistent | key |
/// | PERMISSION_DENIED, NOT_FOUND, FAILED_PRECONDITION, UNIMPLEMENTED, CANCELLED | persistent | request |
/// | DATA_LOSS | persistent | service |
/// | INVALID_ARGUMENT, ALREADY_EXISTS, OUT_OF_RANGE | bad input | request |
///
/// An answer without `grpc-status` in its head is a success so far: the status follows in the
/// trailers, where [`AtEnd`](crate::http::AtEnd) reads it. One whose HTTP status is not 200 did not come
/// from a gRPC server and is judged by [`HttpStatus`](crate::http::HttpStatus).
///
/// A pushback of zero or more is the wait to keep; a negative or unreadable one forbids a retry
/// (gRFC A6). Without one, a [`RetryAfter`] in the response's extensions counts.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct GrpcStatus;

impl GrpcStatus {
    /// The classifier.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }

    /// The verdict on a status code alone.
    ///
    /// # Errors
    /// The failure, when the code is not `OK`.
    pub const fn verdict(code: u32) -> Result<(), Failure> {
        let (class, blame) = match code {
            0 => return Ok(()),
            4 => (Class::Timeout, Blame::Service),
            8 => (Class::Transient, Blame::Limit),
            10 => (Class::Transient, Blame::Request),
            16 => (Class::Persistent, Blame::Key),
            1 | 5 | 7 | 9 | 12 => (Class::Persistent, Blame::Request),
            15 => (Class::Persistent, Blame::Service),
            3 | 6 | 11 => (Class::BadInput, Blame::Request),
            // 2, 13 and 14. What is no code at all is UNKNOWN to all who speak gRPC.
            _ => (Class::Transient, Blame::Service),
        };
        Err(Failure::new(class, blame))
    }

    /// The verdict on trailers, or on the head of an answer that has no body.
    ///
    /// # Errors
    /// The failure that they tell. Trailers without a readable status are one.
    pub fn trailers(trailers: &HeaderMap) -> Result<(), Failure> {
        let code = trailers.get("grpc-status").and_then(number);
        let verdict = code.map_or(Err(Failure::SERVICE), Self::verdict);
        verdict.map_err(|failure| match pushback(trailers) {
            Some(pushback) => failure.retry_after(pushback),
            None => failure,
        })
    }
}

impl<B, E: AsFailure> Classify<Response<B>, E> for GrpcStatus {
    fn classify(&self, outcome: Result<&Response<B>, &E>) -> Result<(), Failure> {
        let response = outcome.map_err(AsFailure::as_failure)?;
        let verdict = if response.headers().contains_key("grpc-status") {
            Self::trailers(response.headers())
        } else if response.status().is_success() {
            Ok(())
        } else {
            crate::http::HttpStatus.classify(outcome)
        };
        verdict.map_err(|failure| match response.extensions().get() {
            Some(found) if failure.retry_after == RetryAfter::Unspecified => {
                failure.retry_after(*found)
            }
            _ => failure,
        })
    }
}

/// The time that a gRPC request allows for its call, as `grpc-timeout` tells it: at most eight
/// digits and a unit. `None` where there is none, or none that can be read.
#[must_use]
pub fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

/// What `grpc-retry-pushback-ms` asks for (gRFC A6): a wait, or no retry where it is negative or
/// can't be read. `None` where there is none.
#[must_use]
pub fn pushback(metadata: &HeaderMap) -> Option<RetryAfter> {
    let value = metadata.get("grpc-retry-pushback-ms")?;
    Some(match number(value) {
        Some(millis) => RetryAfter::After(Duration::from_millis(millis.into())),
        None => RetryAfter::Never,
    })
}

/// Digits only: `str::parse` would take a plus sign.
fn number(value: &HeaderValue) -> Option<u32> {
    let value = value.to_str().ok()?;
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| value.parse().ok())?
}

impl Rejected {
    /// The gRPC status code for a caller whose call was refused so: `DEADLINE_EXCEEDED` where
    /// its time was over, `RESOURCE_EXHAUSTED` where the key is limited, else `UNAVAILABLE`.
    /// What `tonic::Code::from` takes.
    #[must_use]
    pub const fn grpc_code(&self) -> i32 {
        match self.cause {
            Cause::DeadlinePast => 4,
            Cause::GateClosed | Cause::QueueFull => 8,
            _ => 14,
        }
    }
}

impl Elapsed {
    /// The gRPC status code for a caller whose call took too long: `DEADLINE_EXCEEDED`.
    #[must_use]
    pub const fn grpc_code(&self) -> i32 {
        4
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn verdict(headers: &[(&'static str, &str)]) -> Result<(), Failure> {
        let mut response = Response::builder();
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let response = response.body(()).unwrap();
        GrpcStatus.classify(Ok::<_, &Infallible>(&response))
    }

    #[test]
    fn pushback_means_what_grpc_says() {
        assert_eq!(verdict(&[]), Ok(()));
        assert_eq!(verdict(&[("grpc-status", "0")]), Ok(()));
        let unavailable = ("grpc-status", "14");
        assert_eq!(verdict(&[unavailable]), Err(Failure::SERVICE));
        for (pushback, expected) in [
            ("1500", RetryAfter::After(Duration::from_millis(1500))),
            ("0", RetryAfter::After(Duration::ZERO)),
            ("007", RetryAfter::After(Duration::from_millis(7))),
            ("-1", RetryAfter::Never),
            ("soon", RetryAfter::Never),
            ("", RetryAfter::Never),
            ("+5", RetryAfter::Never),
        ] {
            let failure = verdict(&[unavailable, ("grpc-retry-pushback-ms", pushback)]);
            assert_eq!(failure.unwrap_err().retry_after, expected, "{pushback}");
        }
    }

    #[test]
    fn timeouts_are_read_as_the_protocol_writes_them() {
        for (value, expected) in [
            ("1H", Some(Duration::from_secs(3600))),
            ("99999999S", Some(Duration::from_secs(99_999_999))),
            ("250m", Some(Duration::from_millis(250))),
            ("100u", Some(Duration::from_micros(100))),
            ("999999999S", None),
            ("S", None),
            ("", None),
            ("+5S", None),
            ("5s", None),
            ("5", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", value.parse().unwrap());
            assert_eq!(timeout(&headers), expected, "{value}");
        }
    }

    #[test]
    fn trailers_without_a_status_are_a_broken_answer() {
        assert_eq!(
            GrpcStatus::trailers(&HeaderMap::new()),
            Err(Failure::SERVICE)
        );
        assert_eq!(verdict(&[("grpc-status", "x")]), Err(Failure::SERVICE));
    }

    #[test]
    fn a_code_that_nobody_knows_is_unknown() {
        for code in ["2", "17", "99", "4294967295"] {
            assert_eq!(verdict(&[("grpc-status", code)]), Err(Failure::SERVICE));
        }
        for code in [3, 6, 11] {
            let failure = GrpcStatus::verdict(code).unwrap_err();
            assert_eq!(failure.class, Class::BadInput);
        }
    }
}
