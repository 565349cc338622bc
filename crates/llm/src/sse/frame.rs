use bytes::Bytes;
use memchr::memchr2;
use std::str;

/// One thing that a stream of server-sent events said, with the bytes in which it said it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frame {
    /// A line that begins with a colon and stands outside of an event, with the blank line after
    /// it if there is one: what servers send to keep a connection alive.
    Comment(Bytes),
    /// An event.
    Event(Event),
}

/// One event, up to and including the blank line that ends it.
///
/// `id` and `retry` are read over: they serve reconnecting, and a completion can't be reconnected
/// to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The bytes as they came, the blank line included and a byte order mark left out.
    pub raw: Bytes,
    /// The values of the `data` fields, joined by line feeds. Shares the memory of `raw` when
    /// there is only one. Empty also when there is none.
    pub data: Bytes,
    name: Option<Bytes>,
}

impl Frame {
    /// The bytes as they came.
    #[must_use]
    pub const fn raw(&self) -> &Bytes {
        match self {
            Self::Comment(raw) | Self::Event(Event { raw, .. }) => raw,
        }
    }
}

impl Event {
    /// Reads the fields of a whole event.
    pub(crate) fn parse(raw: Bytes) -> Self {
        let mut name = None;
        let mut data = Data::None;
        let mut rest = raw.as_ref();
        while !rest.is_empty() {
            let (line, next) = split_line(rest);
            match field(line) {
                (b"data", value) => data.push(value),
                (b"event", value) => name = Some(raw.slice_ref(value)),
                _ => {}
            }
            rest = next;
        }
        let data = match data {
            Data::None => Bytes::new(),
            Data::One(line) => raw.slice_ref(line),
            Data::Joined(lines) => lines.into(),
        };
        Self { raw, name, data }
    }

    /// The value of the last `event` field, if it is text and not empty.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        let name = str::from_utf8(self.name.as_deref()?).ok()?;
        (!name.is_empty()).then_some(name)
    }
}

/// The `data` of an event so far. Nearly all have one line of it, which need not be copied.
enum Data<'a> {
    None,
    One(&'a [u8]),
    Joined(Vec<u8>),
}

impl<'a> Data<'a> {
    fn push(&mut self, line: &'a [u8]) {
        match self {
            Self::None => *self = Self::One(line),
            Self::One(first) => *self = Self::Joined([*first, b"\n", line].concat()),
            Self::Joined(lines) => {
                lines.push(b'\n');
                lines.extend_from_slice(line);
            }
        }
    }
}

/// The first line without its end, and what comes after that end.
fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some(at) = memchr2(b'\n', b'\r', bytes) else {
        return (bytes, &[]);
    };
    let end = if bytes[at..].starts_with(b"\r\n") {
        at + 2
    } else {
        at + 1
    };
    (&bytes[..at], &bytes[end..])
}

/// A line's field name and its value, of which one leading space is not a part.
fn field(line: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b':', line) {
        Some(colon) => {
            let value = &line[colon + 1..];
            (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
        }
        None => (line, &[]),
    }
}
