//! Keeps keys out of what is shown of a file.
//!
//! A message about a file shows its lines, and someone may have written a key into one of them,
//! on the very line that is wrong or beside it. So the text is masked before anything shows it.
//! It works on plain text and not on what was parsed, because a file that can't be parsed is
//! shown as well. Every byte that is masked becomes one `*`, so that places stay what they were.

use std::ops::Range;

/// How the keys of the known providers begin.
const PREFIXES: [&str; 9] = [
    "sk-", "sk_", "gsk_", "csk-", "csk_", "fw_", "xai-", "AIza", "Bearer ",
];

/// Shorter than this after its prefix, and it is a word like any other.
const TOKEN: usize = 8;

/// The text of a file, with what may be a key masked.
pub(super) fn file(source: &str) -> String {
    let mut text = text(source);
    for range in assigned(source) {
        stars(&mut text, range);
    }
    text
}

/// A piece of text, with what looks like a key or a URL's password masked.
pub(super) fn text(source: &str) -> String {
    let mut text = source.to_owned();
    for prefix in PREFIXES {
        for (at, _) in source.match_indices(prefix) {
            let word = source[..at].ends_with(|before: char| before.is_ascii_alphanumeric());
            let rest = &source[at + prefix.len()..];
            let token = rest.find(|c: char| !is_token(c)).unwrap_or(rest.len());
            if !word && token >= TOKEN {
                stars(&mut text, at..at + prefix.len() + token);
            }
        }
    }
    for (at, scheme) in source.match_indices("://") {
        let rest = &source[at + scheme.len()..];
        let authority = &rest[..rest.find(['/', '"', '\'', '\n', ' ']).unwrap_or(rest.len())];
        if let Some(user) = authority.rfind('@') {
            let start = at + scheme.len();
            stars(&mut text, start..start + user);
        }
    }
    text
}

/// Where values are assigned to names that sound like a key's.
fn assigned(source: &str) -> impl Iterator<Item = Range<usize>> {
    source.match_indices('=').filter_map(|(at, _)| {
        let name = source[..at].trim_end_matches([' ', '\t', '"', '\'']);
        let name = &name[name.rfind(|c: char| !is_token(c)).map_or(0, |end| {
            end + name[end..].chars().next().map_or(0, char::len_utf8)
        })..];
        let name = name.to_ascii_lowercase().replace('-', "_");
        let value = value(source, at + 1);
        let secret = match name.strip_suffix("_env") {
            Some(_) => !is_variable(&source[value.clone()]),
            None => sounds_secret(&name),
        };
        secret.then_some(value)
    })
}

fn sounds_secret(name: &str) -> bool {
    let ends = |suffix: &str| name.ends_with(suffix);
    ends("key") || ends("token") || ends("secret") || ends("password") || ends("authorization")
}

/// Whether this is the usual form of the name of an environment variable.
fn is_variable(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    text.len() <= 64 && text.chars().all(allowed)
}

/// The value that begins after an `=`: what is between its quotes, or up to the end of the line
/// where nothing closes them.
fn value(source: &str, start: usize) -> Range<usize> {
    let rest = &source[start..];
    let start = start + rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let rest = &source[start..];
    let quote = ["\"\"\"", "'''", "\"", "'"]
        .into_iter()
        .find(|quote| rest.starts_with(quote));
    let Some(quote) = quote else {
        let end = rest.find(['\n', ',', '}', '#']).unwrap_or(rest.len());
        return start..start + rest[..end].trim_end().len();
    };
    let start = start + quote.len();
    let rest = &source[start..];
    let line = rest.find('\n').unwrap_or(rest.len());
    let end = match rest.find(quote) {
        Some(end) if quote.len() == 3 || end < line => end,
        _ => line,
    };
    start..start + end
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

fn stars(text: &mut String, range: Range<usize>) {
    let stars: String = text[range.clone()]
        .chars()
        .flat_map(|c| match c {
            // Lines stay lines.
            '\n' | '\r' => std::iter::repeat_n(c, 1),
            c => std::iter::repeat_n('*', c.len_utf8()),
        })
        .collect();
    text.replace_range(range, &stars);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_masked_wherever_they_are_written() {
        for (source, shown) in [
            ("api_key = \"hunter2\"", "api_key = \"*******\""),
            (
                "x-api-key = 'hunter2' # mine",
                "x-api-key = '*******' # mine",
            ),
            (
                "\"Authorization\" = \"Bearer é\"",
                "\"Authorization\" = \"*********\"",
            ),
            ("client_key = hunter2", "client_key = *******"),
            (
                "key = \"unclosed\nkey_env = 1",
                "key = \"********\nkey_env = 1",
            ),
            ("key = \"\"\"a\nb\"\"\" # c", "key = \"\"\"*\n*\"\"\" # c"),
            (
                "{ kind = \"openai\", key = \"k\" }",
                "{ kind = \"openai\", key = \"*\" }",
            ),
            (
                "key_env = \"OPENAI_API_KEY\"",
                "key_env = \"OPENAI_API_KEY\"",
            ),
            ("key_env = \"0f3a77\"", "key_env = \"******\""),
            ("name = \"sk-abcdefgh\"", "name = \"***********\""),
            (
                "name = \"risk-averse-model\"",
                "name = \"risk-averse-model\"",
            ),
            (
                "base_url = \"https://me:pw@host/v1\"",
                "base_url = \"https://*****@host/v1\"",
            ),
        ] {
            assert_eq!(file(source), shown);
            assert_eq!(file(source).len(), source.len());
        }
    }
}
