//! A streamed answer, read as the gateway reads it.

use super::{
    curl::{self, Curl},
    input::{Input, MAX},
};
use crate::cli::ExplainArgs;
use buttress_llm::{Dialect, Provider, StreamReader, Summary, Verdict};
use bytes::Bytes;
use std::io;

/// A streamed answer that has ended.
pub(super) struct Transcript {
    reader: StreamReader,
}

impl Transcript {
    /// Reads a stream to its end, however long: what is kept of it is bounded.
    pub(super) fn read(
        input: &mut Input<'_>,
        args: &ExplainArgs,
    ) -> io::Result<Result<Self, &'static str>> {
        let Some(first) = input.next_line()? else {
            return Ok(Ok(Self::of(args, b"")));
        };
        if curl::is_begin(first.bytes()) {
            let text = input.rest(first)?;
            return Ok(text.and_then(|text| Ok(Self::of(args, Curl::read(&text)?.body()))));
        }
        let mut some = match first.text {
            Ok(line) => line,
            Err(why) => return Ok(Err(why)),
        };
        // A dialect tells itself within its first event, or not at all.
        while args.api.is_none() && some.len() < ENOUGH_TO_TELL {
            let more = input.some()?;
            if more.is_empty() {
                break;
            }
            some.extend_from_slice(&more);
        }
        let mut transcript =
            Self::new(args.api.unwrap_or_else(|| dialect_of(&some)), args.provider);
        while !some.is_empty() {
            transcript.push(some.into());
            some = input.some()?;
        }
        Ok(Ok(transcript.close()))
    }

    fn of(args: &ExplainArgs, body: &[u8]) -> Self {
        let dialect = args.api.unwrap_or_else(|| dialect_of(body));
        let mut transcript = Self::new(dialect, args.provider);
        transcript.push(Bytes::copy_from_slice(body));
        transcript.close()
    }

    fn new(dialect: Dialect, provider: Option<Provider>) -> Self {
        let reader = StreamReader::new(dialect).keep(MAX);
        let reader = match provider {
            Some(provider) => reader.provider(provider),
            None => reader,
        };
        Self { reader }
    }

    fn push(&mut self, piece: Bytes) {
        self.reader.push(piece);
        self.read_items();
    }

    fn close(mut self) -> Self {
        self.reader.close();
        self.read_items();
        self
    }

    fn read_items(&mut self) {
        while self.reader.next_item().is_some() {}
    }

    pub(super) const fn summary(&self) -> &Summary {
        self.reader.summary()
    }

    pub(super) const fn dialect(&self) -> Dialect {
        self.reader.dialect()
    }
}

/// What a streamed body means.
pub(super) fn outcome(
    dialect: Dialect,
    provider: Option<Provider>,
    body: &[u8],
) -> Result<(), Verdict> {
    let mut transcript = Transcript::new(dialect, provider);
    transcript.push(Bytes::copy_from_slice(body));
    transcript.close().summary().outcome()
}

const ENOUGH_TO_TELL: usize = 4096;

/// The dialect that a stream looks like: Anthropic names its events, OpenAI's chat does not.
pub(super) fn dialect_of(body: &[u8]) -> Dialect {
    let head = body.get(..ENOUGH_TO_TELL).unwrap_or(body);
    let head = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head);
    let mut lines = head.split(|byte| matches!(byte, b'\n' | b'\r'));
    if lines.any(|line| line.starts_with(b"event:")) {
        Dialect::AnthropicMessages
    } else {
        Dialect::OpenAiChat
    }
}
