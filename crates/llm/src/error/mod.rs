//! The one error of an LLM service.

mod conceal;
mod provider;
mod render;
mod truncated;
mod wrong;

#[cfg(test)]
mod tests;

pub use self::{
    provider::ProviderError, render::ErrorAnswer, truncated::Truncated, wrong::WrongAnswer,
};

use crate::{
    Answer, Dialect, Fallback, Feature, InvalidRequest, Kind, Provider, TransportError, Usage,
    Verdict,
    classify::{self, Report},
};
use buttress_core::{
    AsFailure, Blame, Cause, Class, Elapsed, Exhausted, Failure, Phase, Rejected, RouteReason,
    Uncorrected,
};
use std::{error, fmt};

type BoxError = Box<dyn error::Error + Send + Sync>;

/// Why an LLM call gave no answer, or not all of it.
///
/// It is flat: whichever layer gave up, its error is a variant here. None of them shows
/// anything of the conversation or of a key, neither in `Display` nor in `Debug`; what a
/// provider answered can be had from [`ProviderError`].
#[derive(Debug)]
#[non_exhaustive]
pub enum LlmError {
    /// The provider answered, and the answer is a failure.
    Provider(Box<ProviderError>),
    /// The connection failed.
    Transport {
        /// How.
        error: TransportError,
        /// What the HTTP library says of it.
        source: Option<BoxError>,
    },
    /// A stream ended before its protocol's end.
    Truncated(Truncated),
    /// The request can't be read, or can't be sent to this provider.
    Invalid(Box<InvalidRequest>),
    /// A layer refused to make the call. Nothing was sent.
    Rejected(Rejected),
    /// It took too long.
    Elapsed(Elapsed),
    /// All routes failed.
    Exhausted(Box<Exhausted<Self>>),
    /// The answer is not what was asked for, and neither are its corrections.
    Uncorrected(Box<Uncorrected<WrongAnswer>>),
}

impl LlmError {
    /// The words in which a route is passed over whose context window is too small for a request:
    /// where no route takes it and one says so, the context is too long.
    pub const WINDOW_TOO_SMALL: &'static str = "window too small";

    /// Judges an answer whose body is whole, and gives the tokens that it was counted as.
    ///
    /// An answer that is whole by its protocol passes, even one that was cut at its token limit
    /// or that refuses (see [`Verdict::usable`]): the caller has a right to it.
    /// [`classify`](fn@crate::classify) tells those apart as well.
    ///
    /// # Errors
    /// The failure, when it is one.
    pub fn check(provider: Provider, dialect: Dialect, answer: &Answer<'_>) -> Result<Usage, Self> {
        let Report { failure, usage } = classify::report(provider, answer);
        match failure {
            Some((verdict, said)) if !verdict.usable => {
                let error = ProviderError::new(provider, answer, verdict, said.quoted);
                Err(Self::Provider(Box::new(error)))
            }
            _ => Ok(usage.map_or_else(Usage::default, |usage| dialect.usage(usage))),
        }
    }

    /// An error that a provider reports inside a stream, as the JSON of its event.
    /// `emitted` says whether content had reached the caller before: then the request can't be
    /// sent again unnoticed.
    #[must_use]
    pub fn in_stream(provider: Provider, event: &[u8], emitted: bool) -> Self {
        let error = ProviderError::in_stream(provider, event, emitted);
        Self::Provider(Box::new(error))
    }

    /// The verdict on a stream that ended by its protocol, with nothing in it that could be given
    /// to anybody: what a whole answer like it would be refused for.
    pub(crate) fn useless(provider: Provider, verdict: Verdict, event: &[u8]) -> Self {
        let headers = http::HeaderMap::new();
        let answer = Answer::new(200, &headers, event).status(None);
        let error = ProviderError::new(provider, &answer, verdict, <_>::default());
        Self::Provider(Box::new(error))
    }

