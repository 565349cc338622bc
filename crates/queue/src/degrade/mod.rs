//! Degraded answers instead of failures, for requests that are answered later.

mod future;
mod layer;
mod policy;
mod response;
mod service;
#[cfg(test)]
mod tests;

pub use self::{
    future::ResponseFuture,
    layer::DegradeLayer,
    policy::{DegradePolicy, is_worth_queueing},
    response::{Degradable, Degraded, NotQueued},
    service::Degrade,
};
