use crate::limits::LastLimits;
use buttress_llm::{LlmError, LlmResponse};
use buttress_retry_after::{Hint, PaceHint, RateLimit};
use http::StatusCode;
use std::{sync::Arc, time::SystemTime};

/// The pace of a key's calls, by what its provider says of the limits on requests: with every
/// answer, where the provider does that, and with the error that tells of a limit.
#[derive(Clone, Debug, Default)]
pub struct LlmPace {
    last: Option<Arc<LastLimits>>,
}

impl LlmPace {
    /// Reads the headers that an answer passes on.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: None }
    }

    /// Keeps what was told last.
    pub(crate) fn keep(last: &Arc<LastLimits>) -> Self {
        let last = Some(Arc::clone(last));
        Self { last }
    }
}

impl PaceHint<LlmResponse, LlmError> for LlmPace {
    fn hint(&self, outcome: Result<&LlmResponse, &LlmError>) -> Hint {
        let (status, headers) = match outcome {
            Ok(answer) => (StatusCode::OK, &answer.headers),
            Err(LlmError::Provider(error)) => (StatusCode::TOO_MANY_REQUESTS, error.headers()),
            Err(_) => return Hint::NONE,
        };
        let told = RateLimit::read(status, headers, SystemTime::now());
        if let Some(last) = &self.last {
            last.put(&told);
        }
        told.hint()
    }
}
