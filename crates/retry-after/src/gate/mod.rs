//! The gate: what a limited key's calls wait behind.

mod block;
mod future;
mod handle;
mod hint;
mod later;
mod layer;
mod line;
mod pace;
mod select;
mod service;
mod settings;
mod state;
mod witness;

pub use self::{
    future::GateResponseFuture,
    handle::{GateHandle, GateHandles, GateState},
    hint::{FromRateLimit, Hint, PaceHint},
    layer::GateLayer,
    select::{Found, Gates, KeyedGates, OneGate},
    service::Gate,
    witness::GateWitness,
};

#[cfg(test)]
mod tests;
