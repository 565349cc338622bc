//! What other crates offer, with the settings that they come with.

use super::{
    DAY,
    bare::{Bare, Error},
    healthy, now, rejecting,
};
use crate::table::Subject;
use failsafe::futures::CircuitBreaker as _;
use recloser::{AsyncRecloser, Recloser};
use std::future::{Ready, ready};
use tower::{Layer, ServiceBuilder, retry, service_fn};
use tower_resilience::{
    circuitbreaker::{CircuitBreakerError, CircuitBreakerLayer},
    fallback::FallbackLayer,
    retry::RetryLayer,
};

/// A policy for tower's retry that does nothing beyond what it must: it keeps a clone of the
/// request.
#[derive(Clone, Copy)]
pub(super) struct KeepClone;

impl<Req: Clone, Res, E> retry::Policy<Req, Res, E> for KeepClone {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Req, result: &mut Result<Res, E>) -> Option<Self::Future> {
        result.is_err().then(|| ready(()))
    }

    fn clone_request(&mut self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }
}

pub(super) fn subjects() -> Vec<Subject> {
    let bare = Bare::<Error>::new();
    let mut subjects = vec![healthy(
        "tower: retry, a policy that clones",
        ServiceBuilder::new().retry(KeepClone).service(bare),
    )];
    subjects.extend(tower_resilience(bare));
    subjects.extend(failsafe());
    subjects.extend(recloser());
    subjects
}

fn tower_resilience(bare: Bare<Error>) -> [Subject; 4] {
    let retry = RetryLayer::<u64, u64, Error>::builder().build();
    let breaker = CircuitBreakerLayer::builder();
    let breaker = breaker.build().expect("settings in range");
    let open = CircuitBreakerLayer::builder().wait_duration_in_open(DAY);
    let (open, handle) = open.build_with_handle().expect("settings in range");
    now(handle.force_open());
    let stack = ServiceBuilder::new()
        .layer(FallbackLayer::<u64, u64, CircuitBreakerError<Error>>::value(0))
        .layer(RetryLayer::<u64, u64, CircuitBreakerError<Error>>::builder().build())
        .layer(breaker.clone())
        .service(bare);
    [
        healthy("tower-resilience: retry", retry.layer(bare)),
        healthy(
            "tower-resilience: breaker, closed",
            Layer::layer(&breaker, bare),
        ),
        rejecting("tower-resilience: breaker, open", Layer::layer(&open, bare)),
        healthy("tower-resilience: fallback(retry(breaker))", stack),
    ]
}

/// It wraps futures, not services.
fn failsafe() -> [Subject; 2] {
    let closed = failsafe::Config::new().build();
    let forever = failsafe::backoff::constant(DAY);
    let policy = failsafe::failure_policy::consecutive_failures(1, forever);
    let open = failsafe::Config::new().failure_policy(policy).build();
    let _ = now(open.call(ready(Err::<u64, ()>(()))));
    [
        healthy(
            "failsafe: breaker, closed",
            service_fn(move |n: u64| closed.call(ready(Ok::<_, Error>(n + 1)))),
        ),
        rejecting(
            "failsafe: breaker, open",
            service_fn(move |n: u64| open.call(ready(Ok::<_, Error>(n + 1)))),
        ),
    ]
}

/// It wraps futures, not services.
fn recloser() -> [Subject; 2] {
    let closed = AsyncRecloser::from(Recloser::default());
    let open = Recloser::custom().closed_len(1).open_wait(DAY).build();
    let open = AsyncRecloser::from(open);
    for _ in 0..2 {
        let _ = now(open.call(ready(Err::<u64, ()>(()))));
    }
    [
        healthy(
            "recloser: breaker, closed",
            service_fn(move |n: u64| closed.call(ready(Ok::<_, Error>(n + 1)))),
        ),
        rejecting(
            "recloser: breaker, open",
            service_fn(move |n: u64| open.call(ready(Ok::<_, Error>(n + 1)))),
        ),
    ]
}
