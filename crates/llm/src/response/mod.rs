//! Answers, whole and streamed, and how they are judged.

mod answer;
mod continuation;
mod edit;
mod event_stream;
mod judge;
mod pipe;
mod said;
#[cfg(test)]
mod tests;
mod told;
mod usage;
mod write_said;

pub(crate) use self::edit::{Edit, elements, fields, first, quoted};
pub use self::{
    answer::{AnswerBody, AttemptUsage, LlmResponse},
    continuation::Continuation,
    event_stream::{EventStream, StreamEvent, Tally},
    judge::AtStreamEnd,
    pipe::EventPipe,
    said::{Said, SaidReader},
    told::Told,
    usage::Usage,
};
