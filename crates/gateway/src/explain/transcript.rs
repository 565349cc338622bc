//! A streamed answer, read as the gateway reads it.

use super::input::{Input, MAX};
use crate::cli::ExplainArgs;
use buttress_llm::{Dialect, Part, Provider, StreamItem, StreamReader, Summary};
use bytes::Bytes;
use std::io;

/// A streamed answer that has ended.
pub(super) struct Transcript {
    reader: StreamReader,
    /// Something came that this API sends.
    known: bool,
    /// Something came that says nothing in this API.
    strange: bool,
}

/// Why a stream of another API is not explained.
pub(super) const NO_STREAM: &str =
    "not a stream of openai.chat, openai.responses, anthropic.messages or gemini.generateContent";

impl Transcript {
    /// Reads a stream to its end behind what was read of it already, however long: what is kept
    /// of it is bounded.
    pub(super) fn read(
        mut some: Vec<u8>,
        input: &mut Input<'_>,
        args: &ExplainArgs,
    ) -> io::Result<Result<Self, &'static str>> {
        // A dialect tells itself within its first event, or not at all.
        while args.api.is_none() && some.len() < ENOUGH_TO_TELL {
            let more = input.some()?;
            if more.is_empty() {
                break;
            }
            some.extend_from_slice(&more);
        }
        if !has_events(&some) {
            return Ok(Err(NO_STREAM));
        }
        let mut transcript =
            Self::new(args.api.unwrap_or_else(|| dialect_of(&some)), args.provider);
        while !some.is_empty() {
            transcript.push(some.into());
            some = input.some()?;
        }
        Ok(transcript.close())
    }

    /// Reads the body of an answer.
    pub(super) fn of(
        api: Option<Dialect>,
        provider: Option<Provider>,
        body: &[u8],
    ) -> Result<Self, &'static str> {
        // An answer that ends with its head is a stream that broke off.
        if !body.trim_ascii().is_empty() && !has_events(body) {
            return Err(NO_STREAM);
        }
        let mut transcript = Self::new(api.unwrap_or_else(|| dialect_of(body)), provider);
        transcript.push(Bytes::copy_from_slice(body));
        transcript.close()
    }

    fn new(dialect: Dialect, provider: Option<Provider>) -> Self {
        let reader = StreamReader::new(dialect).keep(MAX);
        let reader = match provider {
            Some(provider) => reader.provider(provider),
            None => reader,
        };
        Self {
            reader,
            known: false,
            strange: false,
        }
    }

    fn push(&mut self, piece: Bytes) {
        self.reader.push(piece);
        self.read_items();
    }

    fn close(mut self) -> Result<Self, &'static str> {
        self.reader.close();
        self.read_items();
        // An error looks alike in many an API.
        if self.strange && !self.known {
            return Err(NO_STREAM);
        }
        Ok(self)
    }

    fn read_items(&mut self) {
        while let Some(item) = self.reader.next_item() {
            match is_known(&item) {
                Some(true) => self.known = true,
                Some(false) => self.strange = true,
                None => {}
            }
        }
    }

    pub(super) const fn summary(&self) -> &Summary {
        self.reader.summary()
    }

    pub(super) const fn dialect(&self) -> Dialect {
        self.reader.dialect()
    }
}

/// Whether this is something that the API sends; `None` for what many send.
fn is_known(item: &StreamItem) -> Option<bool> {
    // Azure begins with a chunk that says nothing, and looks like the others.
    let looks = || {
        let mut names = item.raw.windows(CHOICES.len());
        names.any(|name| name == CHOICES)
    };
    match &item.part {
        Part::Delta(delta) => {
            let says = delta.is_content()
                || delta.start.is_some()
                || delta.finish.is_some()
                || delta.usage.is_some();
            Some(says || looks())
        }
        Part::Done => Some(true),
        Part::Other => Some(looks()),
        _ => None,
    }
}

const CHOICES: &[u8] = b"\"choices\"";

const GEMINIS: [&[u8]; 3] = [
    b"\"candidates\"",
    b"\"usageMetadata\"",
    b"\"promptFeedback\"",
];

const ENOUGH_TO_TELL: usize = 4096;

/// The dialect that a stream looks like: Anthropic names its events, and so do OpenAI's responses,
/// whose names begin with that word. The others do not, and Gemini's have words that nobody else
/// has.
pub(super) fn dialect_of(body: &[u8]) -> Dialect {
    let head = body.get(..ENOUGH_TO_TELL).unwrap_or(body);
    let head = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head);
    let mut lines = head.split(|byte| matches!(byte, b'\n' | b'\r'));
    let has = |word: &[u8]| head.windows(word.len()).any(|at| at == word);
    let mut names = lines
        .clone()
        .filter_map(|line| line.strip_prefix(b"event:"));
    if names.any(|name| name.trim_ascii_start().starts_with(b"response.")) {
        Dialect::OpenAiResponses
    } else if lines.any(|line| line.starts_with(b"event:")) {
        Dialect::AnthropicMessages
    } else if GEMINIS.iter().any(|word| has(word)) && !has(CHOICES) {
        Dialect::Gemini
    } else {
        Dialect::OpenAiChat
    }
}

/// Whether any line has a form that only events have.
fn has_events(body: &[u8]) -> bool {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let mut lines = body.split(|byte| matches!(byte, b'\n' | b'\r'));
    lines.any(|line| {
        let mut fields = [&b":"[..], b"data", b"event", b"id", b"retry"].into_iter();
        fields.any(|field| line.starts_with(field))
    })
}
