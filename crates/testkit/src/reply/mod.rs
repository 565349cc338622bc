mod breaks;
mod pace;

use crate::{Fault, bodies::proxy};
use bytes::Bytes;
use std::{fmt::Display, time::Duration};

pub(crate) use self::{
    breaks::{Cut, End},
    pace::Pace,
};

/// What a provider does with one call.
///
/// It starts as something that is sent ([`text`](Self::text), [`error`](Self::error),
/// [`raw`](Self::raw), …), and is then given headers, a pace, and a way to break. Text and errors
/// take the shape that the request asks for: its dialect, streamed or not, and its model.
///
/// A setting without meaning for what is sent, such as [`deltas`](Self::deltas) of an error, is
/// ignored.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) content: Content,
    pub(crate) headers: Vec<(String, String)>,
    /// `retry-after` as a date, this long after the answer's own `date`.
    pub(crate) retry_date: Option<Duration>,
    pub(crate) pace: Pace,
    pub(crate) cut: Option<Cut>,
    pub(crate) end: End,
    pub(crate) framing: Option<Framing>,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// Not even a head.
    Nothing,
    Text(Text),
    Error(Fault),
    /// An error as the first event of a stream.
    ErrorFirst(Fault),
    /// The marker that closes a stream, alone.
    Terminator,
    Raw {
        status: u16,
        pieces: Vec<Bytes>,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) text: String,
    /// How many deltas; word by word when not given.
    pub(crate) deltas: Option<usize>,
    pub(crate) finish: Finish,
    /// Tokens in and out; estimated from the lengths when not given.
    pub(crate) usage: Option<(u64, u64)>,
}

impl Text {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            deltas: None,
            finish: Finish::default(),
            usage: None,
        }
    }
}

/// How the length of a body is told over HTTP/1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
    /// It lasts until the connection closes.
    UntilClose,
}

/// Why the model stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Finish {
    /// It had said all: `stop`, `end_turn`, `STOP`.
    #[default]
    Stop,
    /// It came to the token limit: `length`, `max_tokens`.
    Length,
    /// A filter stopped it: `content_filter`; Anthropic: `refusal`; Gemini: `SAFETY`.
    ContentFilter,
    /// The text is a refusal: OpenAI's `refusal` field; Anthropic: `refusal`; Gemini: `SAFETY`.
    Refusal,
}

/// What is sent.
impl Reply {
    const fn new(content: Content) -> Self {
        Self {
            content,
            headers: Vec::new(),
            retry_date: None,
            pace: Pace::AT_ONCE,
            cut: None,
            end: End::Clean,
            framing: None,
        }
    }

    /// A well-formed answer with this text; streamed when the request asks for a stream.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Content::Text(Text::new(text)))
    }

    /// A well-formed answer whose text has this many bytes, in deltas of 16 KiB when streamed.
    #[must_use]
    pub fn huge(bytes: usize) -> Self {
        Self::text("x".repeat(bytes)).deltas(bytes.div_ceil(16 * 1024))
    }

    /// An error answer, in the words of the dialect that was asked.
    #[must_use]
    pub const fn error(fault: Fault) -> Self {
        Self::new(Content::Error(fault))
    }

    /// [`Fault::RateLimited`]: a 429 that asks for no wait, until given a
    /// [`retry_after`](Self::retry_after).
    #[must_use]
    pub const fn rate_limited() -> Self {
        Self::error(Fault::RateLimited)
    }

    /// [`Fault::InsufficientQuota`]: the money is spent.
    #[must_use]
    pub const fn insufficient_quota() -> Self {
        Self::error(Fault::InsufficientQuota)
    }

    /// [`Fault::Overloaded`]: 503, or 529 from Anthropic.
    #[must_use]
    pub const fn overloaded() -> Self {
        Self::error(Fault::Overloaded)
    }

    /// [`Fault::ServerError`]: 500.
    #[must_use]
    pub const fn server_error() -> Self {
        Self::error(Fault::ServerError)
    }

    /// [`Fault::InvalidKey`]: 401.
    #[must_use]
    pub const fn invalid_key() -> Self {
        Self::error(Fault::InvalidKey)
    }

    /// [`Fault::ContextLength`]: 400.
    #[must_use]
    pub const fn context_too_long() -> Self {
        Self::error(Fault::ContextLength)
    }

    /// [`Fault::ContentPolicy`]: 400.
    #[must_use]
    pub const fn content_policy() -> Self {
        Self::error(Fault::ContentPolicy)
    }

    /// A stream whose first word is an error, under the status 200. A request that asks for no
    /// stream gets the plain error answer.
    #[must_use]
    pub const fn error_first(fault: Fault) -> Self {
        Self::new(Content::ErrorFirst(fault))
    }

    /// A 200 `text/event-stream` that ends without a single event.
    #[must_use]
    pub fn empty_stream() -> Self {
        Self::sse(Bytes::new())
    }

    /// A 200 `text/event-stream` with only the marker that closes a stream: `[DONE]`, or
    /// `message_stop`.
    #[must_use]
    pub fn done_only() -> Self {
        Self::new(Content::Terminator).header("content-type", "text/event-stream")
    }

    /// A 200 `application/json` that is not JSON.
    #[must_use]
    pub fn not_json() -> Self {
        Self::raw(200)
            .header("content-type", "application/json")
            .body(proxy::NOT_JSON)
    }

    /// A 502 with the HTML page of nginx.
    #[must_use]
    pub fn bad_gateway() -> Self {
        Self::raw(502)
            .header("content-type", "text/html")
            .header("server", "nginx")
            .body(proxy::NGINX_502)
    }

    /// Any status, with no header but `date` and those that frame the body. HTTP/2 carries 100 to
    /// 999; what is outside goes out as 500 there.
    #[must_use]
    pub fn raw(status: u16) -> Self {
        Self::new(Content::Raw {
            status,
            pieces: Vec::new(),
        })
    }

    /// A 200 `text/event-stream` of exactly these bytes, sent in one piece unless
    /// [split](Self::split_at).
    #[must_use]
    pub fn sse(bytes: impl Into<Bytes>) -> Self {
        Self::raw(200)
            .header("content-type", "text/event-stream")
            .framed(Framing::Chunked)
            .body(bytes)
    }

    /// Reads the request and never says anything.
    #[must_use]
    pub fn silence() -> Self {
        Self::new(Content::Nothing).ending(End::Stall)
    }

    /// Sends the head of a good answer, and never anything of its body.
    #[must_use]
    pub fn headers_only() -> Self {
        Self::text("").cut(None, None).ending(End::Stall)
    }

    /// Reads the request and resets the connection (RST) before any byte of an answer.
    #[must_use]
    pub fn reset() -> Self {
        Self::new(Content::Nothing).ending(End::Reset)
    }

    /// Reads the request and closes the connection (FIN) before any byte of an answer.
    #[must_use]
    pub fn hang_up() -> Self {
        Self::new(Content::Nothing).ending(End::Close)
    }

    /// HTTP/2: `RST_STREAM` with `REFUSED_STREAM`, the promise that nothing was processed.
    /// Over HTTP/1.1, which has no such thing, [`reset`](Self::reset).
    #[must_use]
    pub fn refused_stream() -> Self {
        Self::new(Content::Nothing).ending(End::RefuseStream)
    }

    /// HTTP/2: `GOAWAY` whose last stream is 0, so that no stream of the connection was processed,
    /// and the connection closes. Over HTTP/1.1, [`reset`](Self::reset).
    #[must_use]
    pub fn go_away() -> Self {
        Self::new(Content::Nothing).ending(End::GoAway)
    }
}

