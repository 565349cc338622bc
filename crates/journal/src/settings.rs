use std::time::Duration;

/// What is kept, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// How long a session is kept after its last record [7 days].
    ///
    /// A session goes as a whole: one that has lost its beginning would be paid for again.
    pub max_age: Duration,
    /// How many records a session may have \[10,000\]. What comes then is answered and not recorded.
    pub max_records: u64,
    /// How large the records of a session may be together, in bytes [256 MiB].
    pub max_bytes: u64,
    /// How large one answer may be, in bytes [16 MiB]. A larger one is given and not recorded.
    pub max_answer: usize,
    /// How much may be waiting to be stored at a time, of all sessions together, in bytes
    /// [64 MiB]: a store that does not keep up costs no more memory than that.
    pub max_pending: usize,
}

impl Settings {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            max_age: Duration::from_hours(7 * 24),
            max_records: 10_000,
            max_bytes: 256 << 20,
            max_answer: 16 << 20,
            max_pending: 64 << 20,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}
