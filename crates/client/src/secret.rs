use buttress_llm::LlmError;
use http::HeaderMap;
use std::{fmt, sync::Arc};

/// A key that must not be seen.
///
/// `Debug` and `Display` show `[redacted]`, so that a log line, an error or a panic that holds
/// one gives nothing away. The text itself comes out of [`expose`](Self::expose) alone, which
/// makes every use easy to find. Clones share it.
///
/// There is no `==`: comparing keys takes constant time or leaks where they differ.
///
/// ```
/// use buttress_client::Secret;
///
/// let key = Secret::new("sk-example");
/// assert_eq!(format!("{key:?} {key}"), "[redacted] [redacted]");
/// assert_eq!(key.expose(), "sk-example");
/// ```
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Keeps `text` from being seen.
    #[must_use]
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that sends or compares it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What the caller of a client may not learn from what the provider answers.
#[derive(Clone)]
pub(crate) struct Secrets(Arc<[Secret]>);

impl Secrets {
    /// The key, and what may be one among the headers that were set beside it: those marked as
    /// sensitive.
    pub(crate) fn new(key: Option<&Secret>, headers: &HeaderMap) -> Self {
        // Shorter ones are words, such as a version or `true`.
        const MIN_LENGTH: usize = 8;
        let values = headers.values().filter(|value| value.is_sensitive());
        let values = values.filter_map(|value| value.to_str().ok());
        // Without the scheme: `Bearer`.
        let words = values.filter_map(|value| value.split_ascii_whitespace().last());
        let words = words.filter(|word| word.len() >= MIN_LENGTH);
        Self(
            key.cloned()
                .into_iter()
                .chain(words.map(Secret::new))
                .collect(),
        )
    }

    /// The same error without them.
    pub(crate) fn redact(&self, error: LlmError) -> LlmError {
        let secrets = self.0.iter();
        secrets.fold(error, |error, secret| error.redact(secret.expose()))
    }
}
