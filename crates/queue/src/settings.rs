use std::time::Duration;

/// What a queue keeps, for how long, and how often a task is tried.
///
/// The limits that bound it never drop what was acknowledged: at its size a queue takes no more,
/// and a task that grows too old becomes a dead letter, to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The name of the queue \[`agent_retry_queue`\].
    pub name: String,
    /// How often a task is delivered before it is a dead letter \[10\]. A worker that dies with a
    /// task has had it delivered.
    pub max_deliveries: u32,
    /// The most tasks that are not done, dead letters among them [10 million]. More are refused.
    pub max_tasks: u64,
    /// The most bytes that these take [8 GiB]. More are refused.
    pub max_bytes: u64,
    /// The most bytes of one task [64 MiB].
    pub max_task_bytes: usize,
    /// How old a task may get before it is a dead letter [7 days].
    pub max_age: Duration,
    /// How long the result of a task is kept [1 day].
    pub keep_results: Duration,
    /// How long a dead letter is kept [30 days].
    pub keep_dead: Duration,
}

impl Settings {
    /// The name that a queue has by default.
    pub const NAME: &'static str = "agent_retry_queue";

    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        const DAY: u64 = 86_400;
        Self {
            name: Self::NAME.to_owned(),
            max_deliveries: 10,
            max_tasks: 10_000_000,
            max_bytes: 8 << 30,
            max_task_bytes: 64 << 20,
            max_age: Duration::from_secs(7 * DAY),
            keep_results: Duration::from_secs(DAY),
            keep_dead: Duration::from_secs(30 * DAY),
        }
    }

    /// Sets the name of the queue: letters, digits, `_`, `-`, `.` and `:`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}
