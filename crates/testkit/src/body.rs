//! What is sent for a call, before it is paced.

use crate::{
    Fault, Received,
    bodies::Answer,
    reply::{Content, Cut, Text},
};
use bytes::Bytes;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) const JSON: &str = "application/json";
pub(crate) const EVENTS: &str = "text/event-stream; charset=utf-8";

/// A body before it is cut and paced.
pub(crate) struct Body {
    pub(crate) status: u16,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) before: Vec<Bytes>,
    /// What [`Cut`] counts.
    pub(crate) units: Vec<Bytes>,
    pub(crate) after: Vec<Bytes>,
}

impl Body {
    /// None where not even a head is sent.
    pub(crate) fn new(content: &Content, call: &Received) -> Option<Self> {
        let dialect = call.dialect;
        Some(match content {
            Content::Nothing => return None,
            Content::Raw { status, pieces } => Self {
                status: *status,
                content_type: None,
                before: Vec::new(),
                units: pieces.clone(),
                after: Vec::new(),
            },
            Content::Terminator => Self::events(Vec::new(), vec![dialect.terminator()]),
            Content::Error(fault) => Self::error(*fault, call),
            Content::ErrorFirst(fault) => {
                let before = answer(call, &Text::new(""), &[], |answer| {
                    dialect.before_first_error(answer)
                });
                Self::events(before, vec![dialect.error_event(*fault, call.model())])
            }
            Content::Text(text) => Self::text(text, call),
        })
    }

    fn text(text: &Text, call: &Received) -> Self {
        let deltas = split(&text.text, text.deltas);
        answer(call, text, &deltas, |answer| {
            if call.asked.stream {
                let events = call.dialect.events(answer);
                Self {
                    units: events.deltas,
                    after: events.after,
                    ..Self::events(events.before, Vec::new())
                }
            } else {
                Self::json(200, call.dialect.whole(answer).to_string().into())
            }
        })
    }

    pub(crate) fn error(fault: Fault, call: &Received) -> Self {
        let (status, body) = call.dialect.error(fault, call.model(), call.index as u64);
        Self::json(status, body.to_string().into())
    }

    /// In halves, so that it can break between them.
    fn json(status: u16, mut bytes: Bytes) -> Self {
        let half = bytes.split_to(bytes.len() / 2);
        Self {
            status,
            content_type: Some(JSON),
            before: Vec::new(),
            units: vec![half, bytes],
            after: Vec::new(),
        }
    }

    const fn events(before: Vec<Bytes>, units: Vec<Bytes>) -> Self {
        Self {
            status: 200,
            content_type: Some(EVENTS),
            before,
            units,
            after: Vec::new(),
        }
    }

    /// Bytes in all.
    pub(crate) fn len(&self) -> u64 {
        let all = self.before.iter().chain(&self.units).chain(&self.after);
        all.map(|bytes| bytes.len() as u64).sum()
    }

    /// With its units as one.
    pub(crate) fn joined(mut self) -> Self {
        self.units = vec![self.units.concat().into()];
        self
    }

    /// Without what comes after the cut, or with an error in its place.
    pub(crate) fn cut(mut self, cut: Cut, call: &Received) -> Self {
        match cut.after {
            None => {
                self.before.clear();
                self.units.clear();
            }
            Some(after) => {
                let next = self.units.get(after).or(self.after.first()).cloned();
                self.units.truncate(after);
                if let Some(mut next) = next.filter(|_| cut.mid_line) {
                    next.truncate(next.len() / 2);
                    self.units.push(next);
                }
            }
        }
        self.after = cut
            .fault
            .map(|fault| call.dialect.error_event(fault, call.model()))
            .into_iter()
            .collect();
        self
    }
}

fn answer<T>(
    call: &Received,
    text: &Text,
    deltas: &[&str],
    build: impl FnOnce(&Answer<'_>) -> T,
) -> T {
    let tokens = |bytes: usize| (bytes as u64).div_ceil(4);
    let (input_tokens, output_tokens) = text
        .usage
        .unwrap_or_else(|| (tokens(call.body.len()), tokens(text.text.len())));
    build(&Answer {
        serial: call.index as u64,
        created: seconds(call.wall),
        model: call.model(),
        deltas,
        finish: text.finish,
        input_tokens,
        output_tokens,
        include_usage: call.asked.include_usage,
    })
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Into so many parts of about as many characters each, or else into words that keep the space
/// before them.
fn split(text: &str, parts: Option<usize>) -> Vec<&str> {
    let starts: Vec<usize> = match parts {
        Some(parts) => {
            let parts = parts.clamp(1, text.len().max(1));
            let mut starts: Vec<_> = (0..parts)
                .map(|part| text.floor_char_boundary(part * text.len() / parts))
                .collect();
            starts.dedup();
            starts.retain(|_| !text.is_empty());
            starts
        }
        None => {
            let bytes = text.as_bytes();
            (0..bytes.len())
                .filter(|&at| at == 0 || bytes[at] == b' ' && bytes[at - 1] != b' ')
                .collect()
        }
    };
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| &text[start..end])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_split_into_words_or_into_so_many_parts() {
        assert_eq!(
            split("Hello, big  world", None),
            ["Hello,", " big", "  world"]
        );
        assert_eq!(split("abcdefg", Some(3)), ["ab", "cd", "efg"]);
        assert_eq!(split("äöü", Some(9)), ["ä", "ö", "ü"]);
        assert_eq!(split("whole", Some(0)), ["whole"]);
        assert!(split("", None).is_empty());
        assert!(split("", Some(3)).is_empty());
    }
}
