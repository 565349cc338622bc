//! The frames of a streamed answer, which keep to the call's deadline whether they are read or
//! not.

use super::log::CallLog;
use buttress::{
    Context as _,
    core::{Elapsed, Phase},
    llm::{Dialect, EventStream, LlmError},
};
use bytes::{Bytes, BytesMut};
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

/// How much is given in one piece at most, of what is there at once. Each piece is a chunk of
/// HTTP, and that costs more, here and where it is read, than to copy an event.
const PIECE: usize = 16 << 10;

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
    /// Room for the next pieces.
    room: BytesMut,
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
            room: BytesMut::new(),
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

    /// The next frame of it, or the error that broke it.
    fn poll_frame(&mut self, dialect: Dialect, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Self { state, log } = self;
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
                Some(event.frame)
            }
            Some(Err(error)) => {
                *state = State::Over;
                log.broke_off(&error);
                Some(error.render_event(dialect))
            }
            None => {
                *state = State::Over;
                log.answered();
                None
            }
        })
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stream for Frames {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self {
            shared,
            dialect,
            room,
            ..
        } = &mut *self;
        let mut shared = lock(shared);
        let Some(first) = ready!(shared.poll_frame(*dialect, cx)) else {
            return Poll::Ready(None);
        };
        let mut size = first.len();
        // Not copied as long as it is alone.
        let mut alone = Some(first);
        while size < PIECE
            && let Poll::Ready(Some(frame)) = shared.poll_frame(*dialect, cx)
        {
            if let Some(first) = alone.take() {
                room.reserve(PIECE);
                room.extend_from_slice(&first);
            }
            room.extend_from_slice(&frame);
            size += frame.len();
        }
        let piece = alone.unwrap_or_else(|| room.split().freeze());
        Poll::Ready(Some(Ok(piece)))
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        if let Some(timer) = &self.timer {
            timer.abort();
        }
    }
}
