use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

/// A gRPC answer's body of which the beginning was read already. Made by
/// [`TrailersLayer`](super::TrailersLayer).
pub struct PeekedBody<B: Body> {
    held: VecDeque<Frame<B::Data>>,
    /// The rest, unless it was read to its end.
    rest: Option<B>,
}

impl<B: Body> PeekedBody<B> {
    pub(crate) const fn new(held: VecDeque<Frame<B::Data>>, rest: Option<B>) -> Self {
        Self { held, rest }
    }
}

// The frames are moved, never pinned.
impl<B: Body + Unpin> Unpin for PeekedBody<B> {}

impl<B: Body + Unpin> Body for PeekedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        if let Some(frame) = self.held.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        match &mut self.rest {
            Some(rest) => Pin::new(rest).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let data = self.held.iter().filter_map(Frame::data_ref);
        let held: u64 = data.map(|data| data.remaining() as u64).sum();
        let Some(rest) = &self.rest else {
            return SizeHint::with_exact(held);
        };
        let rest = rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(held));
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(held)) {
            hint.set_upper(upper);
        }
        hint
    }
}

impl<B: Body> fmt::Debug for PeekedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeekedBody")
            .field("held", &self.held.len())
            .finish_non_exhaustive()
    }
}
