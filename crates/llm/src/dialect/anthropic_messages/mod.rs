//! Anthropic messages.

mod answer;
mod content;
mod read;
mod request;
mod stop;
mod usage;
mod write;

pub(crate) use self::{
    answer::{decode_answer, encode_answer},
    read::read_event,
    request::{decode_request, encode_request, field},
    usage::usage,
    write::Writer,
};
