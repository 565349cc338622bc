//! Anthropic messages.

mod answer;
mod content;
mod edit;
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
    edit::edit,
    messages::encode_written,
    place::Place,
    read::read_event,
    request::{answer_schema, decode_request, encode_request, field},
    tools::{JSON_TOOL, functions},
    usage::usage,
    write::Writer,
};
