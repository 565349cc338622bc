//! What every layer of this stack promises to the services around it.
//!
//! [`check`] drives a layer over a [`Probe`], a service that is strict about how it is used:
//!
//! - it panics when an instance is called that was not made ready, or whose readiness was used up
//!   by an earlier call, so the layer must drive the instance that it made ready, and make another
//!   one ready for a later attempt;
//! - its clones are never ready, so readiness must not be inherited;
//! - readiness is a permit, of which there is only one at first, as of a limit on concurrency: a
//!   layer that keeps an instance ready which it does not call stands in its own way;
//! - it counts the calls in flight and the permits out, so a future dropped after any number of
//!   polls must leave none behind;
//! - it is not `Sync`, and its response is neither `Clone` nor `Sync`, so no layer may ask for
//!   that;
//! - its futures are `Send`, so the layer's must be as well.

use buttress_core::{
    AsFailure, Blame, Call, Carry, Class, Elapsed, Exhausted, Failure, Rejected, RetryAfter,
    Uncorrected,
};
use std::{
    cell::Cell,
    fmt,
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker, ready},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{advance, timeout},
};
use tower::{Layer, Service, ServiceExt};

/// The request: how often its call is pending, and how it ends.
#[derive(Clone, Debug)]
pub struct Ask {
    pub pending: usize,
    pub fails: Option<Failure>,
    call: Option<Call>,
}

impl Ask {
    pub const fn new(pending: usize, fails: Option<Failure>) -> Self {
        let call = None;
        Self {
            pending,
            fails,
            call,
        }
    }
}

impl Carry for Ask {
    fn call(&self) -> Option<&Call> {
        self.call.as_ref()
    }

    fn set_call(&mut self, call: Call) {
        self.call = Some(call);
    }

    fn call_or(&mut self, make: impl FnOnce() -> Call) -> &mut Call {
        self.call.get_or_insert_with(make)
    }
}

/// The response: neither `Clone` nor `Sync`.
#[derive(Debug)]
pub struct Reply(pub Cell<u64>);

/// One flat error for all the layers.
#[derive(Debug)]
pub enum Error {
    Service(Failure),
    Rejected(Rejected),
    Elapsed(Elapsed),
    Exhausted(Box<Exhausted<Error>>),
    Uncorrected(Uncorrected<u64>),
}

