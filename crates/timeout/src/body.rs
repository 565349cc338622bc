use crate::{Scope, Stopwatch};
use bytes::Buf;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll},
};

/// The limits go on in the body of an HTTP response, to its end.
///
/// `P` tells content from what only keeps the connection alive.
#[derive(Clone, Copy, Debug, Default)]
pub struct ToEnd<P = AnyData>(P);

impl<P> ToEnd<P> {
    /// Counts as content what this says.
    #[must_use]
    pub const fn new(progress: P) -> Self {
        Self(progress)
    }
}

impl<B: Body, P: Progress<B::Data>> Scope<Response<B>> for ToEnd<P> {
    type Response = Response<TimedBody<B, P>>;

    fn extend(self, answer: Response<B>, watch: Stopwatch) -> Self::Response {
        answer.map(|body| TimedBody::new(body, self.0, watch))
    }
}

/// Tells content from what only keeps the connection alive.
///
/// Each body gets its own clone, so that it may remember what it has seen. Closures of the
/// matching shape are such judges:
///
/// ```
/// use buttress_timeout::Progress;
/// use bytes::Bytes;
///
/// // Server-sent comments come in chunks of their own from most servers.
/// let mut events = |data: &Bytes| !data.starts_with(b":");
/// assert!(!events.is_content(&Bytes::from(": keep-alive\n\n")));
/// ```
pub trait Progress<D> {
    /// Whether this is content, or has some in it.
    fn is_content(&mut self, data: &D) -> bool;
}

/// Any data is content, unless it is empty.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct AnyData;

impl AnyData {
    /// Looks only whether there is any.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl<D: Buf> Progress<D> for AnyData {
    fn is_content(&mut self, data: &D) -> bool {
        data.has_remaining()
    }
}

impl<D, F: FnMut(&D) -> bool> Progress<D> for F {
    fn is_content(&mut self, data: &D) -> bool {
        self(data)
    }
}

pin_project! {
    /// A body whose reading is timed. When a limit passes it ends with an
    /// [`Elapsed`](buttress_core::Elapsed) in a box, as it does with its own errors.
    ///
    /// Time in which nobody asks for a frame does not count as idle.
    ///
    /// # Cancellation
    /// Dropping it drops the inner body and stops the timer.
    #[derive(Debug)]
    pub struct TimedBody<B, P = AnyData> {
        #[pin]
        inner: B,
        progress: P,
        // Gone after the end.
        watch: Option<Stopwatch>,
    }
}

impl<B, P> TimedBody<B, P> {
    /// Times the reading of a body whose head is there.
    #[must_use]
    pub const fn new(inner: B, progress: P, watch: Stopwatch) -> Self {
        let watch = Some(watch);
        Self {
            inner,
            progress,
            watch,
        }
    }
}

impl<B, P> Body for TimedBody<B, P>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    P: Progress<B::Data>,
{
    type Data = B::Data;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Self::Error>>> {
        let this = self.project();
        let Some(watch) = this.watch else {
            return Poll::Ready(None);
        };
        let elapsed = match this.inner.poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let elapsed = match frame.data_ref() {
                    Some(data) if this.progress.is_content(data) => {
                        watch.content();
                        Poll::Pending
                    }
                    // A flood of keep-alives must not keep the timer from being asked.
                    Some(_) => watch.poll_elapsed(cx),
                    None => Poll::Pending,
                };
                if elapsed.is_pending() {
                    return Poll::Ready(Some(Ok(frame)));
                }
                elapsed
            }
            Poll::Ready(end) => {
                *this.watch = None;
                return Poll::Ready(end.map(|end| end.map_err(Into::into)));
            }
            Poll::Pending => watch.poll_elapsed(cx),
        };
        elapsed.map(|elapsed| {
            *this.watch = None;
            Some(Err(elapsed.into()))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.watch.is_none() || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