    /// The connection failed like this, of which the HTTP library says that.
    #[must_use]
    pub fn transport(error: TransportError, source: impl Into<BoxError>) -> Self {
        let source = Some(source.into());
        Self::Transport { error, source }
    }

    /// What it means.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Provider(error) => error.verdict(),
            Self::Transport { error, .. } => error.verdict(),
            Self::Truncated(error) => error.verdict(),
            Self::Invalid(error) => {
                let verdict = Verdict::new(Kind::InvalidRequest, "the request is not valid");
                if error.elsewhere() {
                    verdict.fallback(Fallback::Yes)
                } else {
                    verdict
                }
            }
            Self::Rejected(rejected) => of_rejected(rejected),
            Self::Elapsed(elapsed) => of_elapsed(elapsed),
            Self::Uncorrected(_) => {
                Verdict::new(Kind::Partial, "the answer is not what was asked for")
            }
            Self::Exhausted(exhausted) => match foremost(exhausted) {
                // It may be sent at once, in another form.
                Some(error) if error.is_about_threads() => error.verdict(),
                foremost => {
                    let none = of_unasked(exhausted);
                    let verdict = foremost.map_or(none, Self::verdict);
                    verdict.delay(exhausted.retry_after())
                }
            },
        }
    }

    /// What happened, in one word.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.verdict().kind
    }

    /// The same without this secret: the key that the call was made with, which the provider may
    /// have quoted.
    #[must_use]
    pub fn redact(mut self, secret: &str) -> Self {
        if let Self::Provider(error) = &mut self {
            error.redact(secret);
        }
        self
    }

    /// What the provider answered, if it is its answer that tells the failure: of the
    /// [foremost](Exhausted::foremost) error when all routes failed.
    #[must_use]
    pub fn provider_error(&self) -> Option<&ProviderError> {
        match self {
            Self::Provider(error) => Some(error),
            Self::Exhausted(exhausted) => foremost(exhausted)?.provider_error(),
            _ => None,
        }
    }

    /// Whether a place of another dialect has not what came before in the conversation.
    fn is_about_threads(&self) -> bool {
        match self {
            Self::Invalid(error) => matches!(
                **error,
                InvalidRequest::CannotCross {
                    what: Feature::Threads,
                    ..
                }
            ),
            Self::Exhausted(exhausted) => foremost(exhausted).is_some_and(Self::is_about_threads),
            _ => false,
        }
    }
}

/// The error to show of those of all routes: the [foremost](Exhausted::foremost), but where one
/// route is down and another would answer if the whole conversation were sent, what that one says.
fn foremost(exhausted: &Exhausted<LlmError>) -> Option<&LlmError> {
    let foremost = exhausted.foremost();
    let is_at_fault = |error: &&LlmError| error.as_failure().class == Class::BadInput;
    if foremost.filter(is_at_fault).is_some() {
        return foremost;
    }
    let mut routes = exhausted.routes.iter();
    let about_threads = routes.find_map(|route| match &route.reason {
        RouteReason::Failed(_, error) if error.is_about_threads() => Some(error),
        _ => None,
    });
    about_threads.or(foremost)
}

/// Of what was sent nowhere.
fn of_unasked(exhausted: &Exhausted<LlmError>) -> Verdict {
    if !exhausted.fits_nowhere() {
        return Verdict::new(Kind::Rejected, "no route could be asked");
    }
    let too_long = exhausted.routes.iter().any(|route| {
        matches!(route.reason, RouteReason::Unfit(why) if why == LlmError::WINDOW_TOO_SMALL)
    });
    let kind = match too_long {
        true => Kind::ContextLength,
        false => Kind::InvalidRequest,
    };
    // A route beyond these may.
    Verdict::new(kind, "no route takes such a request").fallback(Fallback::Yes)
}

