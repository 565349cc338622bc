use super::{Event, Frame};
use bytes::{Bytes, BytesMut};
use memchr::memchr2;
use std::{error, fmt};

/// Turns the bytes of an event stream into [`Frame`]s, wherever they are cut.
///
/// Follows the WHATWG description of event streams: lines end in LF, CR or CRLF, a leading byte
/// order mark is left out, and an event that is not ended by a blank line is none. Blank lines
/// outside of events are dropped. A frame that came in one piece shares the memory of that piece;
/// only one that was cut is copied together.
///
/// ```
/// use buttress_llm::sse::{Decoder, Frame};
///
/// let mut decoder = Decoder::new();
/// decoder.push("event: greeting\nda".into());
/// assert_eq!(decoder.next_frame(), None);
/// decoder.push("ta: hello\n\n: keep-alive\n\n".into());
///
/// let Some(Ok(Frame::Event(event))) = decoder.next_frame() else { panic!() };
/// assert_eq!((event.name(), event.data.as_ref()), (Some("greeting"), b"hello".as_ref()));
/// assert!(matches!(decoder.next_frame(), Some(Ok(Frame::Comment(_)))));
/// ```
#[derive(Debug)]
pub struct Decoder {
    /// What has not been given out, beginning with the frame being read.
    buffer: Bytes,
    /// Up to where `buffer` has been looked through: always the start of a line or inside one.
    scanned: usize,
    /// How much of the line at `scanned` is known to have no end in it.
    looked: usize,
    /// What the lines before `scanned` began.
    block: Block,
    /// The line before this one ended in CRLF.
    crlf: bool,
    begun: bool,
    ended: bool,
    failed: bool,
    max_event: usize,
}

/// What is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    /// Nothing yet.
    None,
    /// A comment, which stands alone: its line is over.
    Comment,
    /// An event.
    Event,
}

