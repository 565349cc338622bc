//! Letting the other tasks have their turn.

use futures_util::task::AtomicWaker;
use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};
use tokio::task::yield_now;

/// The turn of all tasks that are ready on the thread that waits. One may be waited for after the
/// other.
///
/// [`yield_now`] alone does not tell who is polled again whether it is for that: hyper polls the
/// body of an answer once more after it has flushed.
pub(super) struct Turn {
    shared: Arc<Shared>,
    waker: Waker,
}

#[derive(Default)]
struct Shared {
    state: AtomicU8,
    /// Of the task that waits.
    task: AtomicWaker,
}

/// Nobody waits for it.
const NONE: u8 = 0;
/// It is waited for.
const AWAITED: u8 = 1;
/// It is over.
const OVER: u8 = 2;

impl Default for Turn {
    fn default() -> Self {
        let shared = Arc::<Shared>::default();
        let waker = Arc::clone(&shared).into();
        Self { shared, waker }
    }
}

impl Turn {
    /// Says that the next one that is waited for begins then.
    pub(super) fn forget(&self) {
        self.shared.state.store(NONE, SeqCst);
    }

    /// Ready when the others have had their turn since this was asked first.
    pub(super) fn poll_over(&self, cx: &mut Context<'_>) -> Poll<()> {
        let Shared { state, task } = &*self.shared;
        task.register(cx.waker());
        if state.compare_exchange(OVER, NONE, SeqCst, SeqCst).is_ok() {
            return Poll::Ready(());
        }
        if state
            .compare_exchange(NONE, AWAITED, SeqCst, SeqCst)
            .is_ok()
        {
            // Wakes when those that are ready on this thread were polled.
            let _ = pin!(yield_now()).poll(&mut Context::from_waker(&self.waker));
        }
        Poll::Pending
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // One that was forgotten is nobody's business.
        let over = self
            .state
            .compare_exchange(AWAITED, OVER, SeqCst, SeqCst)
            .is_ok();
        if over {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        future::poll_fn,
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
    };

    #[tokio::test]
    async fn it_is_over_when_the_others_were_polled_and_not_before() {
        let polled = Arc::new(AtomicUsize::new(0));
        let turn = Turn::default();
        for round in 1..=3 {
            for _ in 0..3 {
                let polled = Arc::clone(&polled);
                tokio::spawn(async move { polled.fetch_add(1, Relaxed) });
            }
            let mut polls = 0;
            poll_fn(|cx| {
                polls += 1;
                let over = turn.poll_over(cx);
                if polls == 1 {
                    // As whoever polls again without having been woken.
                    assert!(over.is_pending() && turn.poll_over(cx).is_pending());
                }
                over
            })
            .await;
            assert_eq!((polls, polled.load(Relaxed)), (2, 3 * round));
        }
    }

    #[tokio::test]
    async fn one_that_is_forgotten_wakes_nobody() {
        let turn = Turn::default();
        let mut polls = 0;
        poll_fn(|cx| {
            polls += 1;
            assert!(turn.poll_over(cx).is_pending());
            turn.forget();
            Poll::Ready(())
        })
        .await;
        yield_now().await;
        // The first one has come to its end meanwhile, and is not taken for this one.
        poll_fn(|cx| {
            polls += 1;
            turn.poll_over(cx)
        })
        .await;
        assert_eq!(polls, 3);
    }
}
