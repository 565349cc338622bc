use crate::{Backoff, Budget, ByClass, Cloned, Jitter, Retry, Statuses, plan::Settings};
use buttress_core::{ByError, http::HttpStatus};
use std::{fmt, time::Duration};
use tower_layer::Layer;

/// Retries failed calls. See the [crate's documentation](crate).
///
/// `C` [classifies](buttress_core::Classify) outcomes, `O` [observes](buttress_core::Observe)
/// requests, `R` keeps a request for [another attempt](crate::Replay) and `P` decides what is
/// [worth one](crate::Retryable).
///
/// All services that one layer makes, and all their clones, share its [`Budget`].
#[derive(Clone)]
pub struct RetryLayer<C = ByError, O = (), R = Cloned, P = ByClass> {
    pub(crate) settings: Settings,
    pub(crate) parts: Parts<C, O, R, P>,
}

/// What varies in type.
#[derive(Clone)]
pub(crate) struct Parts<C, O, R, P> {
    pub(crate) classify: C,
    pub(crate) observe: O,
    pub(crate) replay: R,
    pub(crate) retryable: P,
}

impl RetryLayer {
    /// The defaults: at most 3 retries, full jitter from 1 s up to 60 s, a budget, for requests
    /// that are `Clone`. Every response is taken for a success, and an error is asked for its
    /// verdict: over plain HTTP no 503 is retried so, but by [`http`](RetryLayer::http).
    #[must_use]
    pub fn standard() -> Self {
        Self {
            settings: Settings::default(),
            parts: Parts {
                classify: ByError::new(),
                observe: (),
                replay: Cloned::new(),
                retryable: ByClass::new(),
            },
        }
    }
}

impl RetryLayer<HttpStatus> {
    /// The [standard](RetryLayer::standard) settings for HTTP: answers are judged by their status.
    #[must_use]
    pub fn http() -> Self {
        RetryLayer::standard().classify(HttpStatus::new())
    }
}

impl RetryLayer<HttpStatus, (), Cloned, Statuses> {
    /// What hand-written clients do: 3 retries on the statuses 429, 500, 502, 503 and 504, after
    /// 1, 2 and 4 s (at most 60 s) with up to one second of jitter added.
    ///
    /// What the server asks for and the budget count here too.
    #[must_use]
    pub fn classic() -> Self {
        let backoff = Backoff::default().jitter(Jitter::Additive);
        let layer = RetryLayer::http().backoff(backoff);
        layer.retry_if(Statuses::default())
    }
}

impl Default for RetryLayer {
    fn default() -> Self {
        Self::standard()
    }
}

impl<C, O, R, P> RetryLayer<C, O, R, P> {
    /// Sets the most retries of one call (default: 3). With 0, calls are only classified.
    #[must_use]
    pub const fn max_retries(mut self, retries: u32) -> Self {
        self.settings.max_retries = retries;
        self
    }

    /// Sets how many of the retries may follow a [`Class::Timeout`](buttress_core::Class) (default: 1).
    /// A service that did not answer may still be at work on the request, and bill for it.
    #[must_use]
    pub const fn max_timeouts(mut self, retries: u32) -> Self {
        self.settings.max_timeouts = retries;
        self
    }

    /// Sets the longest wait that a server may ask for (default: 60 s). If it asks for more, the call is
    /// given up at once, so that whoever stands behind this layer can act.
    #[must_use]
    pub const fn max_wait(mut self, wait: Duration) -> Self {
        self.settings.max_wait = wait;
        self
    }

    /// Sets the waits between attempts where the server asks for none
    /// (default: full jitter, 1 s to 60 s).
    #[must_use]
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.settings.backoff = backoff;
        self
    }

    /// Sets the budget, which other layers may share (default: one of this layer's own).
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.settings.budget = Some(budget);
        self
    }

    /// Lets every call retry as often as it may, whatever happens to all the others.
    #[must_use]
    pub fn without_budget(mut self) -> Self {
        self.settings.budget = None;
        self
    }

    /// Sets how outcomes are classified (default: by the error).
    #[must_use]
    pub fn classify<C2>(self, classify: C2) -> RetryLayer<C2, O, R, P> {
        let Parts {
            observe,
            replay,
            retryable,
            ..
        } = self.parts;
        RetryLayer {
            settings: self.settings,
            parts: Parts {
                classify,
                observe,
                replay,
                retryable,
            },
        }
    }

    /// Sets how a request is looked into, and where events are reported (default: nowhere).
    #[must_use]
    pub fn observe<O2>(self, observe: O2) -> RetryLayer<C, O2, R, P> {
        let Parts {
            classify,
            replay,
            retryable,
            ..
        } = self.parts;
        RetryLayer {
            settings: self.settings,
            parts: Parts {
                classify,
                observe,
                replay,
                retryable,
            },
        }
    }

    /// Sets how a request is kept for another attempt (default: as a clone).
    #[must_use]
    pub fn replay<R2>(self, replay: R2) -> RetryLayer<C, O, R2, P> {
        let Parts {
            classify,
            observe,
            retryable,
            ..
        } = self.parts;
        RetryLayer {
            settings: self.settings,
            parts: Parts {
                classify,
                observe,
                replay,
                retryable,
            },
        }
    }

    /// Sets which failures are worth another attempt (default: by their class). A closure will do, see
    /// [`Retryable`](crate::Retryable).
    #[must_use]
    pub fn retry_if<P2>(self, retryable: P2) -> RetryLayer<C, O, R, P2> {
        let Parts {
            classify,
            observe,
            replay,
            ..
        } = self.parts;
        RetryLayer {
            settings: self.settings,
            parts: Parts {
                classify,
                observe,
                replay,
                retryable,
            },
        }
    }
}

impl<S, C, O, R, P> Layer<S> for RetryLayer<C, O, R, P>
where
    S: Clone,
    C: Clone,
    O: Clone,
    R: Clone,
    P: Clone,
{
    type Service = Retry<S, C, O, R, P>;

    fn layer(&self, inner: S) -> Self::Service {
        Retry::new(inner, self.clone())
    }
}

impl<C, O, R, P> fmt::Debug for RetryLayer<C, O, R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt_into(&mut f.debug_struct("RetryLayer"))
    }
}
