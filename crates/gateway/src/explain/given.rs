use super::{guess, transcript::Transcript};
use crate::cli::ExplainArgs;
use buttress_llm::{Answer, Dialect, Provider, Verdict, classify, delay};
use http::{HeaderMap, header};
use serde_json::Value;
use std::{
    fmt,
    time::{Duration, SystemTime},
};

/// One answer that is to be explained.
pub(super) struct Given {
    /// What it is called; null where it has no name.
    pub(super) id: Value,
    pub(super) provider: Provider,
    pub(super) told_by: ToldBy,
    /// `None` where no answer came, and the body is what a tool printed.
    pub(super) status: Option<u16>,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) now: SystemTime,
}

/// How the provider is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ToldBy {
    /// The answer names it, or the command line.
    Name,
    /// The headers look like its own.
    Headers,
    /// Not at all.
    Nobody,
}

impl Given {
    /// An answer of the provider that the command line names, or that its headers speak of.
    pub(super) fn new(args: &ExplainArgs, status: Option<u16>, headers: HeaderMap) -> Self {
        let guessed = guess::provider(&headers);
        let (provider, told_by) = match (args.provider, guessed) {
            (Some(provider), _) => (provider, ToldBy::Name),
            (None, Some(provider)) => (provider, ToldBy::Headers),
            // Where no answer came, nobody has spoken but the connection.
            (None, None) if status.is_none() => (Provider::Transport, ToldBy::Name),
            (None, None) => (Provider::Compatible, ToldBy::Nobody),
        };
        Self {
            id: Value::Null,
            provider,
            told_by,
            status,
            headers,
            body: Vec::new(),
            now: SystemTime::now(),
        }
    }

    /// What it means.
    pub(super) fn outcome(&self) -> Result<(), Verdict> {
        let answer = Answer::new(0, &self.headers, &self.body);
        classify(self.provider, &answer.status(self.status).at(self.now))
    }

    /// Its events, if it is a stream: of this API, by default the one that it looks like.
    pub(super) fn stream(&self, api: Option<Dialect>) -> Option<Result<Transcript, &'static str>> {
        let provider = (self.told_by != ToldBy::Nobody).then_some(self.provider);
        self.is_stream()
            .then(|| Transcript::of(api, provider, &self.body))
    }

    /// The wait that it asks for, however long.
    pub(super) fn delay(&self) -> Option<Duration> {
        delay(self.status, &self.headers, &self.body, self.now)
    }

    /// Whether the body can't be read because it is compressed.
    pub(super) fn is_compressed(&self) -> bool {
        let coded = self.headers.get(header::CONTENT_ENCODING);
        // A tool that unpacks the body may leave the header.
        let binary = self.body.iter().any(|byte| matches!(byte, 0..=8));
        binary && coded.is_some_and(|coding| coding != "identity")
    }

    fn is_stream(&self) -> bool {
        let kind = self.headers.get(header::CONTENT_TYPE);
        let kind = kind.map_or(&[][..], |kind| kind.as_bytes());
        let events = b"text/event-stream";
        matches!(self.status, Some(200..300))
            && kind.len() >= events.len()
            && kind[..events.len()].eq_ignore_ascii_case(events)
    }
}

/// Something that is no answer, and why. The reason holds nothing of it.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) id: Value,
    line: Option<usize>,
    why: String,
}

impl Unreadable {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self {
            id: Value::Null,
            line: None,
            why: why.into(),
        }
    }

    /// Sets what it is called.
    pub(super) fn id(mut self, id: Value) -> Self {
        self.id = id;
        self
    }

    /// Sets the line where it begins.
    pub(super) fn at(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.why),
            None => f.write_str(&self.why),
        }
    }
}
