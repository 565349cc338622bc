use buttress_llm::{LlmError, LlmResponse};
use buttress_retry_after::{Hint, PaceHint, RateLimit};
use http::StatusCode;
use std::time::SystemTime;

/// The pace of a key's calls, by what its provider says of the limits on requests: with every
/// answer, where the provider does that, and with the error that tells of a limit.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct LlmPace;

impl LlmPace {
    /// Reads the headers that an answer passes on.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl PaceHint<LlmResponse, LlmError> for LlmPace {
    fn hint(&self, outcome: Result<&LlmResponse, &LlmError>) -> Hint {
        let (status, headers) = match outcome {
            Ok(answer) => (StatusCode::OK, &answer.headers),
            Err(LlmError::Provider(error)) => (StatusCode::TOO_MANY_REQUESTS, error.headers()),
            Err(_) => return Hint::NONE,
        };
        RateLimit::read(status, headers, SystemTime::now()).hint()
    }
}