/// Why, in words that never change. What a failure before it is the reason for is of its kind:
/// the caller would only have heard the same again.
fn of_rejected(rejected: &Rejected) -> Verdict {
    let (why, fallback) = match rejected.cause {
        Cause::CircuitOpen => ("the provider's circuit is open", Fallback::Yes),
        Cause::GateClosed => (
            "the key is rate limited for longer than the call may wait",
            Fallback::Yes,
        ),
        Cause::KeyUnusable => (
            "the key was refused or has nothing left to spend",
            Fallback::Yes,
        ),
        Cause::QueueFull => ("too many calls wait for the key", Fallback::Yes),
        Cause::DeadlinePast => ("no time is left before the deadline", Fallback::No),
        Cause::CallsSpent => ("the call has spent its upstream calls", Fallback::No),
        Cause::RequestChanged => {
            let why = "at this step of its session another request was made before";
            return Verdict::new(Kind::InvalidRequest, why).fallback(Fallback::No);
        }
        _ => ("the call was refused", Fallback::Yes),
    };
    let kind = rejected
        .origin
        .and_then(|origin| Kind::of_name(origin.as_str()));
    Verdict::new(kind.unwrap_or(Kind::Rejected), why)
        .not_made()
        .fallback(fallback)
        .delay(rejected.retry_after)
}

const fn of_elapsed(elapsed: &Elapsed) -> Verdict {
    match elapsed.phase {
        Phase::Connect => TransportError::ConnectTimeout.verdict(),
        Phase::Deadline => Verdict::new(Kind::Timeout, "the call's deadline passed")
            .blame(Blame::Local)
            .retry_same(false)
            .fallback(Fallback::No),
        _ => TransportError::ReadTimeout.verdict(),
    }
}

impl AsFailure for LlmError {
    fn as_failure(&self) -> Failure {
        match self {
            Self::Rejected(rejected) => rejected.as_failure(),
            Self::Elapsed(elapsed) => elapsed.as_failure(),
            Self::Exhausted(exhausted) => exhausted.as_failure(),
            Self::Uncorrected(uncorrected) => uncorrected.as_failure(),
            _ => self.verdict().failure(),
        }
    }
}

impl fmt::Display for LlmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(error) => error.fmt(f),
            Self::Transport { error, .. } => error.fmt(f),
            Self::Truncated(error) => error.fmt(f),
            Self::Invalid(error) => write!(f, "invalid request: {error}"),
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::Elapsed(elapsed) => elapsed.fmt(f),
            Self::Exhausted(exhausted) => exhausted.fmt(f),
            Self::Uncorrected(uncorrected) => uncorrected.fmt(f),
        }
    }
}

impl error::Error for LlmError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Transport {
                source: Some(source),
                ..
            } => Some(&**source),
            _ => None,
        }
    }
}

impl From<ProviderError> for LlmError {
    fn from(error: ProviderError) -> Self {
        Self::Provider(Box::new(error))
    }
}

impl From<TransportError> for LlmError {
    fn from(error: TransportError) -> Self {
        let source = None;
        Self::Transport { error, source }
    }
}

impl From<Truncated> for LlmError {
    fn from(error: Truncated) -> Self {
        Self::Truncated(error)
    }
}

impl From<InvalidRequest> for LlmError {
    fn from(error: InvalidRequest) -> Self {
        Self::Invalid(Box::new(error))
    }
}

impl From<Rejected> for LlmError {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

impl From<Elapsed> for LlmError {
    fn from(elapsed: Elapsed) -> Self {
        Self::Elapsed(elapsed)
    }
}

impl From<Exhausted<Self>> for LlmError {
    fn from(exhausted: Exhausted<Self>) -> Self {
        Self::Exhausted(Box::new(exhausted))
    }
}

impl From<Uncorrected<WrongAnswer>> for LlmError {
    fn from(uncorrected: Uncorrected<WrongAnswer>) -> Self {
        Self::Uncorrected(Box::new(uncorrected))
    }
}
