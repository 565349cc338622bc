//! What answers look like, dialect by dialect. Kept as data: nothing is read at run time.

mod anthropic;
mod gemini;
mod openai;
pub(crate) mod proxy;
mod responses;

use crate::{Dialect, Fault, Finish};
use bytes::Bytes;
use serde_json::Value;

/// All that a well-formed answer is made from.
pub(crate) struct Answer<'a> {
    /// Distinguishes this answer's ids from those of others.
    pub(crate) serial: u64,
    /// Seconds since the Unix epoch.
    pub(crate) created: u64,
    pub(crate) model: &'a str,
    /// The text, split as a stream sends it.
    pub(crate) deltas: &'a [&'a str],
    pub(crate) finish: Finish,
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    /// OpenAI: `stream_options.include_usage`.
    pub(crate) include_usage: bool,
}

/// The events of a stream, around those that carry text.
pub(crate) struct Events {
    pub(crate) before: Vec<Bytes>,
    pub(crate) deltas: Vec<Bytes>,
    pub(crate) after: Vec<Bytes>,
}

impl Dialect {
    pub(crate) fn whole(self, answer: &Answer<'_>) -> Value {
        match self {
            Self::OpenAi => openai::whole(answer),
            Self::Anthropic => anthropic::whole(answer),
            Self::Gemini => gemini::whole(answer),
            Self::Responses => responses::whole(answer),
        }
    }

    pub(crate) fn events(self, answer: &Answer<'_>) -> Events {
        match self {
            Self::OpenAi => openai::events(answer),
            Self::Anthropic => anthropic::events(answer),
            Self::Gemini => gemini::events(answer),
            Self::Responses => responses::events(answer),
        }
    }

    /// Status and body of an error answer.
    pub(crate) fn error(self, fault: Fault, model: &str, serial: u64) -> (u16, Value) {
        match self {
            Self::OpenAi | Self::Responses => openai::error(fault, model),
            Self::Anthropic => {
                let (status, mut body) = anthropic::error(fault, model);
                body["request_id"] = self.request_id(serial).into();
                (status, body)
            }
            Self::Gemini => gemini::error(fault, model),
        }
    }

    /// The same error as an event within a stream.
    pub(crate) fn error_event(self, fault: Fault, model: &str) -> Bytes {
        match self {
            Self::OpenAi => openai::event(&openai::error(fault, model).1),
            Self::Anthropic => anthropic::event(&anthropic::error(fault, model).1),
            Self::Gemini => gemini::event(&gemini::error(fault, model).1),
            Self::Responses => responses::error_event(&openai::error(fault, model).1),
        }
    }

    /// What a stream that fails first has sent before its error.
    pub(crate) fn before_first_error(self, answer: &Answer<'_>) -> Vec<Bytes> {
        match self {
            Self::OpenAi | Self::Gemini => Vec::new(),
            Self::Anthropic => vec![anthropic::start(answer), anthropic::ping()],
            Self::Responses => responses::start(answer),
        }
    }

    /// The marker that closes a stream, alone. Gemini has none but its last piece: what some
    /// proxies put behind whatever came.
    pub(crate) fn terminator(self) -> Bytes {
        match self {
            Self::OpenAi | Self::Gemini => openai::DONE,
            Self::Anthropic => anthropic::stop(),
            // There is no marker but the event that says all.
            Self::Responses => openai::DONE,
        }
    }

    /// What keeps an idle stream's connection alive.
    pub(crate) fn keep_alive(self) -> Bytes {
        match self {
            Self::OpenAi | Self::Gemini | Self::Responses => openai::KEEP_ALIVE,
            Self::Anthropic => anthropic::ping(),
        }
    }

    pub(crate) fn models<'a>(self, ids: impl Iterator<Item = &'a str>) -> Value {
        match self {
            Self::OpenAi | Self::Responses => openai::models(ids),
            Self::Anthropic => anthropic::models(ids),
            Self::Gemini => gemini::models(ids),
        }
    }

    pub(crate) fn not_found(self, method: &str, path: &str) -> Value {
        match self {
            Self::OpenAi | Self::Responses => openai::not_found(method, path),
            Self::Anthropic => anthropic::not_found(),
            Self::Gemini => gemini::not_found(),
        }
    }

    pub(crate) fn request_id(self, serial: u64) -> String {
        match self {
            Self::OpenAi | Self::Responses => format!("req_{serial:032x}"),
            Self::Anthropic => format!("req_011C{serial:020}"),
            Self::Gemini => format!("{serial:016x}"),
        }
    }
}
