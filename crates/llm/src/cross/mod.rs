//! What all dialects have in common: what one of them is decoded into, and another encoded from.
//!
//! Borrowed from the bytes that it was read from, wherever these have no escapes in them.

mod answer;
mod block;
mod prompt;
mod reply;
mod stop;
#[cfg(test)]
mod tests;

pub use self::{
    answer::{InvalidAnswer, cross_response, read_finish, read_usage},
    stop::{Finish, Stop},
};
pub(crate) use self::{
    block::{Block, ToolCall, joined},
    prompt::{Crossing, Prompt, Role, Turn},
    reply::Reply,
};
