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
