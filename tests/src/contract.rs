//! What every layer of this stack promises to the services around it.
//!
//! [`check`] drives a layer over a [`Probe`], a service that is strict about how it is used:
//!
//! - it panics when an instance is called that was not made ready, or whose readiness was used up
//!   by an earlier call, so the layer must drive the instance that it made ready, and make another
//!   one ready for a later attempt;
//! - its clones are never ready, so readiness must not be inherited;
//! - it counts the calls in flight, so a future dropped after any number of polls must not leave
//!   one behind;
//! - its response is neither `Clone` nor `Sync`, so no layer may ask for that;
//! - its futures are `Send`, so the layer's must be as well.

use buttress_core::{AsFailure, Elapsed, Exhausted, Failure, Rejected};
use std::{
    cell::Cell,
    fmt,
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
};
use tower::{Layer, Service, ServiceExt};

/// The request: how often its call is pending, and how it ends.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    pub pending: usize,
    pub fails: bool,
}

/// The response: neither `Clone` nor `Sync`.
#[derive(Debug)]
pub struct Reply(pub Cell<u64>);

/// One flat error for all the layers.
#[derive(Debug)]
pub enum Error {
    Service,
    Rejected(Rejected),
    Elapsed(Elapsed),
    Exhausted,
}

impl AsFailure for Error {
    fn as_failure(&self) -> Failure {
        match self {
            Self::Service | Self::Exhausted => Failure::SERVICE,
            Self::Rejected(rejected) => rejected.as_failure(),
            Self::Elapsed(elapsed) => elapsed.as_failure(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Error {}

impl From<Rejected> for Error {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

impl From<Elapsed> for Error {
    fn from(elapsed: Elapsed) -> Self {
        Self::Elapsed(elapsed)
    }
}

impl From<Exhausted<Error>> for Error {
    fn from(_: Exhausted<Error>) -> Self {
        Self::Exhausted
    }
}

/// A service that is strict about how it is used.
#[derive(Debug, Default)]
pub struct Probe {
    ready: bool,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
pub struct Counts {
    pub in_flight: AtomicUsize,
    pub calls: AtomicUsize,
}

impl Probe {
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }
}

impl Clone for Probe {
    fn clone(&self) -> Self {
        Self {
            ready: false,
            counts: Arc::clone(&self.counts),
        }
    }
}

impl Service<Ask> for Probe {
    type Response = Reply;
    type Error = Error;
    type Future = InFlight;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, ask: Ask) -> InFlight {
        assert!(self.ready, "called an instance that is not ready");
        self.ready = false;
        self.counts.in_flight.fetch_add(1, SeqCst);
        self.counts.calls.fetch_add(1, SeqCst);
        InFlight {
            ask,
            counts: Arc::clone(&self.counts),
        }
    }
}

/// A call to a [`Probe`].
#[derive(Debug)]
pub struct InFlight {
    ask: Ask,
    counts: Arc<Counts>,
}

impl Future for InFlight {
    type Output = Result<Reply, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.ask.pending > 0 {
            self.ask.pending -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(if self.ask.fails {
            Err(Error::Service)
        } else {
            Ok(Reply(Cell::new(7)))
        })
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.counts.in_flight.fetch_sub(1, SeqCst);
    }
}

/// Checks all of the promises. Wants paused time.
pub async fn check<L>(layer: L)
where
    L: Layer<Probe>,
    L::Service: Service<Ask, Response = Reply, Error = Error> + Clone,
    <L::Service as Service<Ask>>::Future: Send,
{
    let probe = Probe::default();
    let counts = probe.counts();
    let mut service = layer.layer(probe);
    let ask = |pending, fails| Ask { pending, fails };

    for fails in [false, true, false, true] {
        let reply = service.ready().await.expect("ready").call(ask(1, fails));
        let _ = reply.await;
    }
    assert!(counts.calls.load(SeqCst) >= 4, "the calls must get through");

    // Readiness belongs to one instance: the clone has to be made ready on its own, and may be
    // called before the original.
    service.ready().await.expect("ready");
    let mut clone = service.clone();
    let reply = clone.ready().await.expect("ready").call(ask(0, false));
    assert_eq!(reply.await.expect("an answer").0.get(), 7);
    let reply = service.call(ask(0, false)).await;
    assert_eq!(reply.expect("an answer").0.get(), 7);

    // Dropped after any number of polls, nothing stays behind.
    for fails in [false, true] {
        for polls in 0..6 {
            let call = service.ready().await.expect("ready").call(ask(3, fails));
            let mut call = pin!(call);
            for _ in 0..polls {
                let mut cx = Context::from_waker(Waker::noop());
                if call.as_mut().poll(&mut cx).is_ready() {
                    break;
                }
            }
        }
    }
    assert_eq!(counts.in_flight.load(SeqCst), 0, "left a call in flight");
    let reply = service.ready().await.expect("ready").call(ask(0, false));
    assert_eq!(reply.await.expect("an answer").0.get(), 7);
}
