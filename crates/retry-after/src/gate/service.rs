use super::{
    GateHandle, GateHandles, GateResponseFuture, GateWitness, Gates, KeyedGates, OneGate, PaceHint,
    entry::{Anchor, Entered},
    gates::Finding,
    later::Later,
};
use buttress_core::{Context as _, Event, Judge, Observe, Rejected};
use std::task::{Context, Poll};
use tokio::time::Instant;
use tower_service::Service;

/// Lets calls wait while their key is limited, see [`GateLayer`](super::GateLayer).
///
/// While the gate is open, the instance that was made ready is the one called. A call that has to
/// stand in line does so with a clone of the inner service that is made ready when its turn has
/// come: a readied service may hold a permit or a connection, which others could use in the
/// meantime. For the same reason what was made ready for it is given back, and the next call makes
/// its own instance ready.
#[derive(Clone, Debug)]
pub struct Gate<S, J, P = (), O = (), G = OneGate> {
    inner: S,
    judge: J,
    pace: P,
    observe: O,
    gates: G,
}

impl<S, J, P, O, G> Gate<S, J, P, O, G> {
    /// The inner service.
    #[must_use]
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to change it.
    #[must_use]
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service, without this one.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, J, P, O, G> Gate<S, J, P, O, G> {
    pub(crate) const fn new(inner: S, judge: J, pace: P, observe: O, gates: G) -> Self {
        Self {
            inner,
            judge,
            pace,
            observe,
            gates,
        }
    }
}

impl<S, J, P, O> Gate<S, J, P, O, OneGate> {
    /// Reads and overrides the gate.
    #[must_use]
    pub fn handle(&self) -> GateHandle {
        self.gates.handle()
    }
}

impl<S, J, P, O, K, F> Gate<S, J, P, O, KeyedGates<K, F>> {
    /// Reads and overrides the gates.
    #[must_use]
    pub fn handles(&self) -> GateHandles<K> {
        self.gates.handles()
    }
}

impl<Req, S, J, P, O, G> Service<Req> for Gate<S, J, P, O, G>
where
    S: Service<Req> + Clone,
    S::Error: From<Rejected>,
    J: Judge<S::Response, S::Error> + Clone,
    P: PaceHint<S::Response, S::Error> + Clone,
    O: Observe<Req>,
    G: Gates<Req>,
{
    type Response = J::Response<GateWitness>;
    type Error = S::Error;
    type Future = GateResponseFuture<S, Req, J, P, O::Context>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        match self.gates.find(&request).0 {
            Finding::Open(witness) => {
                let call = self.inner.call(request);
                GateResponseFuture::calling(call, witness, self.judge.clone(), self.pace.clone())
            }
            Finding::Shut(anchor) => self.call_in_line(request, &anchor),
        }
    }
}

impl<S, J, P, O, G> Gate<S, J, P, O, G>
where
    J: Clone,
    P: Clone,
{
    /// Apart from the path of a healthy call, which stays short for it.
    #[cold]
    fn call_in_line<Req>(
        &mut self,
        request: Req,
        anchor: &Anchor,
    ) -> GateResponseFuture<S, Req, J, P, O::Context>
    where
        S: Service<Req> + Clone,
        O: Observe<Req>,
    {
        let (judge, pace) = (self.judge.clone(), self.pace.clone());
        let context = self.observe.context(&request);
        let now = Instant::now();
        match anchor.receive(&context, now) {
            Entered::Go(witness) => {
                let call = self.inner.call(request);
                GateResponseFuture::calling(call, witness, judge, pace)
            }
            Entered::Wait((), _) => {
                self.unready();
                let later = Later::new(anchor.clone(), now, context, self.inner.clone(), request);
                GateResponseFuture::waiting(later, judge, pace)
            }
            Entered::Rejected(rejected) => {
                context.record(Event::Rejected(rejected.cause));
                self.unready();
                GateResponseFuture::rejected(rejected, judge, pace)
            }
        }
    }

    /// Gives back what the service holds ready for a call that is not made now. It may be the
    /// last permit, and those in line would wait for it.
    fn unready(&mut self)
    where
        S: Clone,
    {
        self.inner = self.inner.clone();
    }
}
