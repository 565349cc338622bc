//! Error recovery for calls to large language models, as Tower middleware.
//!
//! A [`Stack`] is what a call needs when it fails, ready-made:
//!
//! ```no_run
//! use buttress::{Route, Stack};
//! use buttress::client::{LlmClient, Secret};
//! use buttress::llm::{LlmRequest, Provider};
//! use tower::ServiceExt;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let key = |name| std::env::var(name).map(Secret::new);
//! let openai = LlmClient::builder(Provider::OpenAi).key(key("OPENAI_API_KEY")?).build()?;
//! let anthropic = LlmClient::builder(Provider::Anthropic).key(key("ANTHROPIC_API_KEY")?).build()?;
//!
//! let stack = Stack::new(Route::new("gpt", openai.model("gpt-5-mini")))
//!     .then(Route::new("claude", anthropic.model("claude-haiku-4-5")))
//!     .service();
//!
//! let request = LlmRequest::chat("any").user("Say hello.").build()?;
//! let answer = stack.oneshot(request).await?;
//! # Ok(())
//! # }
//! ```
//!
//! A failing call is classified once; then each layer does its one thing with that verdict: wait,
//! try again, stop calling, go elsewhere. In a stack they are in the right order and see the same
//! deadline; each is also there by itself:
//!
//! | module | layer | |
//! |---|---|---|
//! | [`retry`] | [`RetryLayer`](retry::RetryLayer) | jittered back-off, within a shared budget |
//! | [`retry_after`] | [`GateLayer`](retry_after::GateLayer), [`RetryAfterLayer`](retry_after::RetryAfterLayer) | a limited key's calls wait in line |
//! | [`circuit_breaker`] | [`CircuitBreakerLayer`](circuit_breaker::CircuitBreakerLayer) | a failing service is left alone |
//! | [`fallback`] | [`FallbackLayer`](fallback::FallbackLayer), [`Fallback`](fallback::Fallback) | ordered routes |
//! | [`correct`] | [`CorrectLayer`](correct::CorrectLayer), [`LlmCorrect`] | a wrong answer is asked for again |
//! | [`carry_on`] | [`CarryOnLayer`] | a stream that breaks is carried on |
//! | `journal`, by [feature](#features) | `JournalLayer` | a session that runs again pays for no step twice |
//! | `degrade`, `replay`, `queue`, by feature | `DegradeLayer`, `Worker` | what can't be answered now is kept, and answered later |
//! | [`metrics`] | [`MetricsLayer`](metrics::MetricsLayer), [`LlmMetrics`] | how recovery is doing |
//! | [`trace`] | [`TraceLayer`](trace::TraceLayer) | what is done for a call, as spans |
//! | [`timeout`] | [`DeadlineLayer`](timeout::DeadlineLayer), [`TimeoutLayer`](timeout::TimeoutLayer) | the whole call, and each phase of an attempt |
//!
//! The layers work over any `tower::Service`, and know nothing of language models; that is for the
//! [`LlmPolicy`] and its like to know. The service in the middle of a stack is the
//! [`LlmClient`](client::LlmClient).
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | |
//! |---|---|
//! | `queue` | the modules `degrade`, `replay` and `queue`: what can't be answered now is kept in an SQLite file, and answered later |
//! | `queue-redis` | the same in a Redis server |
//! | `journal` | the module `journal`: sessions that resume, with their records in an SQLite file |
//! | `journal-redis` | the same in a Redis server |
//! | `redis-tls` | with either of these: a Redis server at `rediss://…` |
//! | `seal` | with queue or journal: what is kept is sealed |
//! | `schemars` | `correct::Complete`: answers as values of one's own types |

#![cfg_attr(docsrs, feature(doc_cfg))]

mod ahead;
pub mod carry_on;
pub mod correct;
#[cfg(feature = "queue")]
pub mod degrade;
#[cfg(feature = "journal")]
pub mod journal;
mod limits;
pub mod metrics;
mod pace;
mod policy;
#[cfg(feature = "queue")]
pub mod replay;
mod route;
mod shapes;
mod stack;
mod switch;
pub mod trace;

pub use self::{
    ahead::{EncodeAhead, EncodeAheadFuture, EncodeAheadLayer},
    carry_on::CarryOnLayer,
    correct::LlmCorrect,
    limits::LimitLeft,
    metrics::LlmMetrics,
    pace::LlmPace,
    policy::{Declares, LlmPolicy, Prices},
    route::{Route, RouteFuture, RouteService},
    shapes::Shapes,
    stack::{Stack, StackFuture, StackService},
    switch::Switch,
};

#[doc(inline)]
pub use buttress_core::{
    AsFailure, AttemptLayer, Blame, Call, Carried, Carry, Cause, Class, Classify, Context, Elapsed,
    Event, Exhausted, Failure, GiveUp, Journey, Judge, Observe, Phase, Rejected, RetryAfter,
    Session, Witness,
};
pub use {
    buttress_circuit_breaker as circuit_breaker, buttress_client as client, buttress_core as core,
    buttress_fallback as fallback, buttress_llm as llm, buttress_retry as retry,
    buttress_retry_after as retry_after, buttress_timeout as timeout,
};

#[cfg(feature = "queue")]
#[doc(inline)]
pub use buttress_queue as queue;

/// What the README shows compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
