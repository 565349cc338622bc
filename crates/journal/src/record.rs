//! What is kept, and what is told of it.

use crate::Digest;
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use std::{fmt, str, sync::Arc, time::SystemTime};

/// The step of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it was said, or it was not")]
pub enum Step {
    /// Its caller said so.
    Given(u64),
    /// The request itself tells: the number of messages before the answer, of a conversation.
    Derived(u64),
}

impl Step {
    /// Its number.
    #[must_use]
    pub const fn number(self) -> u64 {
        match self {
            Self::Given(number) | Self::Derived(number) => number,
        }
    }

    /// Whether its caller said so.
    #[must_use]
    pub const fn is_given(self) -> bool {
        matches!(self, Self::Given(_))
    }
}

/// Where a record is found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "it is how engines are asked")]
pub struct Key {
    /// The session.
    pub session: Arc<str>,
    /// Its step.
    pub step: Step,
    /// Of the request.
    pub digest: Digest,
    /// How many records of the same request at the same step come before it.
    pub nth: u32,
}

/// An answer, as it was given to its caller.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// All of it.
    pub body: Bytes,
    /// Whether it was given as a stream, of which the body is all the events.
    pub streamed: bool,
    /// What is told of it.
    pub about: About,
}

/// What is told of a record, besides what was asked and answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct About {
    /// Who answered: a model.
    pub model: Option<Arc<str>>,
    /// The route by which that was reached.
    pub route: Option<Arc<str>>,
    /// What the request was counted as, in tokens.
    pub input: Option<u64>,
    /// What the answer was counted as, in tokens.
    pub output: Option<u64>,
}

impl About {
    const fn none() -> Self {
        Self {
            model: None,
            route: None,
            input: None,
            output: None,
        }
    }
}

/// What is to be recorded, as engines get it: what may be sealed is.
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "it is how engines are asked")]
pub struct Entry {
    /// Where it is to be found. Engines set [`nth`](Key::nth) when it is [`again`](Self::again).
    pub key: Key,
    /// When.
    pub at: SystemTime,
    /// Whether it is one more of the same request at the same step, behind those that are there.
    /// Else one that is there already stays, unless this one [replaces](Self::replaces) it.
    pub again: bool,
    /// Whether one that is there can't be read, and goes.
    pub replaces: bool,
    /// What is told of it.
    pub about: About,
    /// Whether the answer was a stream.
    pub streamed: bool,
    /// What was asked, if that is kept.
    pub request: Option<Bytes>,
    /// What was answered.
    pub answer: Bytes,
}

impl Entry {
    /// How much of its session's room it takes, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.answer.len() + self.request.as_ref().map_or(0, Bytes::len)
    }
}

/// One record.
#[derive(Clone)]
#[non_exhaustive]
pub struct Record {
    /// Its number within the store, by which records of a session are in order.
    pub number: u64,
    /// Where it is found.
    pub key: Key,
    /// Which history of its session it belongs to: the first is 0, and a request that changed at
    /// a given step begins another one.
    pub branch: u32,
    /// When it was recorded.
    pub at: SystemTime,
    /// What is told of it.
    pub about: About,
    /// Whether the answer was a stream.
    pub streamed: bool,
    /// How much there is of it, in bytes, as it is stored.
    pub bytes: u64,
    /// What was asked, if that is kept and was wanted.
    pub request: Option<Bytes>,
    /// What was answered, if that was wanted.
    pub answer: Option<Bytes>,
}

impl Record {
    /// A record that is found there, of which nothing else is known.
    #[must_use]
    pub const fn new(number: u64, key: Key, at: SystemTime) -> Self {
        Self {
            number,
            key,
            branch: 0,
            at,
            about: About::none(),
            streamed: false,
            bytes: 0,
            request: None,
            answer: None,
        }
    }

    /// What was answered, if that was read.
    pub(crate) fn into_answer(self) -> Option<Answer> {
        Some(Answer {
            body: self.answer?,
            streamed: self.streamed,
            about: self.about,
        })
    }

