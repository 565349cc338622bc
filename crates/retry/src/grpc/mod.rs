//! What gRPC adds: a status that may follow the answer, and a count of the attempts before.
//!
//! A gRPC channel is a service of `http::Request`s, so [`RetryLayer`](crate::RetryLayer) goes
//! around it as around any other. Three things make it speak the protocol:
//!
//! - [`TrailersLayer`], closest to the channel, brings a status that comes in trailers into the
//!   head, where [`GrpcStatus`](buttress_core::grpc::GrpcStatus) reads it;
//! - [`PreviousAttempts`] tells the server how many attempts there were before;
//! - [`Buffered`](crate::Buffered) keeps tonic's bodies, which are not `Clone`.
//!
//! ```
//! use buttress_core::grpc::GrpcStatus;
//! use buttress_retry::{Buffered, ReplayBody, RetryLayer, grpc};
//! use bytes::Bytes;
//! use http::{HeaderMap, Request, Response};
//! use http_body::Frame;
//! use http_body_util::{BodyExt, Empty, Full, StreamBody, combinators::UnsyncBoxBody};
//! use std::convert::Infallible;
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//!
//! // Stands for a `tonic::transport::Channel`: unavailable at first.
//! type Body = UnsyncBoxBody<Bytes, Infallible>;
//! async fn channel(request: Request<ReplayBody<Full<Bytes>>>) -> Result<Response<Body>, BoxError> {
//!     let body = match request.headers().get("grpc-previous-rpc-attempts") {
//!         None => Empty::new().with_trailers(async { Some(Ok(status("14"))) }).boxed_unsync(),
//!         Some(_) => Full::from("hi").with_trailers(async { Some(Ok(status("0"))) }).boxed_unsync(),
//!     };
//!     Ok(Response::new(body))
//! }
//! fn status(code: &'static str) -> HeaderMap {
//!     [("grpc-status".parse().unwrap(), code.parse().unwrap())].into_iter().collect()
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), BoxError> {
//! let service = ServiceBuilder::new()
//!     .layer(
//!         RetryLayer::standard()
//!             .classify(GrpcStatus::new())
//!             .replay(grpc::PreviousAttempts::new(Buffered::new())),
//!     )
//!     .layer(grpc::TrailersLayer::new())
//!     .service_fn(channel);
//! let response = service.oneshot(Request::new(Full::from("hello"))).await?;
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "hi");
//! # Ok(())
//! # }
//! ```

mod body;
mod future;
mod previous;
#[cfg(test)]
mod tests;
mod trailers;

pub use self::{
    body::PeekedBody,
    future::ResponseFuture,
    previous::{PREVIOUS_ATTEMPTS, PreviousAttempts},
    trailers::{Trailers, TrailersLayer},
};
