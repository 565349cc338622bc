use buttress_correct::json::Schema;
use buttress_llm::{AttemptUsage, LlmRequest, LlmResponse, Said, Usage};
use std::sync::Arc;

/// What is kept of a request while its answers are checked.
#[derive(Debug)]
pub struct Case {
    request: LlmRequest,
    pub(super) form: Form,
    /// Whether calls of tools are looked at.
    pub(super) tools: bool,
    /// What all answers so far were counted as.
    attempts: Vec<AttemptUsage>,
}

/// What the text of an answer has to be.
#[derive(Clone, Debug)]
pub(super) enum Form {
    Any,
    Json,
    Schema(Schema),
}

impl Case {
    pub(super) const fn new(request: LlmRequest, form: Form, tools: bool) -> Self {
        Self {
            request,
            form,
            tools,
            attempts: Vec::new(),
        }
    }

    /// The request as it was.
    #[must_use]
    pub const fn request(&self) -> &LlmRequest {
        &self.request
    }

    /// An answer of this route was counted as that.
    pub(super) fn count(&mut self, route: &Option<Arc<str>>, usage: Usage) {
        self.attempts.push(AttemptUsage::new(route.clone(), usage));
    }

    /// What all answers so far were counted as together. `None` when there was none.
    pub(super) fn counted(&self) -> Option<Usage> {
        let attempts = self.attempts.iter().map(|attempt| attempt.usage);
        attempts.reduce(Usage::and)
    }

    /// Puts what all attempts were counted as into the answer that is given out, and says whether
    /// there were several.
    pub(super) fn sum_up(&self, response: &mut LlmResponse, said: &mut Said) -> bool {
        if self.attempts.len() < 2 {
            return false;
        }
        let sum = self.counted().unwrap_or_default();
        (response.usage, said.usage) = (sum, sum);
        response.attempts.clone_from(&self.attempts);
        true
    }

    /// The same case of another stream of its answer, in which nothing was counted yet.
    pub(super) fn again(&self) -> Self {
        Self::new(self.request.clone(), self.form.clone(), self.tools)
    }
}
