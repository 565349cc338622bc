use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};

pin_project! {
    /// Limits the wait for a service to be ready. Most are ready when asked: then no clock is
    /// read and no timer made.
    #[derive(Default)]
    pub(crate) struct Limit {
        since: Option<Instant>,
        #[pin]
        sleep: Option<Sleep>,
    }
}

impl Limit {
    /// Ready when the wait, which began with the first call, has lasted for as long as it may.
    pub(crate) fn poll_passed(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        patience: Option<Duration>,
        deadline: Option<Instant>,
    ) -> Poll<()> {
        let mut this = self.project();
        if this.since.is_none() {
            let now = Instant::now();
            *this.since = Some(now);
            // What the clock can't express is no limit.
            let patience = patience.and_then(|patience| now.checked_add(patience));
            let until = patience.into_iter().chain(deadline).min();
            this.sleep.set(until.map(sleep_until));
        }
        match this.sleep.as_pin_mut() {
            Some(sleep) => sleep.poll(cx),
            None => Poll::Pending,
        }
    }

    /// How long the wait has been so far.
    pub(crate) fn waited(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}
