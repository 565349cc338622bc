//! Polling a connection again at once when it wakes itself.

use futures_util::task::AtomicWaker;
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};

/// How often in a row, before the other tasks get their turn.
const TIMES: usize = 4;

pin_project! {
    /// A future that is polled again when it was woken while it was polled.
    ///
    /// A handler that reads a request's body and drops it wakes the connection that it is a part
    /// of. To the scheduler that is a task that yields: it queues it and wakes another thread,
    /// which finds nothing to do, or takes the connection over and has none of it in its cache:
    /// a system call and a switch of threads for every request.
    pub(super) struct Again<F> {
        #[pin]
        future: F,
        shared: Arc<Shared>,
        waker: Waker,
    }
}

#[derive(Default)]
struct Shared {
    state: AtomicU8,
    /// Of the task.
    task: AtomicWaker,
}

/// It waits to be woken.
const WAITING: u8 = 0;
/// It is being polled.
const POLLED: u8 = 1;
/// It has been woken, and is to be polled.
const WOKEN: u8 = 2;

impl<F> Again<F> {
    pub(super) fn new(future: F) -> Self {
        let shared = Arc::<Shared>::default();
        let waker = Arc::clone(&shared).into();
        Self {
            future,
            shared,
            waker,
        }
    }
}

impl<F: Future> Future for Again<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        this.shared.task.register(cx.waker());
        let mut inner = Context::from_waker(this.waker);
        for _ in 0..TIMES {
            this.shared.state.store(POLLED, SeqCst);
            if let Poll::Ready(output) = this.future.as_mut().poll(&mut inner) {
                return Poll::Ready(output);
            }
            let state = &this.shared.state;
            if state
                .compare_exchange(POLLED, WAITING, SeqCst, SeqCst)
                .is_ok()
            {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(WOKEN, SeqCst) == WAITING {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        future::poll_fn,
        sync::{atomic::AtomicUsize, mpsc},
        task::Waker,
        thread,
    };

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn what_wakes_itself_is_polled_again_and_the_scheduler_hears_nothing() {
        let task = Arc::<Woken>::default();
        let waker = Waker::from(Arc::clone(&task));
        let mut polls = 0;
        let mut future = Box::pin(Again::new(poll_fn(|cx| {
            polls += 1;
            if polls < 3 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(polls)
        })));
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        assert_eq!(polled, Poll::Ready(3));
        assert_eq!(task.0.load(SeqCst), 0);
    }

    #[test]
    fn what_never_stops_waking_itself_lets_others_have_their_turn() {
        let task = Arc::<Woken>::default();
        let waker = Waker::from(Arc::clone(&task));
        let mut future = Box::pin(Again::new(poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        })));
        for turn in 1..4 {
            let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
            assert_eq!(task.0.load(SeqCst), turn);
        }
    }

    #[test]
    fn no_wake_from_another_thread_is_lost() {
        const WAKES: usize = 20_000;
        let (wakers, woken) = mpsc::channel::<Waker>();
        let done = Arc::new(AtomicUsize::new(0));
        let other = thread::spawn({
            let done = Arc::clone(&done);
            move || {
                for waker in woken {
                    done.fetch_add(1, SeqCst);
                    waker.wake();
                }
            }
        });
        let mut asked = 0;
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(Again::new(poll_fn(|cx| {
            if done.load(SeqCst) == WAKES {
                return Poll::Ready(());
            }
            // One at a time: if its wake were lost, nothing would ever poll this again.
            if done.load(SeqCst) == asked {
                asked += 1;
                wakers.send(cx.waker().clone()).unwrap();
            }
            Poll::Pending
        })));
        drop(wakers);
        other.join().unwrap();
    }
}
