//! Anthropic messages.

mod answer;
mod content;
mod messages;
mod place;
mod read;
mod reasoning;
mod request;
mod schema;
mod stop;
mod tools;
mod usage;
mod write;

pub(crate) use self::{
    answer::{decode_answer, encode_answer},
    content::message_kind,
    place::Place,
    read::read_event,
    request::{decode_request, encode_request, field},
    tools::JSON_TOOL,
    usage::usage,
    write::Writer,
};