/// What is said.
impl Reply {
    /// Adds a header, exactly as written. It takes the place of the same header of ours, if any.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds `retry-after`, exactly as written.
    #[must_use]
    pub fn retry_after(self, value: impl Display) -> Self {
        self.header("retry-after", value.to_string())
    }

    /// Adds `retry-after` as an HTTP-date, this long after the answer's own `date`. Both have whole
    /// seconds.
    #[must_use]
    pub const fn retry_after_date(mut self, wait: Duration) -> Self {
        self.retry_date = Some(wait);
        self
    }

    /// The body of a [`raw`](Self::raw) answer.
    #[must_use]
    pub fn body(mut self, bytes: impl Into<Bytes>) -> Self {
        if let Content::Raw { pieces, .. } = &mut self.content {
            *pieces = vec![bytes.into()];
        }
        self
    }

    /// Cuts the body of a raw answer at these offsets (bytes, ascending). Over HTTP/1.1 each piece
    /// is a chunk of its own; a [`pace`](Self::pace) also puts time between them.
    #[must_use]
    pub fn split_at(mut self, offsets: impl IntoIterator<Item = usize>) -> Self {
        if let Content::Raw { pieces, .. } = &mut self.content {
            let mut rest = Bytes::from(pieces.concat());
            pieces.clear();
            let mut start = 0;
            for offset in offsets {
                let length = offset.saturating_sub(start).min(rest.len());
                pieces.push(rest.split_to(length));
                start += length;
            }
            pieces.push(rest);
            pieces.retain(|piece| !piece.is_empty());
            self.framing.get_or_insert(Framing::Chunked);
        }
        self
    }

    /// In how many deltas a stream sends the text \[one a word\]; at most one a character.
    #[must_use]
    pub const fn deltas(mut self, deltas: usize) -> Self {
        if let Content::Text(text) = &mut self.content {
            text.deltas = Some(deltas);
        }
        self
    }

    /// Why the model stopped (by default [`Finish::Stop`]).
    #[must_use]
    pub const fn finish(mut self, finish: Finish) -> Self {
        if let Content::Text(text) = &mut self.content {
            text.finish = finish;
        }
        self
    }

    /// The tokens that the answer claims \[a quarter of the bytes\].
    #[must_use]
    pub const fn usage(mut self, input: u64, output: u64) -> Self {
        if let Content::Text(text) = &mut self.content {
            text.usage = Some((input, output));
        }
        self
    }

    /// Claims this `content-length`, whatever is really sent; the connection closes after it.
    #[must_use]
    pub const fn content_length(self, bytes: u64) -> Self {
        self.framed(Framing::Length(bytes))
    }

    /// Sends a body that lasts until the connection closes, so that no reader can tell whether it
    /// is whole.
    #[must_use]
    pub const fn until_close(self) -> Self {
        self.framed(Framing::UntilClose)
    }

    const fn framed(mut self, framing: Framing) -> Self {
        self.framing = Some(framing);
        self
    }

    /// The error that comes in the shape of an event, where there is one.
    pub(crate) fn fault_in_stream(&self) -> Option<Fault> {
        match self.content {
            Content::ErrorFirst(fault) => Some(fault),
            Content::Text(_) => self.cut?.fault,
            _ => None,
        }
    }

    /// Whether it was given this header with a value that begins so.
    pub(crate) fn has(&self, header: &str, value: &str) -> bool {
        let starts = |given: &str| {
            let start = given.get(..value.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(value))
        };
        self.headers
            .iter()
            .any(|(name, given)| name.eq_ignore_ascii_case(header) && starts(given))
    }
}
