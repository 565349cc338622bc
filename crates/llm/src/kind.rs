use buttress_core::Name;
use std::fmt;

/// What happened, in the terms of the people who run LLM calls.
///
/// Finer than [`Class`](buttress_core::Class), which only says what can be done: a rate limit
/// and a spent quota may both come as a 429, and one passes while the other does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Too many requests or tokens for this key just now. Waiting helps.
    RateLimited,
    /// The service has more work than it can do, whoever asks.
    Overloaded,
    /// The service, or something on the way to it, broke.
    ServerError,
    /// Something that passes and is no sign of load: a conflict, a broken connection.
    Transient,
    /// Time ran out: there, as the answer says, or here, waiting for one.
    Timeout,
    /// The money or the allowance is used up. Waiting within a call does not help.
    QuotaExhausted,
    /// The key is missing, wrong, or expired.
    Auth,
    /// The key is good, and may not do this.
    Permission,
    /// No such model, deployment or endpoint.
    NotFound,
    /// The request is malformed, or asks for what the model can't do.
    InvalidRequest,
    /// The request is too long: for the model's window, or for the whole of a minute's limit.
    ContextLength,
    /// A filter, a safety system or the model itself refused.
    ContentPolicy,
    /// An answer came, and it is incomplete or malformed.
    Partial,
    /// This side refused to make the call. Nothing was sent.
    Rejected,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 14] = [
        Self::RateLimited,
        Self::Overloaded,
        Self::ServerError,
        Self::Transient,
        Self::Timeout,
        Self::QuotaExhausted,
        Self::Auth,
        Self::Permission,
        Self::NotFound,
        Self::InvalidRequest,
        Self::ContextLength,
        Self::ContentPolicy,
        Self::Partial,
        Self::Rejected,
    ];

    /// A stable lower-case name, for logs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.name().as_str()
    }

    /// The same, as it stands in a [`Failure`](buttress_core::Failure).
    #[must_use]
    pub const fn name(self) -> Name {
        match self {
            Self::RateLimited => Name::new(&"rate_limited"),
            Self::Overloaded => Name::new(&"overloaded"),
            Self::ServerError => Name::new(&"server_error"),
            Self::Transient => Name::new(&"transient"),
            Self::Timeout => Name::new(&"timeout"),
            Self::QuotaExhausted => Name::new(&"quota_exhausted"),
            Self::Auth => Name::new(&"auth"),
            Self::Permission => Name::new(&"permission"),
            Self::NotFound => Name::new(&"not_found"),
            Self::InvalidRequest => Name::new(&"invalid_request"),
            Self::ContextLength => Name::new(&"context_length"),
            Self::ContentPolicy => Name::new(&"content_policy"),
            Self::Partial => Name::new(&"partial"),
            Self::Rejected => Name::new(&"rejected"),
        }
    }

    /// The kind of this name, see [`as_str`](Self::as_str).
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
