use crate::{Limit, RateLimit};
use http::Response;
use std::time::Duration;

/// What an outcome tells a gate about the pace at which calls may follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hint {
    /// The time from one call to the next that the limit allows in the long run. It is the pace
    /// at which the gate reopens, and the fastest while it does. Zero says nothing. One that is
    /// shorter than a tenth of [`spacing`](super::GateSettings::spacing) is at first taken for that
    /// tenth, and one longer than [`max_closed`](super::GateSettings::max_closed) for that.
    pub every: Option<Duration>,
    /// Nothing is left: the next call should not go before this much time has passed.
    pub hold: Option<Duration>,
}

impl Hint {
    /// Nothing.
    pub const NONE: Self = Self {
        every: None,
        hold: None,
    };
}

/// Draws a [`Hint`] from an outcome. `()` draws none, and costs nothing.
pub trait PaceHint<T, E> {
    /// What this outcome tells, if anything.
    fn hint(&self, outcome: Result<&T, &E>) -> Hint;
}

impl<T, E> PaceHint<T, E> for () {
    fn hint(&self, _: Result<&T, &E>) -> Hint {
        Hint::NONE
    }
}

/// Draws the hint from the [`RateLimit`] that [`RetryAfterLayer`](crate::RetryAfterLayer) left in
/// the extensions of an HTTP answer.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct FromRateLimit;

impl FromRateLimit {
    /// Looks into the extensions.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl<B, E> PaceHint<Response<B>, E> for FromRateLimit {
    fn hint(&self, outcome: Result<&Response<B>, &E>) -> Hint {
        let found = outcome
            .ok()
            .and_then(|response| response.extensions().get());
        found.map_or(Hint::NONE, RateLimit::hint)
    }
}

impl RateLimit {
    /// The pace that the limits on requests allow, the slowest of them.
    ///
    /// A limit with a policy (`RateLimit-Policy: "default";q=100;w=60`) allows `w / q` from one
    /// call to the next. Without one, `reset / (limit - remaining)`: the time in which a token
    /// bucket gets one token, since providers tell the time until the bucket is full. Limits on
    /// tokens say nothing of calls, whose size nobody knows before, and are left out, as is a
    /// pace without any time between two calls.
    #[must_use]
    pub fn hint(&self) -> Hint {
        let mut all = Hint::NONE;
        for limit in self.limits().iter().filter(|limit| limit.counts_calls()) {
            let every = every(limit);
            all.every = all.every.max(every);
            if limit.is_exhausted() {
                let hold = every.or(limit.reset).filter(|hold| !hold.is_zero());
                all.hold = all.hold.max(hold);
            }
        }
        all
    }
}

fn every(limit: &Limit) -> Option<Duration> {
    let quota = limit.limit?;
    let (time, calls) = match limit.window {
        Some(window) => (window, quota),
        None => (limit.reset?, quota.checked_sub(limit.remaining?)?),
    };
    let nanos = time.as_nanos().checked_div(calls.into())?;
    let every = Duration::from_nanos(nanos.try_into().ok()?);
    // "0s" says that there is nothing to wait for now, and not that any number may follow.
    (!every.is_zero()).then_some(every)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, StatusCode};
    use std::time::SystemTime;

    fn hint(headers: &[(&'static str, &str)]) -> (Option<u128>, Option<u128>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let hint = RateLimit::read(StatusCode::OK, &map, SystemTime::now()).hint();
        let millis = |wait: Option<Duration>| Some(wait?.as_millis());
        (millis(hint.every), millis(hint.hold))
    }

    #[test]
    fn a_bucket_gets_a_token_in_the_time_it_lacks_them() {
        let limit = ("x-ratelimit-limit-requests", "500");
        let left = ("x-ratelimit-remaining-requests", "499");
        let none = ("x-ratelimit-remaining-requests", "0");
        let full = ("x-ratelimit-reset-requests", "120ms");
        let minute = ("x-ratelimit-reset-requests", "1m0s");
        assert_eq!(hint(&[limit, left, full]), (Some(120), None));
        assert_eq!(hint(&[limit, none, minute]), (Some(120), Some(120)));
        assert_eq!(hint(&[none, minute]), (None, Some(60_000)));
        assert_eq!(hint(&[limit, none]), (None, None));
        assert_eq!(
            hint(&[("x-ratelimit-limit-requests", "0"), none, minute]).0,
            None
        );
    }

    #[test]
    fn no_time_at_all_is_no_pace() {
        let limit = ("x-ratelimit-limit-requests", "500");
        let none = ("x-ratelimit-remaining-requests", "0");
        let now = ("x-ratelimit-reset-requests", "0s");
        assert_eq!(hint(&[limit, none, now]), (None, None));
        let left = ("x-ratelimit-remaining-requests", "499");
        assert_eq!(hint(&[limit, left, now]), (None, None));
    }

    #[test]
    fn a_policy_tells_the_pace_and_tokens_do_not() {
        let left = ("ratelimit", "\"default\";r=50;t=30");
        let policy = ("ratelimit-policy", "\"default\";q=100;w=60");
        assert_eq!(hint(&[left, policy]), (Some(600), None));
        let units = (
            "ratelimit-policy",
            "\"default\";q=100;w=60;qu=\"content-bytes\"",
        );
        assert_eq!(hint(&[left, units]), (None, None));
        let tokens = [
            ("x-ratelimit-limit-tokens", "30000"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "1m0s"),
        ];
        assert_eq!(hint(&tokens), (None, None));
    }
}
