use super::{
    Delivery, Progress, Verdict,
    backoff::Backoff,
    hold::hold,
    meter::{Count, Meter},
    outage::Outage,
};
use crate::{Claimed, Lease, Queue, StoreError, TaskId, Unopened};
use bytes::Bytes;
use std::{
    any::Any,
    fmt::Display,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::Poll,
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tower_service::Service;

/// What all deliveries of a worker share.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) queue: Queue,
    pub(super) times: Times,
    pub(super) outage: Outage,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) meter: Mutex<Meter>,
    /// Whether there was a task that there is no key for.
    pub(super) locked: AtomicBool,
    /// Whether what is still under way has to be put down.
    pub(super) stop: watch::Receiver<bool>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) lease: Duration,
    pub(super) backoff: Backoff,
}

/// How a delivery ended, for the pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The service came to a conclusion.
    Concluded,
    /// It was tried, and failed.
    Failed,
    /// It was not tried, and this is what was said of when it may be.
    Refused(Option<Duration>),
    /// It says nothing of the service.
    Aside,
}

/// What the store is to be told.
#[derive(Debug)]
enum Settlement {
    Finish(Bytes),
    Postpone {
        wait: Duration,
        counts: bool,
        reason: String,
    },
    Bury(String),
    /// As if it had never been given out.
    PutBack,
}

/// A task that is sealed with a key that is not here is looked at again after this long.
const UNTIL_A_KEY: Duration = Duration::from_secs(600);
/// The most characters of a reason that are kept.
const REASON: usize = 500;

/// Gives a task to the service, holds its lease meanwhile, and tells the store what came of it.
pub(super) async fn deliver<S>(desk: &Desk, service: S, claimed: Claimed, until: Instant) -> Ended
where
    S: Service<Delivery, Response = Verdict>,
    S::Error: Display,
{
    let task = desk.queue.open(&claimed);
    let Claimed {
        entry,
        lease,
        deliveries,
        ..
    } = claimed;
    // A task may be large, and is there twice now.
    drop(entry);
    let (settlement, ended) = match task {
        Ok(task) => {
            let delivery = Delivery::new(lease.id, task, deliveries);
            let verdict = tokio::select! {
                biased;
                () = hold(desk, &lease, until) => {
                    tracing::warn!(task = %lease.id, "lost the lease of a task; another worker may have it");
                    desk.count(Count::Lost);
                    return Ended::Aside;
                }
                verdict = ask(service, delivery) => Some(verdict),
                () = desk.stopped() => None,
            };
            match verdict {
                Some(verdict) => conclude(desk, verdict, deliveries),
                None => (Settlement::PutBack, Ended::Aside),
            }
        }
        Err(unopened) => (unread(desk, lease.id, unopened), Ended::Aside),
    };
    settle(desk, &lease, settlement).await;
    ended
}

/// What is damaged stays so. What wants a key waits until there is one: there may be as many of
/// these as there are tasks, and it is said once.
fn unread(desk: &Desk, id: TaskId, why: Unopened) -> Settlement {
    let reason = why.to_string();
    if !why.wants_key() {
        tracing::error!(task = %id, error = %why, "a task can't be read, and is given up");
        return Settlement::Bury(reason);
    }
    if !desk.locked.swap(true, Relaxed) {
        tracing::error!(task = %id, error = %why, "tasks wait until there is a key to read them");
    }
    Settlement::Postpone {
        wait: UNTIL_A_KEY,
        counts: false,
        reason,
    }
}

/// Puts a task back as if it had never been given out.
pub(super) async fn put_back(desk: &Desk, lease: &Lease) {
    settle(desk, lease, Settlement::PutBack).await;
}

fn conclude(desk: &Desk, verdict: Verdict, deliveries: u32) -> (Settlement, Ended) {
    match verdict {
        Verdict::Done(result) => (Settlement::Finish(result), Ended::Concluded),
        Verdict::Dead(reason) => (Settlement::Bury(cut(reason)), Ended::Concluded),
        Verdict::Later {
            wait: asked,
            counts,
            reason,
        } => {
            // One that was not tried has not failed more often than before.
            let failures = if counts { deliveries } else { 1 };
            let wait = desk.times.backoff.wait(failures, asked, rand::random());
            let ended = match counts {
                true => Ended::Failed,
                false => Ended::Refused(asked),
            };
            let reason = cut(reason);
            let settlement = Settlement::Postpone {
                wait,
                counts,
                reason,
            };
            (settlement, ended)
        }
        Verdict::Aside { wait, reason } => {
            let settlement = Settlement::Postpone {
                wait,
                counts: false,
                reason: cut(reason),
            };
            (settlement, Ended::Aside)
        }
    }
}

