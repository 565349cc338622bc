use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use std::{
    error, fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

type BoxError = Box<dyn error::Error + Send + Sync>;

/// A request's body that can be sent more than once: it keeps what it gives away.
///
/// Nothing is read ahead. The first attempt reads the original, and each frame is remembered as
/// it passes, up to a limit; small ones are put together. A later attempt reads the remembered
/// frames, and then the rest of
/// the original from where the attempt before it stopped. Trailers are repeated as well, and the
/// length that is told stays what the original told, so that every attempt has the same
/// `content-length`.
///
/// The attempt before may still be alive when the next one begins: an HTTP/1 connection goes on
/// sending after an early answer. It loses the original to its successor, and ends with the
/// error [`Superseded`] (never with a clean end, which would pass half a body for a whole one).
///
/// Made by [`Buffered`](crate::Buffered). The original has to be `Unpin`, as hyper's, axum's and
/// tonic's bodies are; others are with `BodyExt::boxed_unsync`.
pub struct ReplayBody<B>(Kind<B>);

enum Kind<B> {
    /// Too long to be kept.
    Once(B),
    Kept(Reader<B>),
}

struct Reader<B> {
    source: Source<B>,
    attempt: u32,
    position: Position,
}

/// How far an attempt has got.
#[derive(Default)]
struct Position {
    /// The next of the remembered frames; the one that is being filled comes after the others.
    next: usize,
    /// How much of it was sent.
    offset: usize,
    trailers: bool,
    /// Bytes of data given away.
    sent: u64,
}

/// Smaller frames are put together: each takes the memory of its handle, and may hold a buffer
/// that is far larger than itself.
const SMALL: usize = 1024;

/// What all attempts share.
///
/// The lock is free on a healthy call, where one task reads one body; it is there for the
/// moment in which two attempts overlap.
pub(crate) struct Source<B>(Arc<Shared<B>>);

struct Shared<B> {
    state: Mutex<State<B>>,
    /// What the original told of its length before it was read.
    hint: SizeHint,
}

struct State<B> {
    original: Original<B>,
    frames: Vec<Bytes>,
    /// The last frame, into which small ones are put together.
    filling: BytesMut,
    trailers: Option<HeaderMap>,
    /// How many more bytes may be remembered; `None` once that was not enough.
    room: Option<usize>,
    /// The attempt that may read the original.
    attempt: u32,
    /// Who reads it, to be told when it may no longer.
    reader: Option<Waker>,
}

enum Original<B> {
    Open(B),
    Ended,
    Broken,
}

impl<B: Body> ReplayBody<B> {
    /// Wraps the original; a body that is known to be longer than `limit` bytes is not kept.
    pub(crate) fn new(body: B, limit: usize) -> (Self, Option<Source<B>>) {
        let hint = body.size_hint();
        if usize::try_from(hint.lower()).map_or(true, |lower| lower > limit) {
            return (Self(Kind::Once(body)), None);
        }
        let original = if body.is_end_stream() {
            Original::Ended
        } else {
            Original::Open(body)
        };
        let state = Mutex::new(State {
            original,
            frames: Vec::new(),
            filling: BytesMut::new(),
            trailers: None,
            room: Some(limit),
            attempt: 0,
            reader: None,
        });
        let source = Source(Arc::new(Shared { state, hint }));
        let kept = Source(Arc::clone(&source.0));
        (Self(Kind::Kept(Reader::new(source, 0))), Some(kept))
    }
}

impl<B> Source<B> {
    /// Whether another attempt would get the whole body.
    pub(crate) fn replayable(&self) -> bool {
        self.lock().replayable()
    }

    /// The body for another attempt, which from now on is the only one to read the original.
    pub(crate) fn again(&self) -> Option<ReplayBody<B>> {
        let mut state = self.lock();
        if !state.replayable() {
            return None;
        }
        state.attempt += 1;
        let attempt = state.attempt;
        let superseded = state.reader.take();
        drop(state);
        // Otherwise it would wait for the original for ever, and hold its connection.
        if let Some(reader) = superseded {
            reader.wake();
        }
        let source = Self(Arc::clone(&self.0));
        Some(ReplayBody(Kind::Kept(Reader::new(source, attempt))))
    }

    fn lock(&self) -> MutexGuard<'_, State<B>> {
        // Where the original can panic, nothing in here is half done.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B> State<B> {
    const fn replayable(&self) -> bool {
        self.room.is_some() && !matches!(self.original, Original::Broken)
    }

    const fn ended(&self) -> bool {
        matches!(self.original, Original::Ended)
    }

    fn remember(&mut self, data: &Bytes) {
        let Some(room) = self.room else {
            return;
        };
        self.room = room.checked_sub(data.len());
        if self.room.is_none() {
            self.frames = Vec::new();
            self.filling = BytesMut::new();
        } else if data.len() < SMALL && !(self.frames.is_empty() && self.filling.is_empty()) {
            self.filling.extend_from_slice(data);
        } else if !data.is_empty() {
            // Also the first of them if it is small: most bodies have but one.
            if !self.filling.is_empty() {
                let filled = std::mem::take(&mut self.filling);
                self.frames.push(filled.freeze());
            }
            self.frames.push(data.clone());
        }
    }
}

impl<B> State<B>
where
    B: Body + Unpin,
    B::Error: Into<BoxError>,
{
    fn poll_original(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Original::Open(body) = &mut self.original else {
            return Poll::Ready(None);
        };
        let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) else {
            match &mut self.reader {
                Some(reader) => reader.clone_from(cx.waker()),
                None => self.reader = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        };
        let frame = match frame {
            Some(Ok(frame)) => frame.map_data(|mut data| data.copy_to_bytes(data.remaining())),
            Some(Err(error)) => {
                self.original = Original::Broken;
                return Poll::Ready(Some(Err(error.into())));
            }
            None => {
                self.original = Original::Ended;
                return Poll::Ready(None);
            }
        };
        // A reader that knows the length may not ask for the end.
        if body.is_end_stream() {
            self.original = Original::Ended;
        }
        if let Some(data) = frame.data_ref() {
            self.remember(data);
        } else if let Some(trailers) = frame.trailers_ref() {
            self.trailers = Some(trailers.clone());
        }
        Poll::Ready(Some(Ok(frame)))
    }
}

impl<B> Reader<B> {
    fn new(source: Source<B>, attempt: u32) -> Self {
        Self {
            source,
            attempt,
            position: Position::default(),
        }
    }

    fn is_end_stream(&self) -> bool {
        let state = self.source.lock();
        let lost = self.attempt != state.attempt && !state.replayable();
        state.ended() && !lost && self.position.is_at_end(&state)
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>>
    where
        B: Body + Unpin,
        B::Error: Into<BoxError>,
    {
        let mut state = self.source.lock();
        // A body that is remembered whole can be read by as many as like.
        let whole = state.ended() && state.replayable();
        if self.attempt != state.attempt && !whole {
            return Poll::Ready(Some(Err(Superseded.into())));
        }
        if let Some(frame) = self.position.remembered(&state) {
            return Poll::Ready(Some(Ok(frame)));
        }
        let frame = ready!(state.poll_original(cx));
        if let Some(Ok(frame)) = &frame {
            self.position.follow(frame, &state);
        }
        Poll::Ready(frame)
    }
}

impl Position {
    /// Takes what is remembered and was not sent yet.
    fn remembered<B>(&mut self, state: &State<B>) -> Option<Frame<Bytes>> {
        while let Some(frame) = state.frames.get(self.next) {
            let data = frame.slice(self.offset..);
            self.next += 1;
            self.offset = 0;
            // Nothing is left of one that was sent while it was being filled.
            if !data.is_empty() {
                return Some(self.send(data));
            }
        }
        let filling = state.filling.get(self.offset..).unwrap_or_default();
        if !filling.is_empty() {
            self.offset = state.filling.len();
            return Some(self.send(Bytes::copy_from_slice(filling)));
        }
        let trailers = state.trailers.as_ref().filter(|_| !self.trailers)?;
        self.trailers = true;
        Some(Frame::trailers(trailers.clone()))
    }

    fn send(&mut self, data: Bytes) -> Frame<Bytes> {
        self.sent += data.len() as u64;
        Frame::data(data)
    }

    /// Whether all that is remembered was sent.
    fn is_at_end<B>(&self, state: &State<B>) -> bool {
        let frames = state.frames.get(self.next..).unwrap_or_default();
        let left: usize = frames.iter().map(Bytes::len).sum();
        left + state.filling.len() <= self.offset && (self.trailers || state.trailers.is_none())
    }

    /// This frame came from the original, and was remembered if it could be.
    fn follow<B>(&mut self, frame: &Frame<Bytes>, state: &State<B>) {
        match frame.data_ref() {
            Some(data) => {
                self.sent += data.len() as u64;
                self.next = state.frames.len();
                self.offset = state.filling.len();
            }
            None => self.trailers = true,
        }
    }
}

impl<B> Body for ReplayBody<B>
where
    B: Body + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Kind::Once(body) => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                let frame = frame.map(|frame| frame.map_err(Into::into));
                let whole = |mut data: B::Data| data.copy_to_bytes(data.remaining());
                Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(whole))))
            }
            Kind::Kept(reader) => reader.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Once(body) => body.is_end_stream(),
            Kind::Kept(reader) => reader.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let reader = match &self.0 {
            Kind::Once(body) => return body.size_hint(),
            Kind::Kept(reader) => reader,
        };
        let (told, sent) = (&reader.source.0.hint, reader.position.sent);
        let mut hint = SizeHint::new();
        hint.set_lower(told.lower().saturating_sub(sent));
        if let Some(upper) = told.upper() {
            hint.set_upper(upper.saturating_sub(sent));
        }
        hint
    }
}

impl<B> fmt::Debug for ReplayBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("ReplayBody");
        if let Kind::Kept(reader) = &self.0 {
            fields.field("attempt", &reader.attempt);
            fields.field("sent", &reader.position.sent);
        }
        fields.finish_non_exhaustive()
    }
}

/// Another attempt has taken over the rest of this request's body.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Superseded;

impl fmt::Display for Superseded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another attempt sends the rest of this request's body")
    }
}

impl error::Error for Superseded {}
