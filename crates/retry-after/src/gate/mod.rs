//! The gate: what a limited key's calls wait behind.

mod block;
mod entry;
mod future;
mod gate_state;
mod gates;
mod handle;
mod hint;
mod keyed;
mod later;
mod layer;
mod line;
mod notice;
mod pace;
mod service;
mod settings;
mod shared_key;
mod state;
mod witness;

pub use self::{
    future::GateResponseFuture,
    gate_state::GateState,
    gates::{Found, Gates, OneGate},
    handle::GateHandle,
    hint::{FromRateLimit, Hint, PaceHint},
    keyed::{GateHandles, KeyedGates},
    layer::GateLayer,
    notice::Notice,
    service::Gate,
    settings::{GateSettings, InvalidGateSettings},
    shared_key::SharedKey,
    witness::GateWitness,
};

#[cfg(test)]
mod tests;
