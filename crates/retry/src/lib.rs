//! Retry for any Tower service: jittered back-off, a shared budget, and the waits that servers
//! ask for.
//!
//! A failing call is worth another attempt when its failure is likely to pass, and a danger when
//! everybody's calls fail. [`RetryLayer`] decides by the verdict on the failed attempt (see
//! [`Failure`](buttress_core::Failure)) and within five limits: the number of retries, the
//! budget that all callers share, the longest wait that a server may ask for, and the request's
//! own deadline and upstream calls. Where one of them says no it gives up *at once* and says why
//! ([`GiveUp`](buttress_core::GiveUp)), so that a fallback behind it can act. It never sleeps
//! after the last attempt.
//!
//! ```
//! use buttress_retry::{Backoff, RetryLayer};
//! use http::{Request, Response};
//! use std::{convert::Infallible, sync::atomic::{AtomicU32, Ordering}, time::Duration};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! // Fails twice.
//! static CALLS: AtomicU32 = AtomicU32::new(0);
//! async fn overloaded(_: Request<String>) -> Result<Response<String>, Infallible> {
//!     let call = CALLS.fetch_add(1, Ordering::Relaxed);
//!     let status = if call < 2 { 503 } else { 200 };
//!     Ok(Response::builder().status(status).body("hello".into()).unwrap())
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10))?;
//! let service = ServiceBuilder::new()
//!     .layer(RetryLayer::http().backoff(backoff))
//!     .service_fn(overloaded);
//! let response = service.oneshot(Request::new(String::new())).await?;
//! assert_eq!(response.status(), 200);
//! # Ok(())
//! # }
//! ```
//!
//! # Settings
//!
//! | setting | default | source |
//! |---|---|---|
//! | [`max_retries`](RetryLayer::max_retries) | 3 | |
//! | [`max_timeouts`](RetryLayer::max_timeouts) | 1 | who timed out may still be working, and billing |
//! | [`max_wait`](RetryLayer::max_wait) | 60 s | the official SDKs of OpenAI and Anthropic |
//! | [`backoff`](RetryLayer::backoff) | 1 s to 60 s, [`Jitter::Full`] | AWS Architecture Blog, 2015 |
//! | [`budget`](RetryLayer::budget) | 20 %, 10 to start with, 100 at most | see [`Budget`] |
//! | [`classify`](RetryLayer::classify) | [`ByError`](buttress_core::ByError); [`HttpStatus`](buttress_core::http::HttpStatus) by [`RetryLayer::http`] | |
//! | [`observe`](RetryLayer::observe) | `()`, nobody | |
//! | [`replay`](RetryLayer::replay) | [`Cloned`] | |
//! | [`retry_if`](RetryLayer::retry_if) | [`ByClass`] | |
//!
//! # Waits
//!
//! A wait that the server asked for is a floor, with jitter of up to half a second on top, or of
//! up to a tenth of the wait where that is more: those who were told the same time do not come
//! back in the same instant. Zero means at once. Whether a wait fits is decided without the
//! jitter. Otherwise the wait is drawn from the [`Backoff`].
//!
//! # What counts
//!
//! - A retry costs one from the [`Budget`] and one of the request's upstream calls
//!   ([`spend_call`](buttress_core::Context::spend_call)), both paid before the wait: the failed
//!   answer is gone by the time it is over, so then it would be too late to give up. An attempt
//!   that is never made gives both back, for instance when the call is dropped while it waits, or
//!   when the service does not become ready: whoever stands above may have another use for them.
//! - A call that the service never processed
//!   ([`Failure::UNPROCESSED`](buttress_core::Failure::UNPROCESSED)) is sent again at once for
//!   nothing, the first time.
//! - An attempt that a layer within refused ([`Class::Rejected`](buttress_core::Class)) is not
//!   retried.
//!
//! The failed answer is dropped before the wait, so that it holds no connection.
//!
//! # What may be sent twice
//!
//! Nothing here asks whether a request may be sent twice. A call that failed may have been worked
//! at, and billed, before it did: a connection that broke, a time limit that passed, even a 500.
//! For calls to language models that costs money and does no other harm. Where a request changes
//! something, keep it from being retried: by a [`Replay`] that keeps no copy of it, or by
//! [`retry_if`](RetryLayer::retry_if) with the failures that come before any work,
//! [unprocessed](buttress_core::Failure::is_unprocessed) ones and refusals; or give it an
//! idempotency key, if its server knows what that is.
//!
//! # gRPC
//!
//! See the module [`grpc`].
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backoff;
mod bucket;
mod budget;
mod future;
pub mod grpc;
mod layer;
mod plan;
mod replay;
pub mod reshape;
mod retryable;
mod service;
mod sync;
#[cfg(test)]
mod tests;

pub use self::{
    backoff::{Backoff, Delays, InvalidBackoff, Jitter, Seed},
    budget::{Budget, BudgetBuilder, InvalidBudget},
    future::ResponseFuture,
    layer::RetryLayer,
    replay::{Buffered, Cloned, KeptRequest, Replay, ReplayBody, Superseded},
    retryable::{ByClass, Retryable, Statuses},
    service::Retry,
};
