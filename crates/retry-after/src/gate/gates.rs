use super::{GateHandle, entry::Anchor, witness::GateWitness};

/// Finds the gate that a request has to pass.
///
/// There are two: [`OneGate`] for everything, and [`KeyedGates`](super::KeyedGates), one for each key.
/// This trait is sealed.
pub trait Gates<Req>: Sealed {
    #[doc(hidden)]
    fn find(&self, request: &Req) -> Found;
}

pub trait Sealed {}

/// What [`Gates::find`] found.
#[derive(Debug)]
#[doc(hidden)]
pub struct Found(pub(crate) Finding);

#[derive(Debug)]
pub(crate) enum Finding {
    /// An open gate, or none: the call may go.
    Open(GateWitness),
    /// A gate that is not open.
    Shut(Anchor),
}

impl Finding {
    #[inline]
    pub(crate) fn at(anchor: &Anchor) -> Self {
        match anchor.pass() {
            Some(witness) => Self::Open(witness),
            None => Self::Shut(anchor.clone()),
        }
    }
}

/// One gate for everything that a [`GateLayer`](super::GateLayer) serves.
#[derive(Clone, Debug)]
pub struct OneGate(pub(crate) Anchor);

impl OneGate {
    pub(crate) fn handle(&self) -> GateHandle {
        GateHandle::new(self.0.clone())
    }
}

impl<Req> Gates<Req> for OneGate {
    #[inline]
    fn find(&self, _: &Req) -> Found {
        Found(Finding::at(&self.0))
    }
}

impl Sealed for OneGate {}
