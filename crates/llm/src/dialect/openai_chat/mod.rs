//! OpenAI chat completions.

mod answer;
mod call_ids;
mod choice;
mod content;
mod edit;
mod messages;
mod pieces;
mod place;
mod read;
mod request;
mod stop;
mod strict;
#[cfg(test)]
mod tests;
mod tools;
mod usage;
mod write;

pub(crate) use self::{
    answer::{decode_answer, encode_answer, now},
    call_ids::call_ids,
    choice::{Choice, invalid as invalid_choice},
    content::message_kind,
    edit::edit,
    messages::encode_turns,
    place::Place,
    read::read_event,
    request::{decode_request, effort, encode_request, field, max_tokens_field, reasoning_of},
    strict::settle as settle_strict,
    tools::{answer_schema, functions},
    usage::usage,
    write::Writer,
};
