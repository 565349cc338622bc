use buttress_retry_after::{Dimension, RateLimit};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a provider last said of a limit of a route's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitLeft {
    /// What is counted: `requests`, `tokens`, `input_tokens` or `output_tokens`.
    pub counts: &'static str,
    /// How many are left.
    pub remaining: u64,
    /// How many there are in all, where that was told.
    pub limit: Option<u64>,
}

/// The limits that were told of last. Calls end at the same time, so the numbers of one limit may
/// come from two answers.
#[derive(Debug)]
pub(crate) struct LastLimits([Last; COUNTED.len()]);

const COUNTED: [&str; 4] = ["requests", "tokens", "input_tokens", "output_tokens"];

/// Not told.
const UNKNOWN: u64 = u64::MAX;

#[derive(Debug)]
struct Last {
    remaining: AtomicU64,
    limit: AtomicU64,
}

impl LastLimits {
    pub(crate) fn new() -> Self {
        Self(COUNTED.map(|_| Last {
            remaining: AtomicU64::new(UNKNOWN),
            limit: AtomicU64::new(UNKNOWN),
        }))
    }

    pub(crate) fn put(&self, told: &RateLimit) {
        for limit in told.limits() {
            let Some(remaining) = limit.remaining else {
                continue;
            };
            let at = match limit.dimension {
                Dimension::All | Dimension::Requests => 0,
                Dimension::Tokens => 1,
                Dimension::InputTokens => 2,
                Dimension::OutputTokens => 3,
                _ => continue,
            };
            self.0[at].remaining.store(remaining, Relaxed);
            self.0[at]
                .limit
                .store(limit.limit.unwrap_or(UNKNOWN), Relaxed);
        }
    }

    pub(crate) fn get(&self) -> impl Iterator<Item = LimitLeft> {
        let known = |value: u64| (value != UNKNOWN).then_some(value);
        COUNTED
            .into_iter()
            .zip(&self.0)
            .filter_map(move |(counts, last)| {
                Some(LimitLeft {
                    counts,
                    remaining: known(last.remaining.load(Relaxed))?,
                    limit: known(last.limit.load(Relaxed)),
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderName, StatusCode};
    use std::time::SystemTime;

    #[test]
    fn the_last_word_on_each_limit_counts() {
        let limits = LastLimits::new();
        assert_eq!(limits.get().count(), 0);
        let told = |fields: &[(&'static str, &str)]| {
            let field = |(name, value): &(&'static str, &str)| {
                (HeaderName::from_static(name), value.parse().unwrap())
            };
            let headers: HeaderMap = fields.iter().map(field).collect();
            limits.put(&RateLimit::read(
                StatusCode::OK,
                &headers,
                SystemTime::now(),
            ));
        };
        told(&[
            ("x-ratelimit-limit-requests", "500"),
            ("x-ratelimit-remaining-requests", "499"),
            ("x-ratelimit-remaining-tokens", "30000"),
            ("x-ratelimit-remaining-images", "3"),
        ]);
        told(&[("x-ratelimit-remaining-requests", "12")]);
        told(&[("content-type", "application/json")]);
        let left = |counts, remaining| LimitLeft {
            counts,
            remaining,
            limit: None,
        };
        let expected = [left("requests", 12), left("tokens", 30000)];
        assert_eq!(limits.get().collect::<Vec<_>>(), expected);
    }
}
