use bytes::Bytes;
use std::{borrow::Cow, ops::Range};

/// Changes to make to a few places of a text, all else staying as it is byte for byte.
#[derive(Debug, Default)]
pub(crate) struct Splice<'a>(Vec<(Range<usize>, Cow<'a, str>)>);

impl<'a> Splice<'a> {
    /// Puts `text` in the place of this range. Ranges do not overlap.
    pub(crate) fn replace(&mut self, range: Range<usize>, text: impl Into<Cow<'a, str>>) {
        self.0.push((range, text.into()));
    }

    /// Puts `text` there.
    pub(crate) fn insert(&mut self, at: usize, text: impl Into<Cow<'a, str>>) {
        self.replace(at..at, text);
    }

    /// The changed bytes; the very same ones when there is no change.
    pub(crate) fn apply(mut self, body: &Bytes) -> Bytes {
        if self.0.is_empty() {
            return body.clone();
        }
        // Stable: what is inserted at one place stays in the order in which it was asked for.
        self.0.sort_by_key(|(range, _)| range.start);
        let added: usize = self.0.iter().map(|(_, text)| text.len()).sum();
        let mut changed = Vec::with_capacity(body.len() + added);
        let mut copied = 0;
        for (range, text) in &self.0 {
            changed.extend_from_slice(&body[copied..range.start]);
            changed.extend_from_slice(text.as_bytes());
            copied = range.end;
        }
        changed.extend_from_slice(&body[copied..]);
        changed.into()
    }
}
