//! Trying again with a request that may fare better.
//!
//! A retry sends the same request again. Some failures say that this one can't work as it is, or
//! not here: its context is too long, its answer takes too long. A [`ReshapeLayer`] asks a
//! [`Reshape`] hook for another request in its place and sends that at once.
//!
//! It stands above retry, so that each shape of the request gets the retries that it needs, and
//! within the fallback, so that a route is left only when no shape will do there. Where timeouts
//! are to be reshaped and not repeated, give the retry layer
//! [`max_timeouts(0)`](crate::RetryLayer::max_timeouts).
//!
//! Each shape costs one of the request's upstream calls
//! ([`spend_call`](buttress_core::Context::spend_call)), unless the one before was refused within
//! ([`Class::Rejected`](buttress_core::Class)), which is never reshaped; none is sent after the
//! deadline. What is done is recorded as a
//! [`Note`](buttress_core::Event::Note) in the hook's own words.
//!
//! ```
//! use buttress_core::{Blame, Class, Failure};
//! use buttress_retry::reshape::{Reshaped, ReshapeLayer};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! # use buttress_core::AsFailure;
//! # #[derive(Debug)]
//! # struct TooLong;
//! # impl AsFailure for TooLong {
//! #     fn as_failure(&self) -> Failure { Failure::new(Class::BadInput, Blame::Request) }
//! # }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), TooLong> {
//! let shorter = |request: &String, failure: &Failure, _: Result<&usize, &TooLong>| {
//!     let half = request.get(..request.len() / 2)?;
//!     let shape = Reshaped::new(half.to_owned(), "left out the second half");
//!     (failure.class == Class::BadInput).then_some(shape)
//! };
//! let service = ServiceBuilder::new()
//!     .layer(ReshapeLayer::new(shorter))
//!     .service(service_fn(async |request: String| match request.len() {
//!         length @ ..10 => Ok(length),
//!         _ => Err(TooLong),
//!     }));
//! assert_eq!(service.oneshot("a long story, told twice".to_owned()).await?, 6);
//! # Ok(())
//! # }
//! ```

mod future;
mod layer;
mod service;
#[cfg(test)]
mod tests;

pub use self::{future::ReshapeFuture, layer::ReshapeLayer, service::Reshaper};

use buttress_core::Failure;

/// Makes another request of one that failed.
///
/// Closures of the matching shape are hooks.
pub trait Reshape<Req, T, E> {
    /// A request that may fare better after this failure of this one; nothing, if there is none.
    ///
    /// Called while the call waits, so it should be quick.
    fn reshape(
        &self,
        request: &Req,
        failure: &Failure,
        outcome: Result<&T, &E>,
    ) -> Option<Reshaped<Req>>;

    /// Whether there is anything that it could ever do. Where not, no request is kept for it.
    fn is_idle(&self) -> bool {
        false
    }
}

impl<Req, T, E, F> Reshape<Req, T, E> for F
where
    F: Fn(&Req, &Failure, Result<&T, &E>) -> Option<Reshaped<Req>>,
{
    fn reshape(
        &self,
        request: &Req,
        failure: &Failure,
        outcome: Result<&T, &E>,
    ) -> Option<Reshaped<Req>> {
        self(request, failure, outcome)
    }
}

/// A request in another shape.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reshaped<Req> {
    /// The request.
    pub request: Req,
    /// What was done to it, in stable words that hold nothing of it.
    pub note: &'static str,
}

impl<Req> Reshaped<Req> {
    /// This request, of which that is to be noted.
    #[must_use]
    pub const fn new(request: Req, note: &'static str) -> Self {
        Self { request, note }
    }
}
