//! Server-sent events, read from bytes in whatever pieces they come.

mod decoder;
mod frame;
#[cfg(test)]
mod tests;

pub(crate) use self::decoder::Unread;
pub use self::{
    decoder::{Decoder, EventTooLarge},
    frame::{Event, Frame},
};