fn cut(mut reason: String) -> String {
    if let Some((end, _)) = reason.char_indices().nth(REASON) {
        reason.truncate(end);
    }
    reason
}

/// What the service says. A panic is a failure like another.
async fn ask<S>(mut service: S, delivery: Delivery) -> Verdict
where
    S: Service<Delivery, Response = Verdict>,
    S::Error: Display,
{
    let answer = async move {
        if let Err(error) = poll_fn(|cx| service.poll_ready(cx)).await {
            return Verdict::refused(format!("the service is not ready: {error}"));
        }
        match service.call(delivery).await {
            Ok(verdict) => verdict,
            Err(error) => Verdict::failed(error.to_string()),
        }
    };
    let mut answer = pin!(answer);
    poll_fn(|cx| {
        // Whatever it has left half done is not looked at again.
        match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))) {
            Ok(poll) => poll,
            Err(panic) => {
                forget(panic);
                Poll::Ready(Verdict::failed("the service panicked"))
            }
        }
    })
    .await
}

/// What a panic carries may panic when it is dropped. What it says may be of the request, and the
/// hook for panics has told it already.
fn forget(panic: Box<dyn Any + Send>) {
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(panic)));
    std::mem::forget(dropped);
}

/// Tells the store, until it has understood or the lease is lost: the work is done, and to do it
/// again would cost more than to wait.
async fn settle(desk: &Desk, lease: &Lease, mut settlement: Settlement) {
    const PAUSES: Backoff = Backoff {
        base: Duration::from_millis(500),
        cap: Duration::from_secs(15),
    };
    let mut times = 0;
    loop {
        let told = tell(desk, lease, &settlement);
        let told = timeout(desk.times.lease, told).await;
        match told.unwrap_or_else(|late| Err(StoreError::Unavailable(late.into()))) {
            Ok(()) => {
                desk.outage.ends();
                return desk.count(match settlement {
                    Settlement::PutBack => return,
                    Settlement::Finish(_) => Count::Done,
                    Settlement::Bury(_) => Count::Dead(1),
                    Settlement::Postpone { counts: true, .. } => Count::Failed,
                    Settlement::Postpone { counts: false, .. } => Count::Refused,
                });
            }
            Err(StoreError::Lost) => {
                tracing::warn!(task = %lease.id, "lost the lease of a task before its end was kept");
                return desk.count(Count::Lost);
            }
            Err(error @ StoreError::TooLarge { .. })
                if matches!(settlement, Settlement::Finish(_)) =>
            {
                settlement = Settlement::Bury(format!("its result can't be kept: {error}"));
            }
            Err(error) => {
                desk.outage.begins(&error);
                let pause = PAUSES.wait(times, None, rand::random());
                times += 1;
                tokio::select! {
                    () = sleep(pause) => {}
                    // Its lease runs out, and it is given out again.
                    () = desk.stopped() => return,
                }
            }
        }
    }
}

async fn tell(desk: &Desk, lease: &Lease, settlement: &Settlement) -> Result<(), StoreError> {
    let store = desk.queue.store();
    match settlement {
        Settlement::Finish(result) => desk.queue.finish(lease, result.clone()).await,
        Settlement::Bury(reason) => store.bury(lease, reason).await,
        Settlement::PutBack => {
            let reason = "the worker stopped";
            store.postpone(lease, Duration::ZERO, false, reason).await
        }
        Settlement::Postpone {
            wait,
            counts,
            reason,
        } => store.postpone(lease, *wait, *counts, reason).await,
    }
}

impl Desk {
    pub(super) fn count(&self, count: Count) {
        self.note(|meter, now| meter.count(now, count));
    }

    /// Notes something, and lets everybody know.
    pub(super) fn note(&self, note: impl FnOnce(&mut Meter, Instant)) {
        let now = Instant::now();
        // Nothing in there panics.
        let mut meter = self.meter.lock().unwrap_or_else(PoisonError::into_inner);
        note(&mut meter, now);
        self.progress.send_replace(meter.progress(now));
    }

    /// Waits until what is under way has to be put down.
    async fn stopped(&self) {
        let mut stop = self.stop.clone();
        // Whoever could say so may be gone: then all of this is going.
        let _ = stop.wait_for(|stop| *stop).await;
    }
}
