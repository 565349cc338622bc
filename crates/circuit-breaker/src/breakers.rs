use crate::{
    Handle,
    breaker::{Breaker, Owner, Rules},
};
use std::sync::Arc;

/// Which breaker a request belongs to: [`OneBreaker`] or [`KeyedBreakers`](crate::KeyedBreakers).
///
/// This trait is sealed.
pub trait Breakers<Req>: Sealed {
    /// The breaker of all requests, where there is only one. It is asked before the inner
    /// service is made ready.
    #[doc(hidden)]
    fn only(&self) -> Option<&'static Breaker>;

    /// Finds the breaker of this request, and keeps its owner alive while `enter` runs: from
    /// then on the generation protects the call. None when there is no room for one more.
    #[doc(hidden)]
    fn with<R>(&self, request: &Req, enter: impl FnOnce(Option<&'static Breaker>) -> R) -> R;
}

pub trait Sealed {}

/// One breaker for all requests: the default.
#[derive(Clone, Debug)]
pub struct OneBreaker {
    /// The one that is owned. Here as well, because it is looked at twice a call.
    breaker: &'static Breaker,
    owner: Arc<Owner>,
}

impl OneBreaker {
    pub(crate) fn new(rules: Rules, seed: Option<u64>) -> Self {
        let owner = Arc::new(Owner::new(rules, seed));
        Self {
            breaker: owner.breaker(),
            owner,
        }
    }

    pub(crate) fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.owner))
    }
}

impl Sealed for OneBreaker {}

impl<Req> Breakers<Req> for OneBreaker {
    fn only(&self) -> Option<&'static Breaker> {
        Some(self.breaker)
    }

    fn with<R>(&self, _: &Req, enter: impl FnOnce(Option<&'static Breaker>) -> R) -> R {
        enter(Some(self.breaker))
    }
}
