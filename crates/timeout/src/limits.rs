use std::time::Duration;

/// How long one attempt may take, phase by phase. `None` is without limit.
///
/// | limit | counted from | [`whole()`](Self::whole) | [`streamed()`](Self::streamed) |
/// |---|---|---|---|
/// | `headers` | the start | none | none |
/// | `first_content` | the start | none | 180 s |
/// | `idle` | the moment when the reader asks for more and there is none | none | 120 s |
/// | `attempt` | the start | 10 min | 30 min |
///
/// Where the numbers come from:
/// - 10 minutes is what the official SDKs of OpenAI and Anthropic allow for an answer in one
///   piece. Its head comes with its end, so a limit on headers would be a limit on the whole.
/// - The first content of a model that reasons over a long prompt which is in no cache takes 60
///   to 120 s in users' reports. Some providers send the head of a stream at once and some with
///   its first token, so this limit holds from the start, whether the head is there or not.
/// - Between contents, models that buffer a tool call or think again pause for tens of seconds;
///   limits of 45 s were reported to cut off healthy streams. LangChain waits 120 s for a chunk,
///   Codex 300 s for any event.
/// - A stream that keeps coming is not cut for being long: 128,000 tokens at 80 a second are 27
///   minutes.
///
/// ```
/// use buttress_timeout::Limits;
/// use std::time::Duration;
///
/// let hasty = Limits::streamed().first_content(Duration::from_secs(20)).attempt(None);
/// assert_eq!(hasty.idle, Some(Duration::from_secs(120)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// To the head of the answer.
    pub headers: Option<Duration>,
    /// To its first content.
    pub first_content: Option<Duration>,
    /// Between two pieces of content.
    pub idle: Option<Duration>,
    /// To its end.
    pub attempt: Option<Duration>,
}

impl Limits {
    /// No limits at all; also the `Default`.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            headers: None,
            first_content: None,
            idle: None,
            attempt: None,
        }
    }

    /// For an answer of a language model that comes in one piece.
    #[must_use]
    pub const fn whole() -> Self {
        Self {
            attempt: Some(Duration::from_secs(600)),
            ..Self::none()
        }
    }

    /// For an answer of a language model that comes as a stream.
    #[must_use]
    pub const fn streamed() -> Self {
        Self {
            headers: None,
            first_content: Some(Duration::from_secs(180)),
            idle: Some(Duration::from_secs(120)),
            attempt: Some(Duration::from_secs(1800)),
        }
    }

    /// Sets the time to the head of the answer.
    #[must_use]
    pub fn headers(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.headers = limit.into();
        self
    }

    /// Sets the time to the first content, counted from the start.
    #[must_use]
    pub fn first_content(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.first_content = limit.into();
        self
    }

    /// Sets the time between two pieces of content. It does not run while the reader is away.
    #[must_use]
    pub fn idle(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.idle = limit.into();
        self
    }

    /// Sets the time to the end of the answer.
    #[must_use]
    pub fn attempt(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.attempt = limit.into();
        self
    }
}

/// Which limits hold for a request.
///
/// [`Limits`] hold for all alike; a closure can tell requests apart, such as those that ask for
/// a stream.
pub trait LimitsFor<Req> {
    /// The limits of this request's attempt.
    fn limits(&self, request: &Req) -> Limits;
}

impl<Req> LimitsFor<Req> for Limits {
    fn limits(&self, _: &Req) -> Limits {
        *self
    }
}

impl<Req, F: Fn(&Req) -> Limits> LimitsFor<Req> for F {
    fn limits(&self, request: &Req) -> Limits {
        self(request)
    }
}
