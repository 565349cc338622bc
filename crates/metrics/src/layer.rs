use crate::{Metered, Model};
use buttress_core::{AtOnce, ByError};
use tower_layer::Layer;

/// Counts the calls that go through it, and all that is done for them below.
///
/// It belongs around everything that recovers: then it counts each call once, with the time that
/// it took from end to end. A request that carries no [`Call`](buttress_core::Call) is given one,
/// since that is what tells of the layers below.
///
/// A call whose answer is there in the poll in which its future resolves took until that answer
/// was put down; what is computed between the two is not in its time. Any other took until it was
/// judged.
///
/// # Cancellation
/// A call that is dropped, or whose answer is dropped before its end where the judge waits for
/// that, counts as abandoned.
#[derive(Clone, Debug)]
pub struct MetricsLayer<J = AtOnce<ByError>> {
    model: Option<Model>,
    judge: J,
}

impl MetricsLayer {
    /// Counts calls for this model, which have ended when their future resolves.
    #[must_use]
    pub const fn new(model: Model) -> Self {
        Self {
            model: Some(model),
            judge: AtOnce::new(ByError::new()),
        }
    }

    /// Counts nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self {
            model: None,
            judge: AtOnce::new(ByError::new()),
        }
    }
}

impl<J> MetricsLayer<J> {
    /// Sets how a call is judged, and when it has ended.
    #[must_use]
    pub fn judge<K>(self, judge: K) -> MetricsLayer<K> {
        let model = self.model;
        MetricsLayer { model, judge }
    }
}

impl<S, J: Clone> Layer<S> for MetricsLayer<J> {
    type Service = Metered<S, J>;

    fn layer(&self, inner: S) -> Metered<S, J> {
        Metered::new(inner, self.model.clone(), self.judge.clone())
    }
}
