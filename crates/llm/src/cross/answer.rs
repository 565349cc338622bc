use super::{Finish, Reply};
use crate::{Dialect, Usage};
use bytes::Bytes;
use std::{error, fmt};

/// Writes a whole answer of one dialect in another one.
///
/// Text, calls of tools, the reason for stopping and usage are carried over; thinking is left
/// out, as no other vendor can use it. Within one dialect the bytes stay as they are.
///
/// ```
/// use buttress_llm::{AnswerTranslator, Dialect};
///
/// let answer = r#"{"id": "msg_1", "model": "m", "content": [{"type": "text", "text": "Hi"}],
///     "stop_reason": "end_turn", "usage": {"input_tokens": 3, "output_tokens": 1}}"#;
/// let translator = AnswerTranslator::new(Dialect::AnthropicMessages, Dialect::OpenAiChat);
/// let answer = translator.write(&answer.into())?;
/// assert!(std::str::from_utf8(&answer).unwrap().contains(r#""finish_reason":"stop""#));
/// # Ok::<_, buttress_llm::InvalidAnswer>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AnswerTranslator {
    from: Dialect,
    to: Dialect,
    json_tool: bool,
}

impl AnswerTranslator {
    /// From the one dialect to the other.
    #[must_use]
    pub const fn new(from: Dialect, to: Dialect) -> Self {
        Self {
            from,
            to,
            json_tool: false,
        }
    }

    /// Sets whether a call of the tool by which the request asked for JSON is the text of the
    /// answer: what [`Encoded::json_tool`](crate::Encoded::json_tool) says \[no\].
    #[must_use]
    pub const fn json_tool(mut self, json_tool: bool) -> Self {
        self.json_tool = json_tool;
        self
    }

    /// Writes the answer with this body, and tells what could not be carried over.
    ///
    /// That costs reading what was written once more.
    ///
    /// # Errors
    /// The answer is not one of its dialect.
    pub fn write_noting(&self, body: &Bytes) -> Result<(Bytes, Vec<&'static str>), InvalidAnswer> {
        if self.from == self.to {
            return Ok((body.clone(), Vec::new()));
        }
        let mut reply = self.read(body)?;
        let written = self.to.encode_answer(&reply)?;
        lost(&mut reply, &self.to.decode_answer(&written)?);
        Ok((written, reply.notes))
    }

    /// Writes the answer with this body.
    ///
    /// # Errors
    /// The answer is not one of its dialect.
    pub fn write(&self, body: &Bytes) -> Result<Bytes, InvalidAnswer> {
        if self.from == self.to {
            return Ok(body.clone());
        }
        self.to.encode_answer(&self.read(body)?)
    }

    fn read<'a>(&self, body: &'a [u8]) -> Result<Reply<'a>, InvalidAnswer> {
        let mut reply = self.from.decode_answer(body)?;
        if self.json_tool {
            reply.take_json();
        }
        Ok(reply)
    }
}

/// Notes what is told no more of why the model stopped, and of what it was counted as.
fn lost(reply: &mut Reply<'_>, written: &Reply<'_>) {
    let sequence = |finish: &Finish| finish.stop_sequence.is_some() || &*finish.raw == SEQUENCE;
    if let (Some(before), Some(after)) = (&reply.finish, &written.finish) {
        let stop = before.stop != after.stop;
        let sequence = sequence(before) && !sequence(after);
        if stop {
            reply.note("changed the reason for stopping");
        }
        if sequence {
            reply.note("dropped stop_sequence");
        }
    }
    if reply.refusal.is_some() && written.refusal.is_none() {
        reply.note("wrote a refusal as text");
    }
    let told = |usage: Usage| [usage.cached, usage.cache_written, usage.reasoning];
    let pairs = told(reply.usage).into_iter().zip(told(written.usage));
    if pairs.into_iter().any(|(before, after)| before > after) {
        reply.note("dropped some of the usage");
    }
}

/// Anthropic's reason for stopping at one, which may come without the text of it.
const SEQUENCE: &str = "stop_sequence";

/// The tokens that a whole answer was counted as; nothing is known of one that can't be read.
#[must_use]
pub fn read_usage(dialect: Dialect, body: &[u8]) -> Usage {
    let answer = dialect.decode_answer(body);
    answer.map_or_else(|_| Usage::default(), |answer| answer.usage)
}

/// Why the model stopped, if a whole answer says so.
#[must_use]
pub fn read_finish(dialect: Dialect, body: &[u8]) -> Option<Finish> {
    dialect.decode_answer(body).ok()?.finish
}

/// An answer that is not one of its dialect.
#[derive(Debug)]
#[non_exhaustive]
pub struct InvalidAnswer {
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    Json(serde_json::Error),
    Empty,
    Arguments,
}

impl InvalidAnswer {
    pub(crate) const fn empty() -> Self {
        Self {
            problem: Problem::Empty,
        }
    }

    pub(crate) const fn arguments() -> Self {
        Self {
            problem: Problem::Arguments,
        }
    }
}

impl From<serde_json::Error> for InvalidAnswer {
    fn from(error: serde_json::Error) -> Self {
        Self {
            problem: Problem::Json(error),
        }
    }
}

impl fmt::Display for InvalidAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            // The message may quote the answer; where it is does not.
            Problem::Json(error) => write!(
                f,
                "the answer is not what its dialect says, at line {} column {}",
                error.line(),
                error.column()
            ),
            Problem::Empty => f.write_str("there is no answer in the answer"),
            Problem::Arguments => f.write_str("the arguments of a tool call are not a JSON object"),
        }
    }
}

impl error::Error for InvalidAnswer {}
