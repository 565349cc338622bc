//! Finding the one array or object in a text.

use super::mend::{Bracket, mend};
use std::ops::Range;

/// How deep it may be nested: as deep as `serde_json` reads.
pub(in crate::json) const DEEPEST: usize = 127;

/// Where it stands.
pub(super) struct Found {
    range: Range<usize>,
}

impl Found {
    pub(super) fn of<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.range.clone()).unwrap_or_default()
    }

    pub(super) fn has_prose(&self, text: &str) -> bool {
        let around = [text.get(..self.range.start), text.get(self.range.end..)];
        around.iter().flatten().any(|text| !text.trim().is_empty())
    }
}

/// The one array or object in this text; `None` when there are several that could be meant. One
/// that is not closed is the last: it has all the rest of the text.
///
/// Every byte is looked at once: what does not close as it opened is passed over as a whole.
pub(super) fn scan(text: &str) -> Option<Found> {
    let mut found = None;
    let mut at = 0;
    while let Some(start) = next_bracket(text, at) {
        let range = match extent(text.as_bytes(), start)? {
            Extent::Whole(end) => start..end,
            Extent::Open => start..text.len(),
            Extent::Broken(end) => {
                at = end;
                continue;
            }
        };
        at = range.end;
        let candidate = Found { range };
        // Such as brackets in words.
        if mend(candidate.of(text)).is_none_or(|mended| !mended.looks_like_json()) {
            continue;
        }
        if found.is_some() {
            return None;
        }
        found = Some(candidate);
    }
    found
}

fn next_bracket(text: &str, at: usize) -> Option<usize> {
    let rest = text.as_bytes().get(at..)?;
    let found = rest.iter().position(|byte| matches!(byte, b'{' | b'['))?;
    Some(at + found)
}

enum Extent {
    /// It closes before this byte.
    Whole(usize),
    /// It does not close.
    Open,
    /// It closes otherwise than it opened, before this byte.
    Broken(usize),
}

/// How far what opens here goes. `None` when it goes deeper than anybody reads.
fn extent(text: &[u8], start: usize) -> Option<Extent> {
    let mut open = Vec::new();
    let mut at = start;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'"' => at = string_end(text, at).unwrap_or(text.len()),
            b'/' => at = comment_end(text, at).unwrap_or(at),
            _ => {}
        }
        if let Some(bracket) = Bracket::opening(byte) {
            if open.len() == DEEPEST {
                return None;
            }
            open.push(bracket);
        } else if matches!(byte, b'}' | b']') {
            let opened = open.pop();
            if opened.is_none_or(|bracket| bracket.closing() != char::from(byte)) {
                return Some(Extent::Broken(at));
            }
            if open.is_empty() {
                return Some(Extent::Whole(at));
            }
        }
    }
    Some(Extent::Open)
}

/// Behind the quote that ends a string whose first byte is this one.
pub(super) fn string_end(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Behind the comment whose slash stands before this byte, if it is one.
pub(super) fn comment_end(text: &[u8], at: usize) -> Option<usize> {
    let rest = text.get(at + 1..)?;
    match text.get(at)? {
        b'/' => {
            let line = rest.iter().position(|byte| *byte == b'\n');
            Some(line.map_or(text.len(), |line| at + 1 + line))
        }
        b'*' => {
            let end = rest.windows(2).position(|two| two == b"*/");
            Some(end.map_or(text.len(), |end| at + 3 + end))
        }
        _ => None,
    }
}
