//! Streamed answers: read for what they say and how they end, and written in another dialect.

mod in_order;
mod json_tool;
mod part;
mod place;
mod reader;
mod shape;
mod summary;
#[cfg(test)]
mod tests;
mod text;
mod translate;

pub(crate) use self::{
    in_order::{InOrder, Piece},
    place::Place,
    reader::Reading,
    text::json,
};
pub use self::{
    part::{Delta, Part, Start, StreamError, StreamItem, ToolDelta},
    reader::StreamReader,
    summary::{End, Summary, ToolCallSeen},
    text::Text,
    translate::StreamTranslator,
};
