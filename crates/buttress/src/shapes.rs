use buttress_core::{Class, Failure};
use buttress_llm::{Kind, LlmError, LlmRequest, LlmResponse};
use buttress_retry::reshape::{Reshape, Reshaped};
use std::sync::Arc;

/// A request in another shape.
type Shape = Option<Reshaped<LlmRequest>>;

/// A hook of the caller's own.
type Own = dyn Fn(&LlmRequest, &LlmError) -> Shape + Send + Sync;

/// What is done with a request that can't work as it is, before its route is given up: nothing,
/// unless it is asked for.
///
/// ```
/// use buttress::Shapes;
///
/// let shapes = Shapes::new().trim_oldest(75).fewer_tokens(4096).smaller_model("gpt-5-mini");
/// ```
///
/// [`Route::shapes`](crate::Route::shapes) puts it to use. Each shape that a request is given costs
/// one of its upstream calls, and is told in its journey.
#[derive(Clone, Default)]
pub struct Shapes {
    trim: Option<u8>,
    fewer_tokens: Option<u64>,
    smaller_model: Option<Arc<str>>,
    own: Option<Arc<Own>>,
}

impl Shapes {
    /// The words in which a journey tells of each.
    const TRIMMED: &'static str = "left out the oldest turns";
    const FEWER: &'static str = "asked for fewer tokens";
    const SMALLER: &'static str = "asked a smaller model";

    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// When the context is too long, leaves out the
    /// [oldest turns](LlmRequest::without_oldest_turns): down to this many per cent of the
    /// request's size, each time anew. 75 is a good number: an estimate of tokens is never exact,
    /// and whoever is just below the window is above it again with the next turn.
    #[must_use]
    pub const fn trim_oldest(mut self, percent: u8) -> Self {
        self.trim = Some(percent);
        self
    }

    /// When an answer did not come in time, asks for
    /// [half as many tokens](LlmRequest::with_half_the_tokens), and for this many at most. The
    /// [smaller model](Self::smaller_model) comes after that.
    #[must_use]
    pub const fn fewer_tokens(mut self, most: u64) -> Self {
        self.fewer_tokens = Some(most);
        self
    }

    /// When an answer did not come in time, asks this model of the same provider.
    #[must_use]
    pub fn smaller_model(mut self, model: impl Into<Arc<str>>) -> Self {
        self.smaller_model = Some(model.into());
        self
    }

    /// Asks this hook first.
    #[must_use]
    pub fn own(
        mut self,
        hook: impl Fn(&LlmRequest, &LlmError) -> Option<Reshaped<LlmRequest>> + Send + Sync + 'static,
    ) -> Self {
        self.own = Some(Arc::new(hook));
        self
    }

    /// Whether something is done after a timeout, so that sending the same again is none of it.
    pub(crate) const fn act_on_timeouts(&self) -> bool {
        self.fewer_tokens.is_some() || self.smaller_model.is_some()
    }

    fn after_timeout(&self, request: &LlmRequest) -> Shape {
        let fewer = || {
            let request = request.with_half_the_tokens(self.fewer_tokens?)?;
            Some(Reshaped::new(request, Self::FEWER))
        };
        let smaller = || {
            let model = self.smaller_model.as_deref()?;
            (request.insists_on() != Some(model))
                .then(|| Reshaped::new(request.for_model(model), Self::SMALLER))
        };
        fewer().or_else(smaller)
    }

    fn after_overflow(&self, request: &LlmRequest) -> Shape {
        let request = request.without_oldest_turns(self.trim?)?;
        Some(Reshaped::new(request, Self::TRIMMED))
    }
}

impl Reshape<LlmRequest, LlmResponse, LlmError> for Shapes {
    fn reshape(
        &self,
        request: &LlmRequest,
        failure: &Failure,
        outcome: Result<&LlmResponse, &LlmError>,
    ) -> Shape {
        let error = outcome.err()?;
        let own = self.own.as_deref().and_then(|own| own(request, error));
        own.or_else(|| match (error.kind(), failure.class) {
            (Kind::ContextLength, _) => self.after_overflow(request),
            (_, Class::Timeout) => self.after_timeout(request),
            _ => None,
        })
    }

    fn is_idle(&self) -> bool {
        self.trim.is_none() && !self.act_on_timeouts() && self.own.is_none()
    }
}

impl std::fmt::Debug for Shapes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shapes")
            .field("trim", &self.trim)
            .field("fewer_tokens", &self.fewer_tokens)
            .field("smaller_model", &self.smaller_model)
            .field("own", &self.own.is_some())
            .finish()
    }
}
