use crate::Correct;
use tower_layer::Layer;

/// Asks again when an answer is wrong. See the [crate's documentation](crate).
///
/// `P` is the [`Policy`](crate::Policy) that knows what is wrong, and `O`
/// [observes](buttress_core::Observe) requests.
#[derive(Clone, Copy, Debug)]
pub struct CorrectLayer<P, O = ()> {
    pub(crate) policy: P,
    pub(crate) observe: O,
    pub(crate) max: u32,
}

impl<P> CorrectLayer<P> {
    /// Asks for at most 2 corrections.
    #[must_use]
    pub const fn new(policy: P) -> Self {
        Self {
            policy,
            observe: (),
            max: 2,
        }
    }
}

impl<P, O> CorrectLayer<P, O> {
    /// Sets how many corrections one call may ask for \[2\]. With 0, answers are checked and
    /// repaired.
    #[must_use]
    pub const fn max(mut self, corrections: u32) -> Self {
        self.max = corrections;
        self
    }

    /// Sets how a request is looked into, and where events are reported \[nowhere\].
    #[must_use]
    pub fn observe<O2>(self, observe: O2) -> CorrectLayer<P, O2> {
        CorrectLayer {
            policy: self.policy,
            observe,
            max: self.max,
        }
    }
}

impl<S: Clone, P: Clone, O: Clone> Layer<S> for CorrectLayer<P, O> {
    type Service = Correct<S, P, O>;

    fn layer(&self, inner: S) -> Self::Service {
        Correct::new(inner, self.clone())
    }
}
