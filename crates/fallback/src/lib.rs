//! Ordered fallback routes for any Tower service.
//!
//! When the first choice fails, the request goes on to the next one: another provider, another
//! model, another region, a cache. Each route is a service with a stack of its own, so that its
//! retries, its circuit breaker and its rate limits are nobody else's business.
//!
//! What decides is the verdict on the failure ([`Failure`](buttress_core::Failure)), not its
//! mere existence: a request that is itself at fault fails everywhere and is sent nowhere else,
//! unless a route says that it takes such requests.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), tower::BoxError> {
//! use buttress_fallback::FallbackLayer;
//! use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};
//!
//! let primary = service_fn(|_: String| async { Err::<String, BoxError>("overloaded".into()) });
//! let backup = service_fn(|name: String| async move { Ok::<_, BoxError>(format!("hello {name}")) });
//!
//! let mut service = ServiceBuilder::new()
//!     .layer(FallbackLayer::new(backup))
//!     // Here come the layers of the primary alone: retry, circuit breaker, timeout.
//!     .service(primary);
//!
//! let answer = service.ready().await?.call("you".to_owned()).await?;
//! assert_eq!(answer, "hello you");
//! # Ok(())
//! # }
//! ```
//!
//! Many routes, named and of one service type, need no boxing: [`Fallback::new`] takes
//! [`Routes`].
//!
//! # What the caller gets
//!
//! | how it went | result |
//! |---|---|
//! | a route answered | its answer, on which [`Policy::answered`] may write the route's name |
//! | one route was asked and failed | its own error, or its own failing response, as it came |
//! | several were asked; the last one gave a failing response, such as a 503 | that response |
//! | several were asked; the last one gave an error | [`Exhausted`](buttress_core::Exhausted): what every route said, in order |
//! | no route could take the request | `Exhausted`, in which every route was passed over as [unfit](buttress_core::RouteReason::Unfit): persistent, and the request's fault |
//!
//! A failing response of an earlier route is dropped, and its connection with it, at the moment
//! when the next route is called; `Exhausted` keeps its verdict.
//!
//! # What it spends
//!
//! - The request is cloned (see [`Policy::keep`]) once for each route that is entered with
//!   another one behind it. With one `Arc` cloned, that is all that a healthy call costs.
//! - Each further route spends one upstream call of the request's budget, unless the route
//!   before it was refused by its own stack ([`Class::Rejected`](buttress_core::Class::Rejected))
//!   and so never made its call. What was spent on a route that is not called after all is given
//!   back: when its service does not become ready, or the call is dropped before. Without a call left, or after the deadline, no further route is
//!   entered. The deadline does not interrupt a route that was asked: a deadline layer above the
//!   fallback does.
//!
//! # Settings
//!
//! | setting | default | why |
//! |---|---|---|
//! | [`Route::patience`] | 2 s while another route stands behind that could take the request, else none | a caller who waits for tokens notices a pause of seconds; a usual back-off of 1 s still fits |
//! | [`Route::declares`] | `()` | |
//! | the policy's verdict | [`ByError`](buttress_core::ByError): the error knows; for HTTP the status | |
//! | falls back on | every class but bad input | bad input fails again elsewhere; what differs between routes is declared |
//!
//! Features: `http` (on by default) brings the policy [`Http`] and [`ServedBy`].
#![cfg_attr(docsrs, feature(doc_cfg))]

mod course;
mod either;
mod future;
#[cfg(feature = "http")]
mod http;
mod layer;
mod limit;
mod policy;
mod route;
mod service;
mod setbacks;
mod verdict;

#[cfg(test)]
mod tests;

#[cfg(feature = "http")]
pub use self::http::{Http, ServedBy};
pub use self::{
    either::{Either, EitherFuture},
    future::ResponseFuture,
    layer::FallbackLayer,
    policy::{Failed, Policy},
    route::{Route, Routes},
    service::Fallback,
    verdict::{ByVerdict, Declare, TakesBadInput},
};
