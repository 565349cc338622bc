use super::Text;
use crate::{Finish, LlmError, Usage};
use bytes::Bytes;

/// One thing that a stream said: the bytes as they came, and what they mean.
#[derive(Debug)]
#[non_exhaustive]
pub struct StreamItem {
    /// The whole frame, the blank line at its end included.
    pub raw: Bytes,
    /// What it means.
    pub part: Part,
}

/// What one frame of a stream means.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are deltas, and an allocation for each would cost more than the move"
)]
#[non_exhaustive]
pub enum Part {
    /// A comment, to keep the connection alive.
    Comment,
    /// An event with the same purpose.
    Ping,
    /// A piece of the answer, or something about it.
    Delta(Delta),
    /// The provider says that it failed. What was said so far is all there is.
    Error(StreamError),
    /// The marker at the end: `[DONE]`, `message_stop`. What comes after it is not read. There is
    /// none where the marker says something itself: `response.completed`.
    Done,
    /// Something that says nothing about the answer, or that is not known here.
    Other,
}

/// A piece of an answer. Texts are never empty.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Delta {
    /// The answer begins.
    pub start: Option<Start>,
    /// Something was said.
    pub text: Option<Text>,
    /// Something was said in refusing.
    pub refusal: Option<Text>,
    /// Something was thought.
    pub reasoning: Option<Text>,
    /// Pieces of calls of tools.
    pub tool_calls: Vec<ToolDelta>,
    /// The model stopped.
    pub finish: Option<Finish>,
    /// What the answer was counted as so far.
    pub usage: Option<Usage>,
    /// There is content of another one of several answers, or of a kind that is not read.
    pub(crate) others: bool,
    /// There is no choice in it: a chunk with the usage, and nothing else.
    pub(crate) bare: bool,
    /// It is the marker at the end, too.
    pub(crate) last: bool,
}

/// That an answer begins.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Start {
    /// The provider's id of the answer.
    pub id: Option<Text>,
    /// The model, as the provider calls it.
    pub model: Option<Text>,
}

/// A piece of one call of a tool.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ToolDelta {
    /// Which of the answer's calls, counted from 0.
    pub index: u32,
    /// The call's id, where it begins.
    pub id: Option<Text>,
    /// The tool's name, where it begins.
    pub name: Option<Text>,
    /// A piece of its arguments, which are JSON when all of them are there.
    pub arguments: Option<Text>,
}

/// A failure that a stream tells of, or that its bytes are.
#[derive(Debug)]
#[non_exhaustive]
pub struct StreamError {
    /// What failed, judged with a view to whether content had come before.
    pub error: LlmError,
    /// The model's reason for stopping, where the same event has it.
    pub finish: Option<Finish>,
    /// It is the marker at the end, too.
    pub(crate) last: bool,
}

impl Part {
    /// Whether it is the marker at the end.
    pub(crate) const fn is_last(&self) -> bool {
        match self {
            Self::Done => true,
            Self::Delta(delta) => delta.last,
            Self::Error(error) => error.last,
            Self::Comment | Self::Ping | Self::Other => false,
        }
    }
}

impl StreamItem {
    /// Whether this is content: what, once the caller has it, can't be undone by asking again.
    ///
    /// Text, a refusal and calls of tools are. The start, thinking, empty pieces, comments,
    /// pings, the reason for stopping and usage are not.
    #[must_use]
    pub const fn is_content(&self) -> bool {
        match &self.part {
            Part::Delta(delta) => delta.is_content(),
            _ => false,
        }
    }
}

impl Delta {
    /// Whether there is content in it, see [`StreamItem::is_content`].
    #[must_use]
    pub const fn is_content(&self) -> bool {
        self.text.is_some() || self.is_beyond_text()
    }

    /// Whether there is content in it other than text.
    pub(crate) const fn is_beyond_text(&self) -> bool {
        self.refusal.is_some() || !self.tool_calls.is_empty() || self.others
    }

    /// The text, where there is nothing else in it.
    pub(crate) const fn alone(&self) -> Option<&Text> {
        match self {
            Self {
                text: Some(text),
                start: None,
                refusal: None,
                reasoning: None,
                tool_calls,
                finish: None,
                usage: None,
                others: false,
                bare: false,
                last: false,
            } if tool_calls.is_empty() => Some(text),
            _ => None,
        }
    }

    /// How much content is in it: at least 1 where there is any.
    pub(crate) fn content_bytes(&self) -> u64 {
        let said = [&self.text, &self.refusal];
        let called = self.tool_calls.iter();
        let called = called.flat_map(|call| [&call.id, &call.name, &call.arguments]);
        let texts = said.into_iter().chain(called).flatten();
        let bytes: usize = texts.map(|text| text.len()).sum();
        (bytes as u64).max(u64::from(self.others))
    }
}
