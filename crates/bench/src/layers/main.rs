//! The generic layers beside the bare service and beside what other crates offer.
//!
//! All of them are measured in the state in which they spend their lives: the retry budget full,
//! the window full of successes, the gate open. The first round of calls, which is not counted,
//! brings them there.
//!
//! The tables are `json`, `call`, `counted` and `http`; those that are named are made, or all.
//!
//! Every figure is a median over many short rounds in which the subjects take turns, so that a
//! machine whose speed drifts slows all of them alike; what to read is the distance from the bare
//! service beside them. Allocations are counted in a separate pass.
#![allow(
    clippy::print_stdout,
    reason = "the table it prints is what this program is for"
)]

mod bare;
mod correct;
mod http;
mod metrics;
mod ours;
mod peers;
mod table;

use crate::table::{Answer, Pace, Subject, compare};
use std::{
    env,
    hint::black_box,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::time::Instant;
use tower::Service;

/// Longer than any run: what is open stays open.
const DAY: Duration = Duration::from_secs(24 * 3600);

fn main() {
    let named: Vec<_> = env::args().skip(1).collect();
    let wanted = |table| named.is_empty() || named.iter().any(|name| name == table);
    if wanted("json") {
        compare("one JSON answer of 10 KB", Pace::SLOW, correct::subjects());
    }
    if wanted("call") {
        let mut subjects = vec![healthy("bare service", bare::Bare::<bare::Error>::new())];
        subjects.extend(yardsticks());
        subjects.extend(ours::subjects());
        subjects.extend(peers::subjects());
        compare("one call, u64", Pace::QUICK, subjects);
    }
    if wanted("counted") {
        let mut subjects = metrics::subjects();
        subjects.extend(yardsticks());
        compare("one call that is counted", Pace::BRISK, subjects);
    }
    if wanted("http") {
        compare(
            "one healthy call, http::Request<Full<Bytes>> with 5 headers",
            Pace::QUICK,
            http::subjects(),
        );
    }
}

/// What the rest is made of.
fn yardsticks() -> [Subject; 2] {
    let shared = Arc::new(0_u64);
    [
        Subject::function("an Arc cloned and dropped", move || {
            drop(black_box(Arc::clone(&shared)));
        }),
        Subject::function("the clock read", || {
            black_box(Instant::now());
        }),
    ]
}

/// A service that answers.
fn healthy<S>(name: &'static str, service: S) -> Subject
where
    S: Service<u64> + 'static,
{
    Subject::service(name, Answer::Given, service, || 1_u64)
}

/// A service that turns calls away.
fn rejecting<S>(name: &'static str, service: S) -> Subject
where
    S: Service<u64> + 'static,
{
    Subject::service(name, Answer::Refused, service, || 1_u64)
}

/// What a future gives that is ready at once.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("nothing here waits"),
    }
}
