//! Deadlines and timeouts by phase for any Tower service.
//!
//! One number does not fit a language model. An answer in one piece may rightly take ten
//! minutes, a stream that has said nothing for two is dead, and the caller has a limit of their
//! own over all attempts. So there are two layers:
//!
//! - [`DeadlineLayer`], outermost: how long the whole call may take. It tells the request, so
//!   that nothing below begins what can't be done in time, and ends the call at the deadline.
//! - [`TimeoutLayer`], innermost: how long one attempt may take, to its head, to its first
//!   content, between contents, and in all. Below retry and breaker, so that both hear of it.
//!
//! Both are made of [`Stopwatch`], which any reader of a stream can use by itself.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), tower::BoxError> {
//! use buttress_core::{Elapsed, Phase};
//! use buttress_timeout::{AnyData, DeadlineLayer, Limits, TimeoutLayer, ToEnd};
//! use http::{Request, Response};
//! use std::time::Duration;
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//!
//! let service = ServiceBuilder::new()
//!     .layer(DeadlineLayer::new(Duration::from_secs(300)))
//!     // Here come fallback, retry and circuit breaker.
//!     .layer(
//!         TimeoutLayer::new(Limits::streamed().headers(Duration::from_secs(20)))
//!             .scope(ToEnd::new(AnyData::new())),
//!     )
//!     .service(service_fn(|_: Request<String>| async {
//!         std::future::pending::<()>().await;
//!         Ok::<_, BoxError>(Response::new(String::new()))
//!     }));
//!
//! let error = service.oneshot(Request::new("hello?".to_owned())).await.unwrap_err();
//! assert_eq!(error.downcast::<Elapsed>()?.phase, Phase::Headers);
//! # Ok(())
//! # }
//! ```
//!
//! # Settings
//!
//! | setting | default | source |
//! |---|---|---|
//! | [`DeadlineLayer::new`] | must be said | only the caller knows how long the answer is of use |
//! | [`Limits::headers`] | none | the head of an answer in one piece comes with its end, and that of a stream, from some providers, with its first token |
//! | [`Limits::first_content`] | 180 s for a stream | users report 60 to 120 s for reasoning over a long prompt in no cache |
//! | [`Limits::idle`] | 120 s for a stream | LangChain's limit on a silent stream; 45 s was reported to be too little |
//! | [`Limits::attempt`] | 10 min for a whole answer, 30 min for a stream | the official SDKs' limit; 128,000 tokens at 80 a second |
//! | scope | [`ToAnswer`] | right for any type of response; `ToEnd` for HTTP bodies |
//! | what is content | `AnyData`: any data that is not empty | what a ping looks like is known to the protocol only |
//!
//! # What a limit that passes says of the service
//!
//! An [`Elapsed`](buttress_core::Elapsed) in the phases of an attempt is
//! [`Class::Timeout`](buttress_core::Class::Timeout), blamed on the service: the breaker counts
//! it, and retry tries once more. The deadline of the call is the caller's own affair and blames
//! nobody, also when it ends an attempt that had time left by its own limits.
//!
//! Features: `http` (on by default) brings limits on bodies (`ToEnd`) and `Grpc`.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "http")]
mod body;
mod deadline;
mod future;
#[cfg(feature = "http")]
mod grpc;
mod limits;
mod phases;
mod scope;
mod set_deadline;
mod stopwatch;
mod timeout;

#[cfg(test)]
#[cfg(feature = "http")]
mod tests;

#[cfg(feature = "http")]
pub use self::{
    body::{AnyData, Progress, TimedBody, ToEnd},
    grpc::Grpc,
};
pub use self::{
    deadline::{Deadline, DeadlineFuture, DeadlineLayer},
    future::ResponseFuture,
    limits::{Limits, LimitsFor},
    scope::{Scope, ToAnswer},
    set_deadline::{SetDeadline, Until},
    stopwatch::Stopwatch,
    timeout::{Timeout, TimeoutLayer},
};