impl AsFailure for Error {
    fn as_failure(&self) -> Failure {
        match self {
            Self::Service(failure) => *failure,
            Self::Rejected(rejected) => rejected.as_failure(),
            Self::Elapsed(elapsed) => elapsed.as_failure(),
            Self::Exhausted(exhausted) => exhausted.as_failure(),
            Self::Uncorrected(uncorrected) => uncorrected.as_failure(),
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
    fn from(exhausted: Exhausted<Error>) -> Self {
        Self::Exhausted(Box::new(exhausted))
    }
}

impl From<Uncorrected<u64>> for Error {
    fn from(uncorrected: Uncorrected<u64>) -> Self {
        Self::Uncorrected(uncorrected)
    }
}

/// A service that is strict about how it is used.
pub struct Probe {
    permit: Option<OwnedSemaphorePermit>,
    permits: Arc<Semaphore>,
    acquire: Option<Acquire>,
    counts: Arc<Counts>,
}

/// Not `Sync`.
type Acquire = Pin<Box<dyn Future<Output = OwnedSemaphorePermit> + Send>>;

#[derive(Debug, Default)]
pub struct Counts {
    pub in_flight: AtomicUsize,
    pub calls: AtomicUsize,
}

impl Default for Probe {
    fn default() -> Self {
        Self::new(1)
    }
}

impl Probe {
    /// A probe of which so many instances may be ready or called at a time.
    pub fn new(permits: usize) -> Self {
        Self {
            permit: None,
            permits: Arc::new(Semaphore::new(permits)),
            acquire: None,
            counts: Arc::default(),
        }
    }

    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    pub fn permits(&self) -> Arc<Semaphore> {
        Arc::clone(&self.permits)
    }
}

impl Clone for Probe {
    fn clone(&self) -> Self {
        Self {
            permit: None,
            permits: self.permits(),
            acquire: None,
            counts: self.counts(),
        }
    }
}

impl Service<Ask> for Probe {
    type Response = Reply;
    type Error = Error;
    type Future = InFlight;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.permit.is_none() {
            let permits = Arc::clone(&self.permits);
            let acquire = self.acquire.get_or_insert_with(|| {
                Box::pin(async { permits.acquire_owned().await.expect("never closed") })
            });
            self.permit = Some(ready!(acquire.as_mut().poll(cx)));
            self.acquire = None;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, ask: Ask) -> InFlight {
        let permit = self.permit.take();
        self.counts.in_flight.fetch_add(1, SeqCst);
        self.counts.calls.fetch_add(1, SeqCst);
        InFlight {
            ask,
            counts: self.counts(),
            _permit: permit.expect("called an instance that is not ready"),
        }
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe")
            .field("ready", &self.permit.is_some())
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

/// A call to a [`Probe`].
#[derive(Debug)]
pub struct InFlight {
    ask: Ask,
    counts: Arc<Counts>,
    _permit: OwnedSemaphorePermit,
}

impl Future for InFlight {
    type Output = Result<Reply, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.ask.pending > 0 {
            self.ask.pending -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(match self.ask.fails {
            Some(failure) => Err(Error::Service(failure)),
            None => Ok(Reply(Cell::new(7))),
        })
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.counts.in_flight.fetch_sub(1, SeqCst);
    }
}

/// One failure for each thing that a layer may do about it.
const FAILURES: [Failure; 5] = [
    Failure::SERVICE,
    Failure::new(Class::Transient, Blame::Limit)
        .retry_after(RetryAfter::After(Duration::from_millis(500))),
    Failure::new(Class::Timeout, Blame::Service),
    Failure::new(Class::BadInput, Blame::Request),
    Failure::UNPROCESSED,
];

/// Checks all of the promises. Wants paused time.
pub async fn check<L>(layer: L)
where
    L: Layer<Probe>,
    L::Service: Service<Ask, Response = Reply, Error = Error> + Clone,
    <L::Service as Service<Ask>>::Future: Send,
{
    let checks = async {
        outcomes(&layer).await;
        readiness(&layer).await;
        cancellation(&layer).await;
    };
    // Time is paused: it passes when nothing can go on.
    let year = Duration::from_secs(365 * 86_400);
    timeout(year, checks).await.expect("stands in its own way");
}

/// Every outcome comes through, also where only one call can be made at a time.
async fn outcomes<L>(layer: &L)
where
    L: Layer<Probe>,
    L::Service: Service<Ask, Response = Reply, Error = Error> + Clone,
{
    let probe = Probe::default();
    let (counts, permits) = (probe.counts(), probe.permits());
    let mut service = layer.layer(probe);
    for (before, failure) in FAILURES.into_iter().enumerate() {
        assert!(counts.calls.load(SeqCst) >= 2 * before, "must get through");
        let call = service.ready().await.expect("ready");
        let error = call.call(Ask::new(1, Some(failure))).await;
        error.expect_err("a failure that does not go away");
        let call = service.ready().await.expect("ready");
        let reply = call.call(Ask::new(1, None)).await;
        assert_eq!(reply.expect("an answer").0.get(), 7);
    }
    drop(service);
    assert_eq!(counts.in_flight.load(SeqCst), 0, "left a call in flight");
    assert_eq!(permits.available_permits(), 1, "kept an instance ready");
}

/// Readiness belongs to one instance: the clone has to be made ready on its own, and may be
/// called before the original.
async fn readiness<L>(layer: &L)
where
    L: Layer<Probe>,
    L::Service: Service<Ask, Response = Reply, Error = Error> + Clone,
{
    let mut service = layer.layer(Probe::new(2));
    service.ready().await.expect("ready");
    let mut clone = service.clone();
    let reply = clone.ready().await.expect("ready").call(Ask::new(0, None));
    assert_eq!(reply.await.expect("an answer").0.get(), 7);
    let reply = service.call(Ask::new(0, None)).await;
    assert_eq!(reply.expect("an answer").0.get(), 7);
}

/// Dropped after any number of polls, nothing stays behind.
async fn cancellation<L>(layer: &L)
where
    L: Layer<Probe>,
    L::Service: Service<Ask, Response = Reply, Error = Error> + Clone,
    <L::Service as Service<Ask>>::Future: Send,
{
    let probe = Probe::default();
    let (counts, permits) = (probe.counts(), probe.permits());
    let mut service = layer.layer(probe);
    for fails in [None].into_iter().chain(FAILURES.map(Some)) {
        for polls in 0..8 {
            let call = service.ready().await.expect("ready");
            {
                let mut call = pin!(is_send(call.call(Ask::new(1, fails))));
                for _ in 0..polls {
                    let mut cx = Context::from_waker(Waker::noop());
                    if call.as_mut().poll(&mut cx).is_ready() {
                        break;
                    }
                    // Longer than any wait, so that what comes after one is reached too.
                    advance(Duration::from_secs(70)).await;
                }
            }
            assert_eq!(counts.in_flight.load(SeqCst), 0, "left a call in flight");
            assert_eq!(permits.available_permits(), 1, "left an instance ready");
        }
        let call = service.ready().await.expect("ready");
        let reply = call.call(Ask::new(0, None)).await;
        assert_eq!(reply.expect("an answer").0.get(), 7);
    }
}

fn is_send<F: Send>(future: F) -> F {
    future
}
