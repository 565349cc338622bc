use std::time::Duration;

/// What can be set on a gate. The table in the crate's docs says what each is for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    pub(crate) max_wait: Duration,
    pub(crate) max_waiting: usize,
    pub(crate) backoff: Duration,
    pub(crate) max_backoff: Duration,
    pub(crate) park: Duration,
    pub(crate) max_closed: Duration,
    pub(crate) spacing: Duration,
    pub(crate) well_after: Duration,
}

impl Settings {
    pub(crate) const DEFAULT: Self = Self {
        max_wait: Duration::from_secs(30),
        max_waiting: 1000,
        backoff: Duration::from_secs(1),
        max_backoff: Duration::from_secs(30),
        park: Duration::from_secs(60),
        max_closed: Duration::from_secs(3600),
        spacing: Duration::from_millis(200),
        well_after: Duration::from_secs(10),
    };
}
