//! The generic layers on a healthy call, beside what other crates offer.

use crate::table::{Subject, compare};
use std::{convert::Infallible, future::Ready, task::{Context, Poll}};
use tower::Service;

/// A service that answers at once.
#[derive(Clone, Copy)]
struct Bare;

impl Service<u64> for Bare {
    type Response = u64;
    type Error = Infallible;
    type Future = Ready<Result<u64, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u64) -> Self::Future {
        std::future::ready(Ok(request + 1))
    }
}

pub(crate) fn run() {
    compare("one healthy call, u64", vec![Subject::service("bare", Bare, || 1_u64)]);
}
