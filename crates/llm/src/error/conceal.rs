//! Keys taken out of what a provider says.

use std::borrow::Cow;

/// How the keys of providers begin.
const PREFIXES: [&str; 10] = [
    "sk-", "sk_", "gsk_", "xai-", "csk-", "fw_", "AIza", "AKIA", "ASIA", "ya29.",
];
/// What is shorter is a word, not a key.
const MIN_KEY: usize = 8;
const CONCEALED: &str = "[key]";

/// The same text without what looks like a key. Borrowed when there is none.
pub(super) fn conceal(text: &str) -> Cow<'_, str> {
    let in_key = |c: char| c.is_ascii_alphanumeric() || "-_.*".contains(c);
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(start) = text.get(at..).and_then(|rest| rest.find(in_key)) {
        let start = at + start;
        let rest = text.get(start..).unwrap_or_default();
        let length = rest.find(|c| !in_key(c)).unwrap_or(rest.len());
        at = start + length;
        let word = rest.get(..length).unwrap_or_default();
        if length >= MIN_KEY && PREFIXES.iter().any(|prefix| word.starts_with(prefix)) {
            out.push_str(text.get(copied..start).unwrap_or_default());
            out.push_str(CONCEALED);
            copied = at;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_taken_out_and_nothing_else() {
        for (text, expected) in [
            ("provided: sk-false123. You", "provided: [key] You"),
            ("sk-proj-abc***xyz", "[key]"),
            ("a task-specific, sk-ill", "a task-specific, sk-ill"),
            (
                "Bearer gsk_0123456789, and AIzaSyA-bcdefg!",
                "Bearer [key], and [key]!",
            ),
            ("ключ «sk-12345678»", "ключ «[key]»"),
            ("", ""),
        ] {
            assert_eq!(conceal(text), expected);
        }
        assert!(matches!(conceal("nothing"), Cow::Borrowed(_)));
    }
}
