use crate::{
    details,
    limit::{Limit, limits, tells, text},
    time,
};
use buttress_core::{RetryAfter, grpc::pushback, http::list};
use http::{
    HeaderMap, HeaderName, StatusCode,
    header::{DATE, RETRY_AFTER},
};
use std::{
    cell::LazyCell,
    time::{Duration, SystemTime},
};

const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const X_AMZ_RETRY_AFTER: HeaderName = HeaderName::from_static("x-amz-retry-after");
const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// What the headers of an answer say about limits and about coming back.
///
/// [`wait`](Self::wait) is the first of these that is there and can be read:
///
/// 1. `grpc-retry-pushback-ms`; one that is negative or can't be read forbids a retry
/// 2. `retry-after-ms`
/// 3. `x-amz-retry-after`, in milliseconds
/// 4. `retry-after`: seconds (decimals too), the three HTTP dates, RFC 3339, seconds since 1970
/// 5. the `RetryInfo` in `grpc-status-details-bin`, or what the body asks for
///    ([`or_asked`](Self::or_asked))
/// 6. the longest reset among the limits of which nothing remains
///
/// Of several values of one header the longest counts. Points in time are measured from the
/// answer's own `Date`, where it has one, so that a wrong clock on this side does no harm. Waits
/// are whole milliseconds, rounded up, and not capped: what is too long is for the caller to say.
///
/// An answer that did not fail asks for no wait, whatever its headers say. Limits of which nothing
/// remains bind only answers that limits can explain: 403, 408, 409, 425, 429, 5xx, and gRPC's
/// RESOURCE_EXHAUSTED and UNAVAILABLE. A 400 with such headers is no less a 400.
///
/// ```
/// use buttress_retry_after::RateLimit;
/// use http::{HeaderMap, StatusCode};
/// use std::time::{Duration, SystemTime};
///
/// let mut headers = HeaderMap::new();
/// headers.insert("x-ratelimit-remaining-requests", "499".parse()?);
/// headers.insert("x-ratelimit-reset-requests", "120ms".parse()?);
/// headers.insert("x-ratelimit-remaining-tokens", "0".parse()?);
/// headers.insert("x-ratelimit-reset-tokens", "6m0s".parse()?);
/// let limit = RateLimit::read(StatusCode::TOO_MANY_REQUESTS, &headers, SystemTime::now());
/// assert_eq!(limit.wait(), Some(Duration::from_secs(360)));
/// # Ok::<_, http::header::InvalidHeaderValue>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateLimit {
    asked: Option<Duration>,
    vetoed: bool,
    outcome: Outcome,
    limits: Vec<Limit>,
}

/// What the answer was, as far as waiting is concerned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Outcome {
    #[default]
    Succeeded,
    /// In a way that no limit explains.
    Failed,
    /// In a way that a limit may explain.
    Limited,
    /// Because of a limit, it says.
    TooMany,
}

