//! A lock-free circuit breaker for any Tower service.

mod breaker;
mod breakers;
mod error;
mod future;
mod handle;
mod keyed;
mod layer;
mod service;
mod settings;
mod state;
mod sync;
mod ticket;

pub use self::{
    breakers::{Breakers, OneForAll},
    error::InvalidSettings,
    future::ResponseFuture,
    handle::{Counts, Handle},
    keyed::{KeyedHandle, OnePerKey},
    layer::CircuitBreakerLayer,
    service::CircuitBreaker,
    settings::Settings,
    state::{Change, Reason, State},
    ticket::Ticket,
};
