//! What all dialects have in common: what one of them is decoded into, and another encoded from.
//!
//! Borrowed from the bytes that it was read from, wherever these have no escapes in them.

mod answer;
mod block;
mod ids;
mod media;
mod prompt;
mod reply;
#[cfg(test)]
mod round_trip;
mod settings;
mod stop;
#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;
mod tool;

pub use self::{
    answer::{AnswerTranslator, InvalidAnswer, read_finish, read_usage},
    stop::{Finish, Stop},
};
pub(crate) use self::{
    block::{Block, joined},
    ids::{IdRule, new_id},
    media::{Document, Image, Source},
    prompt::{Crossing, Prompt, Role, Sampling, Turn},
    reply::Reply,
    settings::{Effort, Format, Reasoning},
    tool::{Tool, ToolCall, ToolChoice, ToolResult, object},
};