impl RateLimit {
    /// Reads the head of an answer, that came at `now`.
    #[must_use]
    pub fn read(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Self {
        Self::read_at(status, headers, || now)
    }

    /// Asks for the time only where a header carries a point in time and there is no `Date`.
    pub(crate) fn read_at(
        status: StatusCode,
        headers: &HeaderMap,
        now: impl FnOnce() -> SystemTime,
    ) -> Self {
        let sent = LazyCell::new(|| {
            let sent = headers.get(DATE).and_then(|value| value.to_str().ok());
            sent.and_then(buttress_core::http::date).unwrap_or_else(now)
        });
        let sent = || *sent;
        let outcome = Outcome::of(status, headers);
        let mut read = Self {
            outcome,
            limits: match headers.keys().any(tells) {
                true => limits(headers, &sent),
                false => Vec::new(),
            },
            ..Self::default()
        };
        if outcome != Outcome::Succeeded {
            read.vetoed = headers
                .get(X_SHOULD_RETRY)
                .is_some_and(|told| told == "false");
            match pushback(headers) {
                Some(RetryAfter::After(wait)) => read.asked = Some(wait),
                Some(_) => {
                    read.vetoed = true;
                    // No limit overrules that.
                    read.outcome = Outcome::Failed;
                }
                None => read.asked = asked(headers, &sent),
            }
        }
        read
    }

    /// Adds the wait that the body of the answer asks for. It counts where no header asked for
    /// one, and before the limits.
    #[must_use]
    pub fn or_asked(mut self, wait: Option<Duration>) -> Self {
        self.asked = self.asked.or(wait);
        self
    }

    /// The wait before the same request is sent again.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        self.asked.or_else(|| match self.outcome {
            Outcome::Succeeded | Outcome::Failed => None,
            Outcome::Limited => self.reset(),
            Outcome::TooMany => self.reset().or_else(|| {
                let mut limits = self.limits.iter();
                limits.find(|limit| limit.is_lone_reset())?.reset
            }),
        })
    }

    /// The time until the limits of which nothing remains are reset, whether the answer failed
    /// or not; the longest of them.
    #[must_use]
    pub fn reset(&self) -> Option<Duration> {
        let exhausted = self.limits.iter().filter(|limit| limit.is_exhausted());
        exhausted.filter_map(|limit| limit.reset).max()
    }

    /// Whether the server forbids to send the same request again: `x-should-retry: false`, or a
    /// gRPC pushback that says so. A wait that comes with it says how long the key is limited.
    #[must_use]
    pub const fn is_vetoed(&self) -> bool {
        self.vetoed
    }

    /// Whether the answer said nothing of all this.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.asked.is_none() && !self.vetoed && self.limits.is_empty()
    }

    /// Each limit that was told of, at most 16.
    #[must_use]
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// The wait and the veto as one answer, for a classifier. A wait is kept although a retry is
    /// forbidden, since it says for how long the key is limited.
    #[must_use]
    pub fn retry_after(&self) -> RetryAfter {
        match self.wait() {
            Some(wait) => RetryAfter::After(wait),
            None if self.vetoed => RetryAfter::Never,
            None => RetryAfter::Unspecified,
        }
    }
}

impl Outcome {
    fn of(status: StatusCode, headers: &HeaderMap) -> Self {
        if let Some(code) = headers.get(GRPC_STATUS) {
            return match code.as_bytes() {
                b"0" => Self::Succeeded,
                b"8" => Self::TooMany,
                b"14" => Self::Limited,
                _ => Self::Failed,
            };
        }
        match status.as_u16() {
            ..400 => Self::Succeeded,
            429 => Self::TooMany,
            403 | 408 | 409 | 425 | 500.. => Self::Limited,
            400..500 => Self::Failed,
        }
    }
}

/// The wait that a header asks for in so many words.
fn asked(headers: &HeaderMap, sent: &dyn Fn() -> SystemTime) -> Option<Duration> {
    longest(headers, &RETRY_AFTER_MS, time::millis)
        .or_else(|| {
            let millis = |value: &str| Some(Duration::from_millis(number(value)?));
            longest(headers, &X_AMZ_RETRY_AFTER, millis)
        })
        .or_else(|| longest(headers, &RETRY_AFTER, |value| time::wait(value, sent)))
        .or_else(|| longest(headers, &GRPC_DETAILS, details::retry_delay))
}

/// The longest of all the values of this header, in one line or in many.
fn longest(
    headers: &HeaderMap,
    name: &HeaderName,
    read: impl Fn(&str) -> Option<Duration>,
) -> Option<Duration> {
    let lines = headers.get_all(name).iter();
    let longest = |line| list(&text(line)).filter_map(&read).max();
    lines.filter_map(longest).max()
}

fn number(value: &str) -> Option<u64> {
    (!value.is_empty()).then(|| time::whole_number(value))?
}

#[cfg(test)]
mod tests;
