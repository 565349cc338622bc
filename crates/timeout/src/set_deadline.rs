use buttress_core::{Call, Carried, Carry, Context};
use std::time::Duration;
use tokio::time::Instant;

/// How a request is told its deadline.
///
/// `()` tells it nothing; [`Carried`] writes the deadline into the [`Call`] that the request
/// carries; `Grpc` also into the header that gRPC has for it.
pub trait SetDeadline<Req> {
    /// What knows the deadline, and hears of a refusal.
    type Context: Context;

    /// Gives the request this much time from now, unless it has less already, and tells what it
    /// has then. `None` adds no limit.
    fn set_deadline(&self, request: &mut Req, limit: Option<Duration>) -> Self::Context;
}

/// The deadline of a call whose request was not told.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Until {
    /// When the call must be over.
    pub deadline: Option<Instant>,
}

impl Context for Until {
    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

impl<Req> SetDeadline<Req> for () {
    type Context = Until;

    fn set_deadline(&self, _: &mut Req, limit: Option<Duration>) -> Until {
        Until {
            // What the clock can't express is no limit.
            deadline: limit.and_then(|limit| Instant::now().checked_add(limit)),
        }
    }
}

impl<Req: Carry> SetDeadline<Req> for Carried {
    type Context = Call;

    fn set_deadline(&self, request: &mut Req, limit: Option<Duration>) -> Call {
        let mut call = request.call().cloned().unwrap_or_default();
        if let Some(limit) = limit {
            call = call.within(limit);
        }
        request.set_call(call.clone());
        call
    }
}
