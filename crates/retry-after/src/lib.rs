//! Retry-After and rate-limit headers: parsers, and the gate a limited key waits behind

mod details;
mod duration;
mod gate;
mod layer;
mod limit;
mod rate_limit;
mod structured;
mod sync;
mod time;

pub use self::{
    duration::{go_duration, proto_duration, wait_in_text},
    gate::{
        Found, FromRateLimit, Gate, GateHandle, GateHandles, GateLayer, GateResponseFuture,
        GateState, GateWitness, Gates, Hint, KeyedGates, OneGate, PaceHint,
    },
    layer::{ResponseFuture, RetryAfterLayer, RetryAfterService},
    limit::{Dimension, Limit},
    rate_limit::RateLimit,
    time::{epoch, rfc3339},
};
