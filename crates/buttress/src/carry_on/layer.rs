use super::CarryOn;
use buttress_llm::Told;
use tower::Layer;

/// Carries on streams that break after some of them has been given. See the
/// [module's documentation](super).
#[derive(Clone, Copy, Debug)]
pub struct CarryOnLayer {
    pub(super) max: u32,
    pub(super) keep: usize,
}

impl CarryOnLayer {
    /// Carries on a stream at most twice, after up to a MiB of text.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            max: 2,
            keep: Told::MOST,
        }
    }

    /// Sets how often one stream may be carried on \[2\]. With 0 nothing is done, and nothing kept.
    #[must_use]
    pub const fn max(mut self, times: u32) -> Self {
        self.max = times;
        self
    }

    /// Sets how much text of a stream is kept for that, in bytes [1 MiB]. One with more is not
    /// carried on.
    #[must_use]
    pub const fn keep(mut self, bytes: usize) -> Self {
        self.keep = bytes;
        self
    }
}

impl Default for CarryOnLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Clone> Layer<S> for CarryOnLayer {
    type Service = CarryOn<S>;

    fn layer(&self, inner: S) -> CarryOn<S> {
        CarryOn::new(inner, *self)
    }
}