    /// It as a line of JSON, without its end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let at = jiff::Timestamp::try_from(self.at).unwrap_or_default();
        let line = Line {
            session: &self.key.session,
            step: self.key.step.number(),
            given: self.key.step.is_given(),
            branch: self.branch,
            nth: self.key.nth,
            digest: self.key.digest.to_string(),
            at: at.to_string(),
            model: self.about.model.as_deref(),
            route: self.about.route.as_deref(),
            input_tokens: self.about.input,
            output_tokens: self.about.output,
            streamed: self.streamed,
            bytes: self.bytes,
            request: self.request.as_deref().map(body),
            answer: self.answer.as_deref().map(body),
        };
        serde_json::to_string(&line).expect("text, numbers and JSON can be written")
    }
}

#[derive(Serialize)]
struct Line<'a> {
    session: &'a str,
    step: u64,
    given: bool,
    branch: u32,
    nth: u32,
    digest: String,
    at: String,
    model: Option<&'a str>,
    route: Option<&'a str>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    streamed: bool,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Body<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Body<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Json(Box<RawValue>),
    Text(std::borrow::Cow<'a, str>),
}

/// On one line: as JSON if it is, else as text.
fn body(bytes: &[u8]) -> Body<'_> {
    let value = serde_json::from_slice::<&RawValue>(bytes).ok();
    let on_one_line = value.filter(|value| !value.get().contains(['\n', '\r']));
    match on_one_line {
        Some(value) => Body::Json(value.to_owned()),
        // Laid out over several lines, perhaps.
        None => match serde_json::from_slice::<serde_json::Value>(bytes)
            .and_then(|value| serde_json::value::to_raw_value(&value))
        {
            Ok(value) => Body::Json(value),
            Err(_) => Body::Text(String::from_utf8_lossy(bytes)),
        },
    }
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Its name.
    pub id: Arc<str>,
    /// When the first of its records was made.
    pub first: SystemTime,
    /// When the last one was.
    pub last: SystemTime,
    /// How many there are.
    pub records: u64,
    /// How large they are together, in bytes, as they are stored.
    pub bytes: u64,
    /// The history of it that is current: how many there are, beyond the first.
    pub branch: u32,
    /// The given step at which that one began. The steps before it are those of older ones.
    pub since: u64,
}

/// Some of what there is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page<T, N> {
    /// As many as were asked for, or all that were left.
    pub items: Vec<T>,
    /// What to ask for behind, if there may be more.
    pub next: Option<N>,
}

impl<T, N> Page<T, N> {
    /// A page with these.
    #[must_use]
    pub const fn new(items: Vec<T>, next: Option<N>) -> Self {
        Self { items, next }
    }

    /// A page with these, after the last of which there may be more if it is full.
    pub(crate) fn full(items: Vec<T>, most: usize, name: impl FnOnce(&T) -> N) -> Self {
        let full = most > 0 && items.len() == most;
        let next = items.last().filter(|_| full).map(name);
        Self { items, next }
    }
}

impl SessionInfo {
    /// A session without records.
    #[must_use]
    pub const fn new(id: Arc<str>, at: SystemTime) -> Self {
        Self {
            id,
            first: at,
            last: at,
            records: 0,
            bytes: 0,
            branch: 0,
            since: 0,
        }
    }
}

impl Answer {
    /// This one, whole.
    #[must_use]
    pub const fn whole(body: Bytes) -> Self {
        Self::of(body, false)
    }

    /// All events of a stream.
    #[must_use]
    pub const fn stream(events: Bytes) -> Self {
        Self::of(events, true)
    }

    const fn of(body: Bytes, streamed: bool) -> Self {
        Self {
            body,
            streamed,
            about: About::none(),
        }
    }

    /// Sets what is told of it.
    #[must_use]
    pub fn about(mut self, about: About) -> Self {
        self.about = about;
        self
    }
}

/// Without what was said.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("bytes", &self.body.len())
            .field("streamed", &self.streamed)
            .field("about", &self.about)
            .finish_non_exhaustive()
    }
}

/// Without what was said.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("key", &self.key)
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

/// Without what was said.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("number", &self.number)
            .field("key", &self.key)
            .field("branch", &self.branch)
            .field("about", &self.about)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}
