use super::Reply;
use std::time::Duration;

/// The waits within one answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) head: Duration,
    pub(crate) body: Duration,
    pub(crate) between: Duration,
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) dribble: Option<(usize, Duration)>,
}

impl Pace {
    pub(crate) const AT_ONCE: Self = Self {
        head: Duration::ZERO,
        body: Duration::ZERO,
        between: Duration::ZERO,
        keep_alive: None,
        dribble: None,
    };
}

/// How fast it is sent.
impl Reply {
    /// Waits before the head \[0\].
    #[must_use]
    pub const fn delay(mut self, wait: Duration) -> Self {
        self.pace.head = wait;
        self
    }

    /// Waits after the head, before anything of the body \[0\].
    #[must_use]
    pub const fn delay_body(mut self, wait: Duration) -> Self {
        self.pace.body = wait;
        self
    }

    /// Waits between the deltas of a stream, the pieces of a raw body, or the halves of a body of
    /// JSON \[0\].
    #[must_use]
    pub const fn pace(mut self, wait: Duration) -> Self {
        self.pace.between = wait;
        self
    }

    /// Fills every wait within the body, a stall too, with a sign of life as often as this (at
    /// least 1 ms) \[none\]:
    /// a comment (OpenAI), a ping event (Anthropic), or an empty line where the answer is JSON. It
    /// heeds no lines: after [`dribble`](Self::dribble) or [`mid_line`](Self::mid_line) it stands
    /// in the middle of one.
    #[must_use]
    pub const fn keep_alive(mut self, every: Duration) -> Self {
        self.pace.keep_alive = Some(every);
        self
    }

    /// Sends the body in bits of so many bytes (at least 1), with a wait between them.
    #[must_use]
    pub const fn dribble(mut self, bytes: usize, every: Duration) -> Self {
        self.pace.dribble = Some((if bytes == 0 { 1 } else { bytes }, every));
        self
    }
}
