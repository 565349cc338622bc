use super::Finish;
use crate::{Dialect, Usage};
use bytes::Bytes;
use std::{error, fmt};

/// Writes a whole answer of one dialect in another one.
///
/// Text, calls of tools, the reason for stopping and usage are carried over; thinking is left
/// out, as no other vendor can use it. Within one dialect the bytes stay as they are.
///
/// ```
/// use buttress_llm::{Dialect, cross_response};
///
/// let answer = r#"{"id": "msg_1", "model": "m", "content": [{"type": "text", "text": "Hi"}],
///     "stop_reason": "end_turn", "usage": {"input_tokens": 3, "output_tokens": 1}}"#;
/// let crossed = cross_response(Dialect::AnthropicMessages, Dialect::OpenAiChat, &answer.into())?;
/// assert!(std::str::from_utf8(&crossed).unwrap().contains(r#""finish_reason":"stop""#));
/// # Ok::<_, buttress_llm::InvalidAnswer>(())
/// ```
///
/// # Errors
/// The answer is not one of its dialect.
pub fn cross_response(from: Dialect, to: Dialect, body: &Bytes) -> Result<Bytes, InvalidAnswer> {
    if from == to {
        return Ok(body.clone());
    }
    to.encode_answer(&from.decode_answer(body)?)
}

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
