//! What the tests that span crates share.

pub mod answer;
#[cfg(doctest)]
mod book;
pub mod contract;
pub mod fuzz;
pub mod gateway;
pub mod mode;
pub mod queue;
pub mod receiver;
pub mod upstream;
pub mod wire;

pub use self::{
    answer::{Answer, Event},
    gateway::{Gateway, Setup},
    mode::{Mode, in_all_modes, in_modes},
    upstream::{assert_closed_at_once, assert_waits, assert_went_on, last_call},
};

use std::time::Duration;

/// What a wait may be late by on a machine that does other things as well.
pub const SLACK: Duration = Duration::from_secs(1);

/// Within this time of being given up, a socket has to be closed. It is far shorter than what would
/// close it otherwise, and far longer than what a busy machine needs.
pub const CLOSED_WITHIN: Duration = Duration::from_secs(1);
