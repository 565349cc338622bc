//! Answers, whole and streamed, and how they are judged.

mod answer;
mod continuation;
mod event_stream;
mod judge;
mod pipe;
mod said;
#[cfg(test)]
mod tests;
mod told;
mod usage;

pub use self::{
    answer::{AnswerBody, LlmResponse},
    continuation::Continuation,
    event_stream::{EventStream, StreamEvent},
    judge::AtStreamEnd,
    pipe::EventPipe,
    said::{Said, SaidReader},
    told::Told,
    usage::Usage,
};
