//! How recovery is doing, as metrics.
//!
//! [`MetricsLayer`] is the outermost layer of a stack. It counts each call once, by what became of
//! it, and how long that took; and it [listens](buttress_core::Listener) to the call, so that
//! every attempt, retry, wait and refusal of the layers below is counted the moment it happens.
//!
//! It writes to the [`metrics`] facade, so any recorder serves: Prometheus, StatsD, one of your
//! own. All that a healthy call counts is resolved ahead of time. What is counted, with its labels,
//! stands in [`names`]. Labels come from fixed sets: the names of models and routes are those that
//! [`Metrics`] was given, whatever a caller asks for.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), std::convert::Infallible> {
//! use buttress_core::{AtOnce, AttemptLayer, classify_fn};
//! use buttress_metrics::{Metrics, MetricsLayer};
//! use std::convert::Infallible;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! // Once, when the recorder is installed.
//! let metrics = Metrics::new(["eu-west", "us-east"]);
//!
//! let service = ServiceBuilder::new()
//!     .layer(
//!         MetricsLayer::new(metrics.model("gpt-5"))
//!             .judge(AtOnce::new(classify_fn(|_: Result<_, &Infallible>| Ok(())))),
//!     )
//!     // … fallback, retry, breaker and the rest …
//!     .layer(AttemptLayer::new())
//!     .service(service_fn(async |_: http::Request<()>| Ok::<_, Infallible>("answer")));
//!
//! service.oneshot(http::Request::new(())).await?;
//! # Ok(())
//! # }
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

mod layer;
mod metered;
mod model;
pub mod names;
mod recorder;
mod route;
mod routes;
#[cfg(test)]
mod tests;

pub use self::{
    layer::MetricsLayer,
    metered::{Metered, MeteredFuture},
    model::{Model, Running},
    recorder::Recorder,
    routes::Metrics,
};
