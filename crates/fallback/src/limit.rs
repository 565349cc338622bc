use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};

/// Limits the wait for a service to be ready. Most are ready when asked: then no clock is read
/// and no timer made.
#[derive(Default)]
pub(crate) struct Limit {
    since: Option<Instant>,
    /// Boxed, to keep the future of a call small that does not come this far.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Limit {
    /// Ready when the wait, which began with the first call, has lasted for as long as it may.
    pub(crate) fn poll_passed(
        &mut self,
        cx: &mut Context<'_>,
        patience: Option<Duration>,
        deadline: Option<Instant>,
    ) -> Poll<()> {
        if self.since.is_none() {
            let now = Instant::now();
            self.since = Some(now);
            // What the clock can't express is no limit.
            let patience = patience.and_then(|patience| now.checked_add(patience));
            let until = patience.into_iter().chain(deadline).min();
            self.sleep = until.map(|until| Box::pin(sleep_until(until)));
        }
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }

    /// How long the wait has been so far.
    pub(crate) fn waited(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}
