//! The layers of buttress, with the settings that they come with.

use super::{
    DAY,
    bare::{Bare, Error},
    healthy, rejecting,
};
use crate::table::Subject;
use buttress_circuit_breaker::{CircuitBreakerLayer, Settings};
use buttress_core::{AsFailure, ByError, Rejected};
use buttress_correct::{CorrectLayer, Found, Policy};
use buttress_fallback::{ByVerdict, Fallback, FallbackLayer, Route, Routes};
use buttress_retry::RetryLayer;
use buttress_retry_after::GateLayer;
use std::time::Duration;
use tower::{BoxError, Layer, Service, ServiceBuilder};

pub(super) fn subjects() -> Vec<Subject> {
    let bare = Bare::<Error>::new();
    let retry = RetryLayer::standard();
    let breaker = CircuitBreakerLayer::standard();
    let timed = Settings::standard().time_window(Duration::from_secs(60));
    let timed = CircuitBreakerLayer::new(timed).expect("settings in range");
    let open = Settings::standard().open_for(DAY).open_max(DAY);
    let open = CircuitBreakerLayer::new(open).expect("settings in range");
    open.handle().force_open();
    vec![
        healthy("retry", retry.layer(bare)),
        healthy("breaker, closed", breaker.layer(bare)),
        healthy("breaker, closed, time window", timed.layer(bare)),
        rejecting("breaker, open", open.layer(bare)),
        healthy("gate, open", GateLayer::standard().layer(bare)),
        healthy(
            "correct, nothing to check",
            CorrectLayer::new(Unchecked).layer(bare),
        ),
        healthy("fallback", FallbackLayer::new(bare).layer(bare)),
        healthy(
            "fallback(retry(gate(breaker)))",
            FallbackLayer::new(bare).layer(route::<Error>()),
        ),
        healthy(
            "fallback(retry(gate(breaker))), BoxError",
            FallbackLayer::new(Bare::<BoxError>::new()).layer(route::<BoxError>()),
        ),
        healthy("the same, two such routes", routes()),
    ]
}

/// Checks nothing.
#[derive(Clone)]
struct Unchecked;

impl Policy<u64, u64, Error> for Unchecked {
    type Case = ();
    type Wrong = u64;

    fn open(&self, _: &u64) -> Result<Option<()>, Error> {
        Ok(None)
    }

    async fn check(&self, (): &mut (), answer: u64) -> Result<Found<u64, u64>, Error> {
        Ok(Found::Right(answer))
    }

    fn correction(&self, (): &(), _: &u64) -> Result<u64, &'static str> {
        Err("nothing is asked")
    }
}

/// One route of its own, as it stands in a fallback.
fn route<E>() -> impl Service<u64, Response = u64, Error = E, Future: Send> + Clone
where
    E: AsFailure + From<Rejected> + Send + 'static,
{
    ServiceBuilder::new()
        .layer(RetryLayer::standard())
        .layer(GateLayer::standard())
        .layer(CircuitBreakerLayer::standard())
        .service(Bare::new())
}

/// Two routes of one type.
fn routes() -> impl Service<u64, Response = u64, Error = Error> {
    let [first, second] = ["first", "second"].map(|name| Route::new(name, route::<Error>()));
    Fallback::new(
        Routes::new(first).then(second),
        ByVerdict::new(ByError::new()),
    )
}
