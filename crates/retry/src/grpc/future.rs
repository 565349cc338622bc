use super::PeekedBody;
use bytes::Buf;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header::CONTENT_LENGTH};
use http_body::{Body, Frame};
use pin_project_lite::pin_project;
use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

const STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// How many frames of a unary answer are held whatever they carry.
const FEW: usize = 16;

/// Bytes of the limit that each further frame stands for, which is about what it takes itself.
const OVERHEAD: usize = 64;

pin_project! {
    /// A call whose answer is held back until its status is known, or known to come later. Made
    /// by [`Trailers`](super::Trailers).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, B: Body> {
        #[pin]
        state: State<F, B>,
        unary: Option<usize>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, B: Body> {
        Called { #[pin] future: F },
        Peeking { answer: Option<Answer<B>> },
    }
}

/// An answer that is being read.
struct Answer<B: Body> {
    response: Response<B>,
    held: VecDeque<Frame<B::Data>>,
    /// Bytes of messages held.
    bytes: usize,
}

impl<F, B: Body> ResponseFuture<F, B> {
    pub(crate) const fn new(future: F, unary: Option<usize>) -> Self {
        let state = State::Called { future };
        Self { state, unary }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body + Unpin,
    B::Error: Into<E>,
{
    type Output = Result<Response<PeekedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::Called { future } => {
                    let answer = Answer::new(ready!(future.poll(cx))?);
                    if answer.is_judged() {
                        return Poll::Ready(Ok(answer.pass()));
                    }
                    let answer = Some(answer);
                    this.state.set(State::Peeking { answer });
                }
                StateProj::Peeking { answer: slot } => {
                    let answer = slot.as_mut().expect("polled after completion");
                    let frame = ready!(Pin::new(answer.response.body_mut()).poll_frame(cx));
                    let mut answer = slot.take().expect("polled after completion");
                    let data = match frame.transpose().map_err(Into::into)? {
                        None => return Poll::Ready(Ok(answer.end(HeaderMap::new()))),
                        Some(frame) => match frame.into_trailers() {
                            Ok(trailers) => return Poll::Ready(Ok(answer.end(trailers))),
                            Err(data) => data,
                        },
                    };
                    if answer.hold(data, *this.unary) {
                        return Poll::Ready(Ok(answer.pass()));
                    }
                    *slot = Some(answer);
                }
            }
        }
    }
}

impl<B: Body> Answer<B> {
    const fn new(response: Response<B>) -> Self {
        Self {
            response,
            held: VecDeque::new(),
            bytes: 0,
        }
    }

    /// Whether the head says it all: it has the status, or is none of a gRPC server's.
    fn is_judged(&self) -> bool {
        self.response.headers().contains_key(STATUS) || self.response.status() != StatusCode::OK
    }

    /// Holds data back; `true` when that was enough.
    fn hold(&mut self, data: Frame<B::Data>, unary: Option<usize>) -> bool {
        let length = data.data_ref().map_or(0, Buf::remaining);
        if length == 0 {
            // No message yet, and nothing to hold: a server may send any number of these.
            return false;
        }
        self.held.push_back(data);
        self.bytes = self.bytes.saturating_add(length);
        let limit = unary.unwrap_or(0);
        self.bytes > limit || self.held.len() > FEW.saturating_add(limit / OVERHEAD)
    }

    /// As it is.
    fn pass(self) -> Response<PeekedBody<B>> {
        let (head, rest) = self.response.into_parts();
        Response::from_parts(head, PeekedBody::new(self.held, Some(rest)))
    }

    /// It ended with these trailers.
    fn end(mut self, mut trailers: HeaderMap) -> Response<PeekedBody<B>> {
        let succeeded = trailers.get(STATUS).is_some_and(|status| status == "0");
        if succeeded && self.bytes > 0 {
            self.held.push_back(Frame::trailers(trailers));
            return self.pass();
        }
        if !trailers.contains_key(STATUS) {
            trailers.insert(STATUS, HeaderValue::from_static("2"));
        }
        let (mut head, _) = self.response.into_parts();
        head.headers.remove(CONTENT_LENGTH);
        let mut name = None;
        for (next, value) in trailers {
            // A name stands before the first of its values only.
            name = next.or(name);
            if let Some(name) = &name {
                head.headers.append(name, value);
            }
        }
        Response::from_parts(head, PeekedBody::new(VecDeque::new(), None))
    }
}

impl<F, B: Body> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Called { .. } => "Called",
            State::Peeking { .. } => "Peeking",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
