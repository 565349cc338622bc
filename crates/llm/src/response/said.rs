//! What an answer says, whole or streamed, without the words of its dialect.

use super::{StreamEvent, Usage};
use crate::{
    Dialect, Finish, InvalidAnswer, Stop, StreamReader,
    cross::{Block, Reply, ToolCall, joined},
    stream::{Part, ToolCallSeen},
};
use std::fmt;

/// What an answer says: enough of it to judge it, and to [ask for a better
/// one](crate::LlmRequest::correcting).
///
/// It may be changed, and the answer [made to say](Self::write_into) what it then says.
///
/// ```
/// use buttress_llm::{Dialect, Said};
///
/// let answer = bytes::Bytes::from(
///     r#"{"id": "c", "own": 1, "choices": [{"message": {"content": "Sure: {\"n\": 1}"}}]}"#,
/// );
/// let mut said = Said::read(Dialect::OpenAiChat, &answer)?;
/// assert_eq!(said.text, r#"Sure: {"n": 1}"#);
///
/// said.text = r#"{"n": 1}"#.to_owned();
/// let answer = said.write_into(&answer)?;
/// let changed = r#"{"id": "c", "own": 1, "choices": [{"message": {"content": "{\"n\": 1}"}}]}"#;
/// assert_eq!(answer, changed);
/// # Ok::<_, buttress_llm::InvalidAnswer>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Said {
    /// The dialect of the answer.
    pub dialect: Dialect,
    /// The provider's id of the answer; empty where it gave none.
    pub id: String,
    /// The model, as the provider calls it.
    pub model: String,
    /// All the text, without a separator between its pieces.
    pub text: String,
    /// What was said in refusing, where that is told apart from text.
    pub refusal: String,
    /// The calls of tools, in their order. Of a whole answer, one without an id has a new one.
    pub calls: Vec<ToolCallSeen>,
    /// Why the model stopped, if the answer says so.
    pub finish: Option<Finish>,
    /// The tokens that it was counted as.
    pub usage: Usage,
}

impl Said {
    /// An answer of somebody else than a model's: this text, whole.
    #[must_use]
    pub fn plain(dialect: Dialect, model: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            dialect,
            id: String::new(),
            model: model.into(),
            text: text.into(),
            refusal: String::new(),
            calls: Vec::new(),
            finish: Some(Finish::new("stop", Stop::Stop)),
            usage: Usage::default(),
        }
    }

    /// Reads a whole answer in this dialect.
    ///
    /// # Errors
    /// It is not one.
    pub fn read(dialect: Dialect, body: &[u8]) -> Result<Self, InvalidAnswer> {
        let Reply {
            id,
            model,
            content,
            refusal,
            finish,
            usage,
            notes: _,
        } = dialect.decode_answer(body)?;
        let text = joined(&content).into_owned();
        let calls = content.into_iter().filter_map(|block| match block {
            Block::ToolCall(call) => Some(seen(call)),
            _ => None,
        });
        Ok(Self {
            dialect,
            id: id.into_owned(),
            model: model.into_owned(),
            text,
            calls: calls.collect(),
            refusal: refusal.map_or_else(String::new, Into::into),
            finish,
            usage,
        })
    }
}

fn seen(call: ToolCall<'_>) -> ToolCallSeen {
    ToolCallSeen {
        id: call.id.into_owned(),
        name: call.name.into_owned(),
        arguments: call.arguments.into_owned(),
    }
}

/// Hears the events of a stream, and knows what they said.
///
/// ```
/// use buttress_llm::{Dialect, EventPipe, SaidReader};
///
/// let mut pipe = EventPipe::new(Dialect::OpenAiChat, Dialect::AnthropicMessages);
/// pipe.push("data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n".into());
///
/// let mut said = SaidReader::new(Dialect::AnthropicMessages);
/// said.add(&pipe.next_event().unwrap().unwrap());
/// assert_eq!(said.text(), "Hi");
/// assert!(said.into_said().finish.is_none(), "it has not ended");
/// ```
#[derive(Debug)]
pub struct SaidReader {
    reader: StreamReader,
    id: String,
    model: String,
    /// As the events tell it: what the caller does not get to see is counted, too.
    usage: Usage,
    /// There was something that can't be told here.
    strange: bool,
}

impl SaidReader {
    /// The default for the most that is kept: 1 MiB, more than any model says at a time.
    pub const MOST: usize = 1 << 20;

    /// At the start of a stream in this dialect.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        Self {
            // What is read here was written, or read, by a pipe.
            reader: StreamReader::new(dialect)
                .max_event(usize::MAX)
                .keep(Self::MOST),
            id: String::new(),
            model: String::new(),
            usage: Usage::default(),
            strange: false,
        }
    }

    /// Sets how much is kept, in bytes of all texts and calls together [[`MOST`](Self::MOST)].
    #[must_use]
    pub fn keep(mut self, bytes: usize) -> Self {
        self.reader = self.reader.keep(bytes);
        self
    }

    /// This was said.
    pub fn add(&mut self, event: &StreamEvent) {
        if let Some(usage) = event.usage {
            self.usage.update(usage);
        }
        self.reader.push(event.frame.clone());
        while let Some(item) = self.reader.next_run() {
            let Part::Delta(delta) = item.part else {
                continue;
            };
            self.strange |= delta.others;
            if let Some(start) = delta.start {
                self.id = start.id.as_deref().unwrap_or_default().to_owned();
                self.model = start.model.as_deref().unwrap_or_default().to_owned();
            }
        }
    }

    /// The text so far.
    #[must_use]
    pub fn text(&self) -> &str {
        self.reader.summary().text()
    }

    /// Whether all that was said is known: there was no more than is kept, and nothing in it of a
    /// kind that is not known here, such as a second answer.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        !self.strange && !self.reader.summary().is_clipped()
    }

    /// What was said, as far as it is kept.
    #[must_use]
    pub fn into_said(self) -> Said {
        let mut usage = self.usage;
        let summary = self.reader.summary();
        usage.update(*summary.usage());
        Said {
            dialect: self.reader.dialect(),
            id: self.id,
            model: self.model,
            text: summary.text().to_owned(),
            refusal: summary.refusal().to_owned(),
            calls: summary.tool_calls().to_vec(),
            finish: summary.finish().cloned(),
            usage,
        }
    }
}

/// Without what was said.
impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Said")
            .field("dialect", &self.dialect)
            .field("text", &self.text.len())
            .field("refusal", &self.refusal.len())
            .field("calls", &self.calls.len())
            .field("finish", &self.finish.as_ref().map(|finish| finish.stop))
            .field("usage", &self.usage)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
