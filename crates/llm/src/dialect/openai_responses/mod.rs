//! OpenAI responses.
//!
//! A conversation is a list of items here: messages, calls of tools and what came of them stand
//! side by side, and an answer is more of the same. What the provider keeps of one for the next
//! request, other providers can't know, so a request that builds on it does not cross.

mod answer;
mod content;
mod edit;
mod items;
mod object;
mod place;
mod read;
mod request;
mod stop;
#[cfg(test)]
mod tests;
mod tools;
mod usage;
mod write;

pub(crate) use self::{
    answer::{decode_answer, encode_answer},
    content::message_kind,
    edit::edit,
    items::encode_turns,
    place::Place,
    read::read_event,
    request::{decode_request, encode_request, field},
    tools::{answer_schema, functions},
    usage::usage,
    write::Writer,
};
