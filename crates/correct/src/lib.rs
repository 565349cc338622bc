//! Asks again when an answer is wrong.
//!
//! Retry and fallback mend calls that failed. This is for those that did not: an answer came, and
//! it is not what was asked for. A [`CorrectLayer`] looks at answers through a [`Policy`], which
//! says what is right. What can be repaired is repaired, and else the service is asked once more,
//! with what was wrong, at most twice. Then, if the policy has one, a
//! [last resort](Policy::last_resort) is tried; then the call fails with [`Uncorrected`], which
//! has what was wrong with each answer.
//!
//! It works over any service: of requests and answers it knows what the policy says. The one for
//! language models is in the facade, `buttress::correct`.
//!
//! ```
//! use buttress_core::{AsFailure, Failure, Uncorrected};
//! use buttress_correct::{CorrectLayer, Found, Policy};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! /// Answers are to be rows of three fields.
//! #[derive(Clone)]
//! struct ThreeFields;
//!
//! impl<E> Policy<String, String, E> for ThreeFields {
//!     type Case = String;
//!     type Wrong = String;
//!
//!     fn open(&self, request: &String) -> Result<Option<String>, E> {
//!         Ok(Some(request.clone()))
//!     }
//!
//!     async fn check(&self, _: &mut String, row: String) -> Result<Found<String, String>, E> {
//!         Ok(match row.split(',').count() {
//!             3 => Found::Right(row),
//!             _ => Found::Wrong(row),
//!         })
//!     }
//!
//!     fn correction(&self, asked: &String, wrong: &String) -> Result<String, &'static str> {
//!         Ok(format!("{asked} Not {wrong:?}: three fields."))
//!     }
//! }
//! # #[derive(Debug)]
//! # struct Error(Uncorrected<String>);
//! # impl From<Uncorrected<String>> for Error {
//! #     fn from(uncorrected: Uncorrected<String>) -> Self { Self(uncorrected) }
//! # }
//! # impl AsFailure for Error {
//! #     fn as_failure(&self) -> Failure { self.0.as_failure() }
//! # }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! let service = ServiceBuilder::new()
//!     .layer(CorrectLayer::new(ThreeFields))
//!     .service(service_fn(async |asked: String| match asked.contains("three fields") {
//!         true => Ok::<_, Error>("1,2,3".to_owned()),
//!         false => Ok("1,2".to_owned()),
//!     }));
//! assert_eq!(service.oneshot("A row!".to_owned()).await?, "1,2,3");
//! # Ok(())
//! # }
//! ```
//!
//! # What it costs
//! A call of which nothing is to be checked is passed on as it is, without an allocation. Each
//! correction, and the last resort, costs one of the request's upstream calls
//! ([`spend_call`](buttress_core::Context::spend_call)), and none is begun after its deadline; the
//! deadline itself is kept by the layer that stands above this one.
//!
//! # What is told
//! The journey has each repair in the policy's words, and a
//! [`Corrected`](buttress_core::Event::Corrected) for each wrong answer and each correction.
//!
//! # Features
//! `json`: [`json::Schema`], and the [repairs](json::repair) of JSON that need no model.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod course;
mod future;
#[cfg(feature = "json")]
pub mod json;
mod layer;
mod policy;
mod service;
#[cfg(test)]
mod tests;

pub use self::{
    future::ResponseFuture,
    layer::CorrectLayer,
    policy::{Found, LastResort, Policy},
    service::Correct,
};
#[doc(inline)]
pub use buttress_core::Uncorrected;
