//! The frames of a streamed answer, which keep to the call's deadline whether they are read or
//! not.

use super::log::CallLog;
use buttress::{
    Context as _,
    core::{Elapsed, Phase},
    llm::{Dialect, EventStream, LlmError},
};
use bytes::Bytes;
use futures_core::Stream;
use std::{
    convert::Infallible,
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep_until},
};

/// The frames of a stream. When it breaks, the caller is told so in its own dialect: there is
/// no end that could be taken for a proper one.
///
/// Whoever does not read is not asked for frames, and a stream that nobody asks does not look at
/// the clock: without a timer of its own it would keep the provider's connection for as long as
/// the caller likes.
///
/// # Cancellation
/// Drops the stream, and with it the connection.
pub(super) struct Frames {
    shared: Arc<Mutex<Shared>>,
    dialect: Dialect,
    timer: Option<JoinHandle<()>>,
}

struct Shared {
    state: State,
    log: CallLog,
}

enum State {
    Open(EventStream),
    /// It broke while nobody read, and the caller has still to be told.
    Broken(LlmError),
    Over,
}

impl Frames {
    /// Those of this stream, which ends at the deadline of its call.
    pub(super) fn new(stream: EventStream, dialect: Dialect, log: CallLog) -> Self {
        let deadline = log.call().deadline();
        let state = State::Open(stream);
        let shared = Arc::new(Mutex::new(Shared { state, log }));
        let timer = deadline.map(|deadline| {
            // Frames that are dropped are gone at once, whenever the timer hears of it.
            let shared = Arc::downgrade(&shared);
            let begun = Instant::now();
            tokio::spawn(async move {
                sleep_until(deadline).await;
                if let Some(shared) = shared.upgrade() {
                    let limit = deadline.saturating_duration_since(begun);
                    let late = Elapsed::new(Phase::Deadline, limit);
                    // Dropped when the lock is no longer held.
                    let _stream = lock(&shared).end(late.into());
                }
            })
        });
        Self {
            shared,
            dialect,
            timer,
        }
    }
}

impl Shared {
    /// Breaks it, unless it has ended. What it was is handed back.
    fn end(&mut self, error: LlmError) -> State {
        if let State::Open(_) = self.state {
            // Its last event may be given and its end not yet: then nothing is missing.
            let broken = !self.log.is_told();
            self.log.broke_off(&error);
            let state = if broken {
                State::Broken(error)
            } else {
                State::Over
            };
            return mem::replace(&mut self.state, state);
        }
        State::Over
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stream for Frames {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut shared = lock(&self.shared);
        let Shared { state, log } = &mut *shared;
        let next = match state {
            State::Open(stream) => ready!(Pin::new(stream).poll_next(cx)),
            State::Broken(_) | State::Over => match mem::replace(state, State::Over) {
                State::Broken(error) => Some(Err(error)),
                _ => return Poll::Ready(None),
            },
        };
        Poll::Ready(match next {
            Some(Ok(event)) => {
                // Whoever reads no further has missed nothing, and has not left too early.
                if event.is_last() {
                    log.answered();
                }
                Some(Ok(event.frame))
            }
            Some(Err(error)) => {
                *state = State::Over;
                log.broke_off(&error);
                Some(Ok(error.render_event(self.dialect)))
            }
            None => {
                *state = State::Over;
                log.answered();
                None
            }
        })
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        if let Some(timer) = &self.timer {
            timer.abort();
        }
    }
}
