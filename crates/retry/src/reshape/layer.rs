use super::Reshaper;
use buttress_core::ByError;
use std::fmt;
use tower_layer::Layer;

/// Sends a failed request again in another shape. See the [module's documentation](super).
#[derive(Clone)]
pub struct ReshapeLayer<H, C = ByError, O = ()> {
    pub(super) hook: H,
    pub(super) classify: C,
    pub(super) observe: O,
    pub(super) max: u32,
}

impl<H> ReshapeLayer<H> {
    /// Asks this hook, at most twice in a call, about failures that errors tell of.
    #[must_use]
    pub const fn new(hook: H) -> Self {
        Self {
            hook,
            classify: ByError::new(),
            observe: (),
            max: 2,
        }
    }
}

impl<H, C, O> ReshapeLayer<H, C, O> {
    /// Sets how often the request of one call may be reshaped (default: 2).
    #[must_use]
    pub const fn max(mut self, times: u32) -> Self {
        self.max = times;
        self
    }

    /// Sets how outcomes are classified (default: the error knows its verdict).
    #[must_use]
    pub fn classify<C2>(self, classify: C2) -> ReshapeLayer<H, C2, O> {
        ReshapeLayer {
            hook: self.hook,
            classify,
            observe: self.observe,
            max: self.max,
        }
    }

    /// Sets how a request is looked into, and where events are reported (default: nowhere).
    #[must_use]
    pub fn observe<O2>(self, observe: O2) -> ReshapeLayer<H, C, O2> {
        ReshapeLayer {
            hook: self.hook,
            classify: self.classify,
            observe,
            max: self.max,
        }
    }
}

impl<S, H, C, O> Layer<S> for ReshapeLayer<H, C, O>
where
    S: Clone,
    H: Clone,
    C: Clone,
    O: Clone,
{
    type Service = Reshaper<S, H, C, O>;

    fn layer(&self, inner: S) -> Self::Service {
        Reshaper::new(inner, self.clone())
    }
}

impl<H, C, O> fmt::Debug for ReshapeLayer<H, C, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReshapeLayer")
            .field("max", &self.max)
            .finish_non_exhaustive()
    }
}
