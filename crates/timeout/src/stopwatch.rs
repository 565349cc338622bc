use crate::{
    Limits,
    phases::{Due, Phases},
};
use buttress_core::Elapsed;
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tokio::time::{Instant, Sleep, sleep_until};

/// Watches one attempt from its start to the end of its answer, and says when a limit has passed.
///
/// Whoever reads an answer tells it what has come, [`headers`](Self::headers) and
/// [`content`](Self::content), and asks [`poll_elapsed`](Self::poll_elapsed) whenever it finds
/// nothing to read. What is not content, such as the comments and pings that keep a connection
/// alive, is not told and so resets nothing.
///
/// The layers of this crate are built on it, and so can be any reader of streams:
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use buttress_core::Phase;
/// use buttress_timeout::{Limits, Stopwatch};
/// use std::{future::poll_fn, time::Duration};
///
/// let limits = Limits::none().idle(Duration::from_secs(5));
/// let mut watch = Stopwatch::start(limits, None);
/// watch.content();
/// // Nothing more comes.
/// let elapsed = poll_fn(|cx| watch.poll_elapsed(cx)).await;
/// assert_eq!(elapsed.phase, Phase::Idle);
/// # }
/// ```
///
/// # Cost
/// There is at most one timer, and it is made when the reader has to wait for the first time.
/// Content that comes before its time is a few stores: the timer is left to run and, when it
/// goes off too early, set again. Without any limit there is neither timer nor clock read.
///
/// # Cancellation
/// Dropping it stops the timer.
#[derive(Debug)]
pub struct Stopwatch {
    /// `None` without any limit.
    phases: Option<Phases>,
    /// What passes next, until something comes: found when the reader begins to wait, because
    /// the time in which nobody asks for more is not the sender's.
    due: Option<Due>,
    /// Boxed, so that it moves from the wait for the head into the body.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Stopwatch {
    /// Starts now. The attempt may in no case last longer than until `deadline`, which is the
    /// deadline of the call that it belongs to.
    #[must_use]
    pub fn start(limits: Limits, deadline: Option<Instant>) -> Self {
        let limited = limits != Limits::none() || deadline.is_some();
        Self {
            phases: limited.then(|| Phases::new(limits, Instant::now(), deadline)),
            due: None,
            timer: None,
        }
    }

    /// The head of the answer is there.
    pub const fn headers(&mut self) {
        if let Some(phases) = &mut self.phases {
            phases.headers();
            self.due = None;
        }
    }

    /// Content has come, the first or more of it.
    pub const fn content(&mut self) {
        if let Some(phases) = &mut self.phases {
            phases.content();
            self.due = None;
        }
    }

    /// Ready when a limit has passed, and tells which. To be asked when there is nothing to
    /// read: the time between two contents is counted from the first time that this is asked
    /// after the earlier one.
    ///
    /// Without any limit it is pending for ever, and wakes nobody.
    ///
    /// # Panics
    /// When it has to make a timer outside of a tokio runtime that has time enabled.
    pub fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<Elapsed> {
        let Some(phases) = &self.phases else {
            return Poll::Pending;
        };
        if self.due.is_none() {
            self.due = phases.due(Instant::now());
        }
        let Some(Due { at, elapsed }) = self.due else {
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.deadline() > at {
            timer.as_mut().reset(at);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= at {
                return Poll::Ready(elapsed);
            }
            // It was set for a limit that something came in time for.
            timer.as_mut().reset(at);
        }
        Poll::Pending
    }
}
