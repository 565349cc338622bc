/// An error that providers answer with, in the words of whichever dialect was asked.
///
/// Statuses and bodies are what the real services send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// 429: too many requests in this minute. It asks for no wait; see
    /// [`Reply::retry_after`](crate::Reply::retry_after).
    RateLimited,
    /// The money is spent. OpenAI: 429 `insufficient_quota`; Anthropic: 400, told by its message
    /// only; Gemini: 429, told by the name of the quota only.
    InsufficientQuota,
    /// OpenAI and Gemini: 503; Anthropic: 529 `overloaded_error`.
    Overloaded,
    /// 500.
    ServerError,
    /// 504 (OpenAI: 408): the service gave up on its own work.
    Timeout,
    /// 401 (Gemini: 400).
    InvalidKey,
    /// 403.
    Permission,
    /// 404: no such model.
    UnknownModel,
    /// 409: the request collided with another one.
    Conflict,
    /// 400: a field has a value that is not allowed.
    InvalidRequest,
    /// 400: the prompt is longer than the model's window.
    ContextLength,
    /// 400: refused by the content policy.
    ContentPolicy,
    /// 413: more bytes than a request may have.
    RequestTooLarge,
}
