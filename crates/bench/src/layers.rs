//! The generic layers beside the bare service and beside what other crates offer.
//!
//! All of them are measured in the state in which they spend their lives: the retry budget full,
//! the window full of successes, the gate open. The first round of calls, which is not counted,
//! brings them there.

mod bare;
mod http;
mod ours;
mod peers;

use crate::table::{Subject, compare};
use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tower::Service;

/// Longer than any run: what is open stays open.
const DAY: Duration = Duration::from_secs(24 * 3600);

pub(crate) fn run() {
    let mut subjects = vec![healthy("bare service", bare::Bare::<bare::Error>::new())];
    subjects.extend(ours::subjects());
    subjects.extend(peers::subjects());
    compare("one call, u64", subjects);
    compare(
        "one healthy call, http::Request<Full<Bytes>> with 5 headers",
        http::subjects(),
    );
}

/// A service that answers.
fn healthy<S>(name: &'static str, mut service: S) -> Subject
where
    S: Service<u64> + 'static,
{
    assert!(answer(&mut service, 1).is_ok(), "{name} has to answer");
    Subject::service(name, service, || 1_u64)
}

/// A service that turns calls away.
fn rejecting<S>(name: &'static str, mut service: S) -> Subject
where
    S: Service<u64> + 'static,
{
    assert!(answer(&mut service, 1).is_err(), "{name} has to reject");
    Subject::service(name, service, || 1_u64)
}

fn answer<S, Req>(service: &mut S, request: Req) -> Result<S::Response, S::Error>
where
    S: Service<Req>,
{
    now(std::future::poll_fn(|cx| service.poll_ready(cx)))?;
    now(service.call(request))
}

/// What a future gives that is ready at once.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("nothing here waits"),
    }
}
