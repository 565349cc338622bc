//! The service around the breaker: readiness, cancellation, crowds, keys.

mod handle;
mod keyed;
mod outcomes;
mod readiness;

use crate::{CircuitBreakerLayer, Settings};
use buttress_core::{AsFailure, Blame, Class, Failure, Rejected};
use std::{future::pending, time::Duration};
use tokio::time::sleep;
use tower::{Service, ServiceExt};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const SECOND: Duration = Duration::from_secs(1);

fn layer(settings: Settings) -> CircuitBreakerLayer {
    CircuitBreakerLayer::new(settings.jitter(0.0)).expect("valid settings")
}

fn rejected(error: &BoxError) -> &Rejected {
    error.downcast_ref().expect("a rejection")
}

/// What a service does with these requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Ask {
    Answer,
    Fail,
    Hang,
    /// Fail, with somebody else to blame.
    Blame(Blame),
}

#[derive(Debug)]
struct Failed(Failure);

impl AsFailure for Failed {
    fn as_failure(&self) -> Failure {
        self.0
    }
}

impl From<Rejected> for Failed {
    fn from(rejected: Rejected) -> Self {
        Self(rejected.as_failure())
    }
}

async fn answer(ask: Ask) -> Result<&'static str, Failed> {
    match ask {
        Ask::Answer => Ok("hello"),
        Ask::Fail => Err(Failed(Failure::SERVICE)),
        Ask::Hang => pending().await,
        Ask::Blame(blame) => Err(Failed(Failure::new(Class::Transient, blame))),
    }
}

/// Makes a call that ends at once.
async fn call<S>(service: &mut S, ask: Ask) -> Result<S::Response, Failure>
where
    S: Service<Ask, Error = Failed>,
{
    let ready = service.ready().await.map_err(|error| error.0)?;
    ready.call(ask).await.map_err(|error| error.0)
}

/// Makes a call and gives it up after a while.
async fn give_up<S>(service: &mut S, after: Duration)
where
    S: Service<Ask, Error = Failed>,
{
    let ready = service.ready().await.expect("always ready");
    let hanging = ready.call(Ask::Hang);
    tokio::select! {
        _ = hanging => unreachable!("it hangs"),
        () = sleep(after) => {}
    }
}
