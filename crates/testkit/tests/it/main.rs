//! The kit itself, seen by a plain HTTP client over real sockets.
//!
//! Time is real here, as sockets are, so no test asserts an upper bound that a busy machine could
//! miss by less than seconds.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod breaks;
mod client;
mod facts;
mod http2;
mod lifecycle;
mod record;