/// One event of a stream was larger than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventTooLarge {
    /// The limit, in bytes.
    pub limit: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// The default limit on one event: 1 MiB. A token takes some hundred bytes, a whole tool call
    /// in one event some kilobytes.
    pub const DEFAULT_MAX_EVENT: usize = 1 << 20;

    /// A decoder at the start of a stream.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            buffer: Bytes::new(),
            scanned: 0,
            looked: 0,
            block: Block::None,
            crlf: false,
            begun: false,
            ended: false,
            failed: false,
            max_event: Self::DEFAULT_MAX_EVENT,
        }
    }

    /// Sets how large one event may be, in bytes, field names and line ends included
    /// [[`DEFAULT_MAX_EVENT`](Self::DEFAULT_MAX_EVENT)]. No more than this, and what the last
    /// [`push`](Self::push) brought, is ever held.
    #[must_use]
    pub const fn max_event(mut self, bytes: usize) -> Self {
        self.max_event = bytes;
        self
    }

    /// Adds the next piece of the stream. Take out all its frames before the next one.
    pub fn push(&mut self, piece: Bytes) {
        if self.failed || self.ended {
            return;
        }
        if self.buffer.is_empty() {
            self.buffer = piece;
            return;
        }
        let unread = std::mem::take(&mut self.buffer);
        let mut joined = unread.try_into_mut().unwrap_or_else(|shared| {
            let mut copy = BytesMut::with_capacity(shared.len() + piece.len());
            copy.extend_from_slice(&shared);
            copy
        });
        joined.extend_from_slice(&piece);
        self.buffer = joined.freeze();
    }

    /// Says that no more will come. A comment, or an event ended by a bare CR, may have been
    /// waiting for that; an unfinished event is dropped.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// The next frame, if all of it is there.
    ///
    /// # Errors
    /// An event is larger than allowed. Nothing comes after that.
    pub fn next_frame(&mut self) -> Option<Result<Frame, EventTooLarge>> {
        let unread = self.next_unread()?;
        Some(unread.map(|unread| match unread {
            Unread::Comment(raw) => Frame::Comment(raw),
            Unread::Event(raw) => Frame::Event(Event::parse(raw)),
        }))
    }

    /// The next frame, of which only the bytes are told.
    pub(crate) fn next_unread(&mut self) -> Option<Result<Unread, EventTooLarge>> {
        if self.failed {
            return None;
        }
        if !self.begun && !self.skip_byte_order_mark() {
            return None;
        }
        let end = self.scan();
        // The same limit whether the event came whole or in pieces.
        if end.unwrap_or(self.buffer.len()) > self.max_event {
            self.failed = true;
            self.buffer = Bytes::new();
            return Some(Err(EventTooLarge {
                limit: self.max_event,
            }));
        }
        let raw = self.buffer.split_to(end?);
        let block = std::mem::replace(&mut self.block, Block::None);
        self.scanned = 0;
        Some(Ok(match block {
            Block::Comment => Unread::Comment(raw),
            Block::None | Block::Event => Unread::Event(raw),
        }))
    }

    /// What has not been given out, where that begins with the start of a frame and there may be
    /// the whole of it.
    pub(crate) fn at_start(&self) -> Option<&Bytes> {
        // Of a block that has not begun no line has ended that was looked through.
        let at_start = self.begun && !self.failed && self.block == Block::None;
        let whole = |from| memchr2(b'\n', b'\r', &self.buffer[from..]).is_some();
        let may_be_whole = self.looked == 0 || whole(self.looked);
        (at_start && may_be_whole).then_some(&self.buffer)
    }

    /// Gives out so much of it, which whoever asks knows to be whole frames, each of them within
    /// the [limit](Self::max_event).
    pub(crate) fn take(&mut self, frames: usize) -> Bytes {
        self.looked = 0;
        self.buffer.split_to(frames)
    }

    /// How large one event may be.
    pub(crate) const fn limit(&self) -> usize {
        self.max_event
    }

    /// How many bytes are held of a frame that is not complete.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.buffer.len()
    }

    /// Looks for the end of the frame that `buffer` begins with.
    fn scan(&mut self) -> Option<usize> {
        loop {
            let line = self.line()?;
            match (self.block, line) {
                // Another frame has ended already, and so has this stray line.
                (Block::None, Line::Blank { end }) => {
                    let _ = self.buffer.split_to(end);
                    self.scanned = 0;
                }
                (Block::Comment | Block::Event, Line::Blank { end }) => return Some(end),
                // A comment ends where something else begins.
                (Block::Comment, Line::Text { .. } | Line::Unfinished) => {
                    return Some(self.scanned);
                }
                (Block::None | Block::Event, Line::Unfinished) => return None,
                (Block::None, Line::Text { end, comment }) => {
                    self.block = if comment {
                        Block::Comment
                    } else {
                        Block::Event
                    };
                    self.scanned = end;
                }
                (Block::Event, Line::Text { end, .. }) => self.scanned = end,
            }
        }
    }

    /// The line at `scanned`; `None` when not even its first byte says enough.
    fn line(&mut self) -> Option<Line> {
        let rest = &self.buffer[self.scanned..];
        if rest.is_empty() {
            // Only a comment is complete without a word on what follows it.
            return (self.ended && self.block == Block::Comment).then_some(Line::Unfinished);
        }
        // Whatever it is that begins here, the comment before it has ended.
        if self.block == Block::Comment && !matches!(rest[0], b'\n' | b'\r') {
            return Some(Line::Unfinished);
        }
        let Some(at) = memchr2(b'\n', b'\r', &rest[self.looked..]) else {
            self.looked = rest.len();
            return Some(Line::Unfinished);
        };
        let at = self.looked + at;
        let end = self.scanned + at + 1;
        let cr = rest[at] == b'\r';
        let lf_follows = cr && rest.get(at + 1) == Some(&b'\n');
        let last = rest.len() == at + 1;
        if at == 0 {
            // A blank line ends the event, which must not wait for a byte that may never come.
            // So a CR takes an LF along only where the line before did.
            if cr && self.crlf && last && !self.ended {
                return None;
            }
            let end = end + usize::from(lf_follows && self.crlf);
            return Some(Line::Blank { end });
        }
        if cr && last && !self.ended {
            return None;
        }
        self.crlf = lf_follows;
        self.looked = 0;
        Some(Line::Text {
            end: end + usize::from(lf_follows),
            comment: rest[0] == b':',
        })
    }

    /// Returns whether it is known that there is none, or it has been left out.
    fn skip_byte_order_mark(&mut self) -> bool {
        const MARK: &[u8] = b"\xEF\xBB\xBF";
        if self.buffer.starts_with(MARK) {
            let _ = self.buffer.split_to(MARK.len());
        } else if MARK.starts_with(&self.buffer) {
            return false;
        }
        self.begun = true;
        true
    }
}

/// The bytes of a frame.
#[derive(Debug)]
pub(crate) enum Unread {
    Comment(Bytes),
    Event(Bytes),
}

enum Line {
    Blank { end: usize },
    Text { end: usize, comment: bool },
    Unfinished,
}

impl fmt::Display for EventTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "an event of the stream is larger than {} bytes",
            self.limit
        )
    }
}

impl error::Error for EventTooLarge {}
