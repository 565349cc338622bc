use crate::{Kind, Verdict, classify::means::FILTERED, classify_finish};
use std::fmt;

/// Why a model stopped, in the same words for every dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stop {
    /// It had said what it wanted to, or came to a stop sequence.
    Stop,
    /// It reached the limit on tokens, or the end of its window.
    Length,
    /// It calls tools.
    ToolCalls,
    /// It refused, or was stopped by a filter.
    ContentFilter,
    /// It failed.
    Error,
    /// Something that is not known here.
    Other,
}

impl Stop {
    /// A stable lower-case name, for logs and labels: OpenAI's, where it has one.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
            Self::Error => "error",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// That a model stopped, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finish {
    /// The provider's own word.
    pub raw: Box<str>,
    /// What it means.
    pub stop: Stop,
    /// The stop sequence at which it stopped, where that is told.
    pub stop_sequence: Option<Box<str>>,
    /// The reason, where the word only says that there is one.
    pub why: Option<Box<str>>,
}

impl Finish {
    pub(crate) fn new(raw: &str, stop: Stop) -> Self {
        Self {
            raw: raw.into(),
            stop,
            stop_sequence: None,
            why: None,
        }
    }

    /// The verdict on an answer that ended so.
    ///
    /// # Errors
    /// It is cut off, was refused or filtered, or the model failed.
    pub fn verdict(&self) -> Result<(), Verdict> {
        let told = self.why.as_deref().map_or(Ok(()), classify_finish);
        match told.and_then(|()| classify_finish(&self.raw)) {
            // Words that mean something else where they tell how an answer ended.
            Err(verdict)
                if self.stop == Stop::ContentFilter && verdict.kind != Kind::ContentPolicy =>
            {
                Err(FILTERED)
            }
            verdict => verdict,
        }
    }
}
