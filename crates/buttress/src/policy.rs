use buttress_core::{AsFailure, Call, Carried, Failure};
use buttress_fallback::{Failed, Policy};
use buttress_llm::{Dialect, Fallback, Kind, LlmError, LlmRequest, LlmResponse, Usage};
use std::sync::Arc;

/// What a route says of itself: what it can take, and what it costs.
///
/// By default nothing is known of its window and its longest answer, it takes tools, images and JSON schemas, and
/// nothing that another route refused.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Declares {
    /// What it speaks. A [`Route`](crate::Route) sets it by itself.
    pub dialect: Option<Dialect>,
    /// The size of the model's context window, in tokens.
    pub context_window: Option<u64>,
    /// The most tokens that an answer can have. A request that wants more is passed over, and not
    /// [clamped](buttress_llm::Target::max_output_tokens).
    pub max_output_tokens: Option<u64>,
    /// Requests with tools.
    pub tools: bool,
    /// Requests with images.
    pub images: bool,
    /// Requests for an answer that follows a JSON schema.
    pub json_schema: bool,
    /// What another route refused for its content.
    pub content_policy: bool,
    /// What another route called malformed.
    pub invalid_request: bool,
    /// What tokens cost there.
    pub prices: Option<Prices>,
}

impl Default for Declares {
    fn default() -> Self {
        Self {
            dialect: None,
            context_window: None,
            max_output_tokens: None,
            tools: true,
            images: true,
            json_schema: true,
            content_policy: false,
            invalid_request: false,
            prices: None,
        }
    }
}

/// What tokens cost, in US dollars per million.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Prices {
    /// Of the request.
    pub input: f64,
    /// Of the answer.
    pub output: f64,
}

impl Prices {
    /// These prices, in US dollars per million tokens.
    #[must_use]
    pub const fn new(input: f64, output: f64) -> Self {
        Self { input, output }
    }

    /// What a call cost, in US dollars; `None` where the provider did not count. Discounts for
    /// cached tokens are not known here, so it is at most too high.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "tokens of one call, far below 2^52"
    )]
    pub fn cost(&self, usage: &Usage) -> Option<f64> {
        let (input, output) = (usage.input? as f64, usage.output? as f64);
        Some((input * self.input + output * self.output) / 1e6)
    }
}

/// Which route may take an LLM request, before it is tried and after others failed.
///
/// - A route is passed over when the request asks for what it does not take, or is clearly too
///   long for its window: by more than twice of
///   [what is estimated](LlmRequest::estimated_tokens), since an estimate must not turn away what
///   may fit.
/// - After a failure the verdict decides. A context that was too long goes only to a route whose
///   window is known to be larger; what was refused for its content or as malformed only to a
///   route that says that it takes such requests. What can't be carried over to another dialect
///   goes to a route that speaks a different one.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct LlmPolicy;

impl LlmPolicy {
    /// The policy.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Policy<LlmRequest, LlmResponse, LlmError, Declares> for LlmPolicy {
    type Observe = Carried;

    fn observe(&self) -> &Carried {
        const { &Carried::new() }
    }

    fn classify(&self, outcome: Result<&LlmResponse, &LlmError>) -> Result<(), Failure> {
        outcome.map(|_| ()).map_err(AsFailure::as_failure)
    }

    fn keep(&self, request: &LlmRequest) -> Option<LlmRequest> {
        Some(request.clone())
    }

    fn fits(&self, request: &LlmRequest, declares: &Declares) -> Result<(), &'static str> {
        if request.wants_tools() && !declares.tools {
            return Err("takes no tools");
        }
        if request.wants_images() && !declares.images {
            return Err("takes no images");
        }
        if request.wants_json_schema() && !declares.json_schema {
            return Err("takes no JSON schema");
        }
        let most = declares.max_output_tokens;
        if most.is_some_and(|most| request.max_tokens().is_some_and(|asked| asked > most)) {
            return Err("gives no answer of so many tokens");
        }
        // An image is long as text and short as tokens.
        let too_long = |window| !request.wants_images() && request.estimated_tokens() / 2 > window;
        match declares.context_window {
            Some(window) if too_long(window) => Err(LlmError::WINDOW_TOO_SMALL),
            _ => Ok(()),
        }
    }

    fn falls_back(
        &self,
        request: &LlmRequest,
        failed: &Failed<'_, LlmResponse, LlmError, Declares>,
        declares: &Declares,
    ) -> Result<(), &'static str> {
        let Err(error) = failed.outcome else {
            return failed.by_verdict(false);
        };
        if let LlmError::Invalid(invalid) = error
            && invalid.elsewhere()
            && declares.dialect.is_some()
            && declares.dialect == failed.declares.dialect
        {
            return Err("speaks the same dialect, to which it can't be carried over");
        }
        let verdict = error.verdict();
        match verdict.fallback {
            Fallback::Yes => Ok(()),
            Fallback::LargerWindow => {
                let needed = failed.declares.context_window;
                let needed = needed.unwrap_or_else(|| request.estimated_tokens());
                match declares.context_window {
                    Some(window) if window > needed => Ok(()),
                    Some(_) => Err("window not larger"),
                    None => Err("window not known to be larger"),
                }
            }
            Fallback::OptIn if verdict.kind == Kind::ContentPolicy && declares.content_policy => {
                Ok(())
            }
            Fallback::OptIn if verdict.kind == Kind::InvalidRequest && declares.invalid_request => {
                Ok(())
            }
            Fallback::OptIn => Err("takes nothing that another route refused"),
            _ => Err("no other route can help"),
        }
    }

    fn answered(&self, response: &mut LlmResponse, route: &Arc<str>, _: &Option<Call>) {
        response.route = Some(Arc::clone(route));
    }
}
