//! What the layers are put around.

use ::http::{Request, Response};
use buttress_core::{AsFailure, Exhausted, Failure, Rejected, Uncorrected};
use bytes::Bytes;
use http_body_util::Full;
use std::{
    fmt,
    future::{Ready, ready},
    marker::PhantomData,
    task::{Context, Poll},
};
use tower::Service;

/// A service that answers at once, to a number with its successor and to HTTP with an empty page.
pub(crate) struct Bare<E>(PhantomData<fn() -> E>);

impl<E> Bare<E> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E> Clone for Bare<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Bare<E> {}

impl<E> Service<u64> for Bare<E> {
    type Response = u64;
    type Error = E;
    type Future = Ready<Result<u64, E>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u64) -> Self::Future {
        ready(Ok(request + 1))
    }
}

impl<E> Service<Request<Full<Bytes>>> for Bare<E> {
    type Response = Response<Full<Bytes>>;
    type Error = E;
    type Future = Ready<Result<Self::Response, E>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        drop(request);
        ready(Ok(Response::new(Full::new(Bytes::from_static(b"{}")))))
    }
}

/// The error type of an application, as the layers ask for it: flat.
#[derive(Debug)]
pub(crate) enum Error {
    Rejected(Rejected),
    Exhausted(Box<Exhausted<Self>>),
    Uncorrected(Uncorrected<u64>),
}

impl AsFailure for Error {
    fn as_failure(&self) -> Failure {
        match self {
            Self::Rejected(rejected) => rejected.as_failure(),
            Self::Exhausted(exhausted) => exhausted.as_failure(),
            Self::Uncorrected(uncorrected) => uncorrected.as_failure(),
        }
    }
}

impl From<Rejected> for Error {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

impl From<Exhausted<Self>> for Error {
    fn from(exhausted: Exhausted<Self>) -> Self {
        Self::Exhausted(Box::new(exhausted))
    }
}

impl From<Uncorrected<u64>> for Error {
    fn from(uncorrected: Uncorrected<u64>) -> Self {
        Self::Uncorrected(uncorrected)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::Exhausted(exhausted) => exhausted.fmt(f),
            Self::Uncorrected(uncorrected) => uncorrected.fmt(f),
        }
    }
}

impl std::error::Error for Error {}
