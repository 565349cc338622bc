//! Repairs of JSON that need no model, because there is only one thing that can have been meant.
//!
//! Nothing of a value is ever made up, and nothing of it is left out: what is taken off is around
//! it or between its parts. Where two things could have been meant nothing is done. Each repair
//! takes a time that grows with the length of the text, whatever is in it.

mod mend;
mod scan;
#[cfg(test)]
mod tests;

pub(super) use self::scan::DEEPEST;
use self::{mend::mend, scan::scan};
use serde::de::IgnoredAny;

/// One thing that was done to a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Repair {
    /// It stood between the fences of a Markdown code block.
    Fences,
    /// There were words around it.
    Prose,
    /// There were comments in it, `//` or `/* */`.
    Comments,
    /// There was a comma behind the last item of an array or object.
    Commas,
    /// `True`, `False` and `None` were written for `true`, `false` and `null`.
    Literals,
    /// Brackets were missing at its end.
    Tail,
}

impl Repair {
    /// What was done, in words that never change.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fences => "code fences taken off",
            Self::Prose => "words around the JSON taken off",
            Self::Comments => "comments taken out of the JSON",
            Self::Commas => "trailing commas taken out of the JSON",
            Self::Literals => "Python's literals written as those of JSON",
            Self::Tail => "missing brackets added to the end of the JSON",
        }
    }
}

/// A text that has become JSON.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repaired {
    /// The JSON.
    pub json: String,
    /// What was done, each kind once.
    pub repairs: Vec<Repair>,
}

/// Makes JSON of a text that is not. `None` when it is JSON already, or when what was meant can't
/// be told for certain.
///
/// `cut` says that the answer was cut off at a limit. Brackets are added to its end in any case
/// only behind a whole string, literal, array or object: a number could have gone on. Of an answer
/// that was cut off no array is closed, as there may have been more in it, and an object only
/// where a schema is asked afterwards whether something is missing: **ask one**.
#[must_use]
pub fn repair(text: &str, cut: bool) -> Option<Repaired> {
    if is_json(text) {
        return None;
    }
    let mut repairs = Vec::new();
    let unfenced = match fenced(text) {
        Some(inner) => {
            repairs.push(Repair::Fences);
            if is_json(inner) {
                let json = inner.trim().to_owned();
                return Some(Repaired { json, repairs });
            }
            inner
        }
        None => text,
    };
    let found = scan(unfenced)?;
    if found.has_prose(unfenced) {
        repairs.push(Repair::Prose);
    }
    let mended = mend(found.of(unfenced))?;
    repairs.extend(&mended.repairs);
    if !mended.open.is_empty() {
        if !mended.may_be_closed(cut) {
            return None;
        }
        repairs.push(Repair::Tail);
    }
    let mut json = mended.json;
    json.extend(mended.open.iter().rev().map(|open| open.closing()));
    is_json(&json).then_some(Repaired { json, repairs })
}

/// What stands between the fences that a text begins and ends with. The last one may be missing,
/// as from an answer that was cut off.
fn fenced(text: &str) -> Option<&str> {
    const FENCE: &str = "```";
    let inner = text.trim().strip_prefix(FENCE)?;
    // The language, on the line of the fence.
    let inner = match inner.split_once('\n') {
        Some((language, inner)) if !language.contains(['{', '[', '"']) => inner,
        _ => inner.strip_prefix("json").unwrap_or(inner),
    };
    Some(inner.strip_suffix(FENCE).unwrap_or(inner))
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Without the text.
impl std::fmt::Debug for Repaired {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repaired")
            .field("bytes", &self.json.len())
            .field("repairs", &self.repairs)
            .finish()
    }
}
