//! Google's `generateContent`, and `streamGenerateContent` with events.
//!
//! Its names are read in both of the forms that its servers take, `maxOutputTokens` and
//! `max_output_tokens`, and one object where a list is due is a list of one.

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
#[cfg(test)]
mod tests;
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
    request::{answer_schema, decode_request, encode_request, field, path},
    tools::functions,
    usage::usage,
    write::Writer,
};
use crate::{InvalidRequest, request::typed};
use serde::Deserialize;

/// Reads a list, or the one object in its stead.
fn many<'a, T: Deserialize<'a>>(
    name: &str,
    value: &'a str,
    problem: &str,
) -> Result<Vec<T>, InvalidRequest> {
    if value.starts_with('{') {
        return Ok(vec![typed(name, value, problem)?]);
    }
    typed(name, value, problem)
}

/// Stands for the signature that a thinking model gave to its call of a tool, where another one
/// made the call: the newer models refuse a call without any.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";
