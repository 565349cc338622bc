//! Keys taken out of what a provider says.

use serde_json::Value;
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

/// The same without a secret that is known, wherever it stands. `None` when it stands nowhere.
///
/// At the end the beginning of one is enough: what a provider says is cut where it gets too long.
/// What is as short as a word has to be one: half a word is none of the secret.
pub(super) fn redact(text: &[u8], secret: &str) -> Option<Vec<u8>> {
    let secret = secret.as_bytes();
    let first = secret.first()?;
    let short = secret.len() < MIN_KEY;
    let in_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let mut out = Vec::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(start) = rest.iter().position(|byte| byte == first) else {
            break;
        };
        let (start, rest) = (at + start, rest.get(start..).unwrap_or_default());
        let length = secret.len().min(rest.len());
        let found = secret.get(..length) == rest.get(..length)
            && (length == secret.len() || length >= MIN_KEY);
        let before = start.checked_sub(1).and_then(|before| text.get(before));
        let inside = short && (in_word(before) || in_word(rest.get(length)));
        at = start + 1;
        if found && !inside {
            out.extend_from_slice(text.get(copied..start).unwrap_or_default());
            out.extend_from_slice(CONCEALED.as_bytes());
            at = start + length;
            copied = at;
        }
    }
    if copied == 0 {
        return None;
    }
    out.extend_from_slice(text.get(copied..).unwrap_or_default());
    Some(out)
}

/// Whether JSON, or a text with JSON inside, spells this secret with escapes: `\/`, `\u002b`.
pub(super) fn spells(body: &[u8], secret: &str) -> bool {
    fn holds(value: &Value, secret: &str) -> bool {
        match value {
            Value::String(text) => redact(text.as_bytes(), secret).is_some(),
            Value::Array(items) => items.iter().any(|item| holds(item, secret)),
            Value::Object(fields) => fields.iter().any(|(name, value)| {
                redact(name.as_bytes(), secret).is_some() || holds(value, secret)
            }),
            _ => false,
        }
    }
    if !body.contains(&b'\\') {
        return false;
    }
    let bare: Vec<u8> = body.iter().copied().filter(|byte| *byte != b'\\').collect();
    redact(&bare, secret).is_some()
        || serde_json::from_slice(body).is_ok_and(|value| holds(&value, secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_is_known_is_taken_out_whatever_it_looks_like() {
        let key = "0f3a77aabb/+c";
        for (text, expected) in [
            ("key 0f3a77aabb/+c is bad", Some("key [key] is bad")),
            ("0f3a77aabb/+c0f3a77aabb/+c", Some("[key][key]")),
            ("00f3a77aabb/+c", Some("0[key]")),
            ("0f0f3a77aabb/+c", Some("0f[key]")),
            // Cut off in the middle of it.
            ("key 0f3a77aab", Some("key [key]")),
            ("key 0f3a77a", None),
            ("0f3a77aab and more", None),
            ("", None),
        ] {
            let redacted = redact(text.as_bytes(), key);
            assert_eq!(redacted.as_deref(), expected.map(str::as_bytes), "{text}");
        }
        let word = |text: &str| redact(text.as_bytes(), "none");
        assert_eq!(word("key 'none'").as_deref(), Some(&b"key '[key]'"[..]));
        assert_eq!((word("nonesuch"), word("nonone")), (None, None));
        assert_eq!(redact(b"text", ""), None);
    }

    #[test]
    fn escapes_hide_no_secret() {
        let key = "0f3a77aabb/+c";
        for (body, expected) in [
            (r#"{"message":"0f3a77aabb\/+c"}"#, true),
            (r#"{"a":[{"m":"0f3a77aabb\/\u002bc"}]}"#, true),
            (r#"{"0f3a77aabb/\u002bc":1}"#, true),
            (r#"{"m":"{\"m\":\"0f3a77aabb\\\/+c\"}"}"#, true),
            (r#"{"m":"a\nb"}"#, false),
        ] {
            assert_eq!(spells(body.as_bytes(), key), expected, "{body}");
        }
    }

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
