//! What is done for a call, as spans of [`tracing`]: one for the call, and in it one for each
//! attempt, each wait and each correction.
//!
//! [`TraceLayer`] is the outermost layer of a stack. It opens the span of a call as a child of the
//! span that is current, [listens](crate::core::Listener) to the call, and ends the span when the
//! whole answer is there: of a stream, when it has ended or was left. Attributes are named as
//! OpenTelemetry's conventions for generative AI name them, so that an exporter such as
//! `tracing-opentelemetry` has nothing to translate. Where nobody wants spans with the target
//! [`TARGET`], a call costs what it costs without the layer.
//!
//! What a prompt or an answer says gets into a span only if that is [asked for](Traces::content),
//! and keys never do.
//!
//! ```
//! use buttress::{Route, Stack, client::LlmClient, llm::Provider, trace::Traces};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = LlmClient::builder(Provider::OpenAi).build()?;
//! let route = Route::new("gpt", client.model("gpt-5-mini"));
//! let traces = Traces::new([&route]);
//! let stack = Stack::new(route).traced(&traces).service();
//! # Ok(())
//! # }
//! ```

mod content;
mod held;
mod place;
mod service;
mod spans;
#[cfg(test)]
mod tests;

pub use self::service::{Traced, TracedFuture};

use self::place::Places;
use crate::Route;
use std::{fmt, sync::Arc};
use tower::Layer;
use tracing::{Dispatch, Span};

/// The target of all spans and their events. Spans are of the level INFO, events of the level DEBUG.
pub const TARGET: &str = "buttress::trace";

/// How calls are traced. Clones trace in the same way.
#[derive(Clone)]
pub struct Traces {
    places: Places,
    propagate: Option<Propagate>,
    content: bool,
    dispatch: Option<Dispatch>,
}

/// Puts what a provider is to be told of a span: names of headers, and their values.
pub type Propagate = fn(&Span, &mut dyn FnMut(&str, &str));

impl Traces {
    /// Traces calls of stacks with these routes. Of others it can't tell who is asked.
    #[must_use]
    pub fn new<'a>(routes: impl IntoIterator<Item = &'a Route>) -> Self {
        Self {
            places: Places::new(routes),
            propagate: None,
            content: false,
            dispatch: None,
        }
    }

    /// Sets the routes that it knows who is asked in, for calls that begin from now on.
    #[must_use]
    pub fn routes<'a>(self, routes: impl IntoIterator<Item = &'a Route>) -> Self {
        let places = Places::new(routes);
        Self { places, ..self }
    }

    /// Has providers told in which span they are asked, by headers such as `traceparent` \[they are
    /// told nothing\]. The span is that of the attempt.
    #[must_use]
    pub const fn propagate(mut self, propagate: Propagate) -> Self {
        self.propagate = Some(propagate);
        self
    }

    /// Sets whether prompts and answers are put into spans \[no\]. Of long ones only a part is: the
    /// newest messages, up to 64 KiB, with 16 KiB of each text.
    #[must_use]
    pub const fn content(mut self, content: bool) -> Self {
        self.content = content;
        self
    }

    /// Sets where spans go [to the dispatcher that is the default where a call is made].
    #[must_use]
    pub fn to(mut self, dispatch: Dispatch) -> Self {
        self.dispatch = Some(dispatch);
        self
    }

    /// The layer, as the outermost of a stack.
    #[must_use]
    pub fn layer(&self) -> TraceLayer {
        TraceLayer {
            traces: Some(self.clone()),
            begun: None,
        }
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traces")
            .field("propagate", &self.propagate.is_some())
            .field("content", &self.content)
            .finish_non_exhaustive()
    }
}

/// Traces the calls that go through it.
///
/// It belongs around everything that recovers, so that a call has one span whatever is done for
/// it. A request that carries no [`Call`](crate::Call) is given one, since that is what tells of
/// the layers below.
///
/// # Cancellation
/// The span of a call that is dropped, or whose stream is dropped before its end, ends then, as
/// abandoned.
#[derive(Clone)]
pub struct TraceLayer {
    traces: Option<Traces>,
    begun: Option<Begun>,
}

type Begun = Arc<dyn Fn(&Span) + Send + Sync>;

impl TraceLayer {
    /// Traces nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self {
            traces: None,
            begun: None,
        }
    }

    /// Hands each span of a call to this hook before anything is done in it: to give it a parent
    /// that is not in this process, or attributes that only the caller of this layer knows.
    #[must_use]
    pub fn begun(mut self, hook: impl Fn(&Span) + Send + Sync + 'static) -> Self {
        self.begun = Some(Arc::new(hook));
        self
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = Traced<S>;

    fn layer(&self, inner: S) -> Traced<S> {
        Traced::new(inner, self.clone())
    }
}

impl fmt::Debug for TraceLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TraceLayer").field(&self.traces).finish()
    }
}
