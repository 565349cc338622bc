use buttress_core::{Class, Failure};
use http::Response;
use std::{fmt, sync::Arc};

/// Which failures are worth another attempt.
///
/// [`ByClass`] leaves it to the verdict. A closure takes the decision out of its hands, in both
/// directions; only [`RetryAfter::Never`](buttress_core::RetryAfter::Never) and the limits of
/// the layer stay above it.
///
/// ```
/// use buttress_retry::RetryLayer;
/// use buttress_core::{Class, Failure};
///
/// // Pay no provider twice for work that may still be going on.
/// let layer = RetryLayer::http().retry_if(
///     |failure: &Failure, _: Result<&http::Response<String>, &std::io::Error>| {
///         failure.class == Class::Transient
///     },
/// );
/// # let _ = layer;
/// ```
pub trait Retryable<T, E> {
    /// Whether to try again after this failure, which is the verdict on this outcome.
    fn retryable(&self, failure: &Failure, outcome: Result<&T, &E>) -> bool;
}

impl<T, E, F> Retryable<T, E> for F
where
    F: Fn(&Failure, Result<&T, &E>) -> bool,
{
    fn retryable(&self, failure: &Failure, outcome: Result<&T, &E>) -> bool {
        self(failure, outcome)
    }
}

/// [`Class::Transient`] and [`Class::Timeout`] are worth another attempt. The default.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ByClass;

impl ByClass {
    /// The default choice.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl<T, E> Retryable<T, E> for ByClass {
    fn retryable(&self, failure: &Failure, _: Result<&T, &E>) -> bool {
        matches!(failure.class, Class::Transient | Class::Timeout)
    }
}

/// These HTTP statuses are worth another attempt and no others are, whatever their class, unless
/// the answer says `x-should-retry: false`. An error instead of an answer is judged by its class.
#[derive(Clone)]
pub struct Statuses(Arc<[u16]>);

impl Statuses {
    /// The statuses that clients have retried since before there were verdicts.
    pub const CLASSIC: [u16; 5] = [429, 500, 502, 503, 504];

    /// Only these.
    #[must_use]
    pub fn new(statuses: impl Into<Arc<[u16]>>) -> Self {
        Self(statuses.into())
    }
}

impl Default for Statuses {
    fn default() -> Self {
        Self::new(Self::CLASSIC)
    }
}

impl<B, E> Retryable<Response<B>, E> for Statuses {
    fn retryable(&self, failure: &Failure, outcome: Result<&Response<B>, &E>) -> bool {
        let Ok(response) = outcome else {
            return ByClass.retryable(failure, outcome);
        };
        let forbidden = response.headers().get("x-should-retry");
        let forbidden = forbidden.is_some_and(|value| value == "false");
        self.0.contains(&response.status().as_u16()) && !forbidden
    }
}

impl fmt::Debug for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Statuses").field(&&self.0[..]).finish()
    }
}
