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
    time::Duration,
};
use tokio::{
    task::JoinHandle,
    time::{Instant, Sleep, sleep_until},
};

/// How much is given in one piece at most, of what is there at once. Each piece is a chunk of
/// HTTP and mostly a system call, and that costs more, here and where it is read, than to copy an
/// event.
const PIECE: usize = 16 << 10;

/// How soon after one piece the next one is given that is not full. No reader sees the difference,
/// and what comes faster than that has a connection write once where it would write for each event.
const PACE: Duration = Duration::from_millis(1);

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
    piece: Piece,
    pace: Pace,
}

/// What is given next.
#[derive(Default)]
struct Piece {
    /// Not copied as long as it is alone.
    alone: Option<Bytes>,
    /// All of it where there are several frames, and room for more.
    joined: BytesMut,
}

/// When the next piece may be given.
#[derive(Default)]
struct Pace {
    /// Nothing for the first one.
    from: Option<Instant>,
    /// Made by the first piece that has to wait.
    timer: Option<Pin<Box<Sleep>>>,
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
            piece: Piece::default(),
            pace: Pace::default(),
        }
    }
}

impl Piece {
    fn len(&self) -> usize {
        self.alone.as_ref().map_or(self.joined.len(), Bytes::len)
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn add(&mut self, frame: Bytes) {
        if self.is_empty() {
            self.alone = Some(frame);
            return;
        }
        if let Some(first) = self.alone.take() {
            self.joined.reserve(PIECE);
            self.joined.extend_from_slice(&first);
        }
        self.joined.extend_from_slice(&frame);
    }

    fn take(&mut self) -> Bytes {
        let alone = self.alone.take();
        alone.unwrap_or_else(|| self.joined.split().freeze())
    }
}

impl Pace {
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(from) = self.from else {
            return Poll::Ready(());
        };
        let set = |timer: &Pin<Box<Sleep>>| timer.deadline() == from;
        if !self.timer.as_ref().is_some_and(set) && Instant::now() >= from {
            return Poll::Ready(());
        }
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(from)));
        if !set(timer) {
            timer.as_mut().reset(from);
        }
        timer.as_mut().poll(cx)
    }

    fn given(&mut self) {
        self.from = Some(Instant::now() + PACE);
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

    /// An event that comes alone is given at once. A connection to a provider hands over one frame
    /// and is polled again before it hands over the next one, however much it has read: so those
    /// that follow fast are found together only by who waits for them.
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self {
            shared,
            dialect,
            piece,
            pace,
            ..
        } = &mut *self;
        let mut shared = lock(shared);
        while piece.len() < PIECE {
            match shared.poll_frame(*dialect, cx) {
                Poll::Ready(Some(frame)) => piece.add(frame),
                Poll::Ready(None) if piece.is_empty() => return Poll::Ready(None),
                Poll::Ready(None) => break,
                Poll::Pending if piece.is_empty() => return Poll::Pending,
                Poll::Pending => {
                    ready!(pace.poll_due(cx));
                    break;
                }
            }
        }
        pace.given();
        Poll::Ready(Some(Ok(piece.take())))
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        if let Some(timer) = &self.timer {
            timer.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::request_id::RequestId;
    use buttress::{core::Call, llm::StreamEvent};
    use futures_util::{StreamExt, stream::poll_fn};
    use http::HeaderMap;
    use tokio::{
        sync::mpsc,
        time::{self, sleep},
    };

    const EVENT: Bytes = Bytes::from_static(b"data: {\"n\": 1}\n\n");

    /// The frames of a stream whose events are handed over one by one, by a task that waits in
    /// between for each to be taken.
    fn frames(pauses: Vec<Duration>) -> Frames {
        let (give, mut take) = mpsc::channel(1);
        tokio::spawn(async move {
            for pause in pauses {
                if !pause.is_zero() {
                    sleep(pause).await;
                }
                let event = Ok(StreamEvent::new(EVENT));
                if give.send(event).await.is_err() {
                    break;
                }
            }
        });
        let events = EventStream::new(poll_fn(move |cx| take.poll_recv(cx)));
        let log = CallLog::new(
            RequestId::of(&HeaderMap::new()),
            Instant::now(),
            "m",
            Call::new(),
        );
        Frames::new(events, Dialect::OpenAiChat, log)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_handed_over_event_by_event_is_given_in_pieces() {
        let events = 3 * PIECE / EVENT.len();
        let frames = frames(vec![Duration::ZERO; events]);
        let pieces: Vec<_> = frames.map(|piece| piece.unwrap()).collect().await;
        assert_eq!(pieces.concat(), EVENT.repeat(events));
        assert!(pieces.len() <= 5, "{} pieces", pieces.len());
        let most = pieces.iter().map(Bytes::len).max().unwrap();
        assert!(most < PIECE + EVENT.len(), "{most}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_does_not_wait_for_the_next_one() {
        const PAUSE: Duration = Duration::from_secs(1);
        let mut frames = frames(vec![PAUSE; 5]);
        let began = time::Instant::now();
        for n in 1..=5 {
            assert_eq!(frames.next().await.unwrap().unwrap(), EVENT);
            assert_eq!(began.elapsed().as_secs(), n);
        }
        assert!(frames.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_fast_is_given_at_a_pace() {
        const PAUSE: Duration = Duration::from_micros(300);
        const EVENTS: usize = 40;
        let mut frames = frames(vec![Duration::ZERO; EVENTS]);
        tokio::spawn(async {
            loop {
                time::advance(PAUSE).await;
            }
        });
        let mut given = Vec::new();
        let mut last: Option<time::Instant> = None;
        while let Some(piece) = frames.next().await {
            given.push(piece.unwrap().len() / EVENT.len());
            let now = time::Instant::now();
            let since = last.replace(now).map(|last| now - last);
            let more = given.iter().sum::<usize>() < EVENTS;
            // A timer counts in milliseconds, of which the first one has begun.
            let paced = since.is_none_or(|since| (PACE..=3 * PACE).contains(&since));
            assert!(paced || !more, "{since:?}");
        }
        assert_eq!(given.iter().sum::<usize>(), EVENTS);
        assert_eq!(given[0], 1, "the first one does not wait");
    }
}
