use crate::Lax;
use bytes::Bytes;
use std::{borrow::Cow, fmt, ops::Deref, str};

/// A piece of text out of a stream. It shares the memory of its event where that has the text
/// without escapes.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(Bytes);

impl Text {
    /// The text, which was read from `data`.
    pub(crate) fn new(text: Cow<'_, str>, data: &Bytes) -> Self {
        Self(match text {
            Cow::Borrowed(text) => data.slice_ref(text.as_bytes()),
            Cow::Owned(text) => text.into(),
        })
    }

    /// This text.
    pub(crate) fn of(text: String) -> Self {
        Self(text.into())
    }

    /// The text, unless it is empty.
    pub(crate) fn some(text: Lax<'_>, data: &Bytes) -> Option<Self> {
        let text = text.0.filter(|text| !text.is_empty())?;
        Some(Self::new(text, data))
    }

    /// How long it is, in bytes.
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("made of text only")
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// Only how long it is: what a model says does not belong into logs.
impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

/// The text as a JSON string, quotes included.
pub(crate) fn json(text: &str) -> String {
    serde_json::to_string(text).expect("any text can be written")
}
