//! Answers, whole and streamed, and how they are judged.

mod answer;
mod event_stream;
mod judge;
mod pipe;
#[cfg(test)]
mod tests;
mod usage;

pub use self::{
    answer::{AnswerBody, LlmResponse},
    event_stream::{EventStream, StreamEvent},
    judge::AtStreamEnd,
    pipe::EventPipe,
    usage::Usage,
};
