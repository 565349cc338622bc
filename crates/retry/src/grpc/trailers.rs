use super::ResponseFuture;
use http::{Request, Response};
use http_body::Body;
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

/// Brings the status of a failed gRPC call into the head of its answer.
///
/// A server that fails before its first message may still send a head at once and the status in
/// trailers. Those who judge by the head then take a failure for a success. So this layer holds
/// an answer back until its first frame: if that is the trailers, they are moved into the head.
/// The result is what gRPC calls *Trailers-Only*, as good an answer as before. An answer that
/// ends with no status at all gets the status UNKNOWN, which is what the protocol takes it for,
/// and one whose body breaks first becomes an error, if need be of `S::Error`.
///
/// By default that is all, and every kind of call may pass: an answer with a message goes on at
/// the message, as does one that did not come from a gRPC server. A server that sends its head
/// early and its first message late is heard of late, though. For calls that are known to be
/// unary, [`unary`](Self::unary) also waits for what follows the message.
#[derive(Clone, Copy, Debug, Default)]
pub struct TrailersLayer {
    unary: Option<usize>,
}

impl TrailersLayer {
    /// Waits for the first frame of an answer.
    #[must_use]
    pub const fn new() -> Self {
        Self { unary: None }
    }

    /// Waits for the whole of an answer, as long as its message has no more than `limit` bytes,
    /// so that a failure after the message is brought into the head as well. Its message is
    /// dropped then: a unary call that failed has none. A longer answer goes on as it is when
    /// the limit is passed, as does one in very many frames (16, and one more for each 64 bytes
    /// of the limit), which would take far more memory than its bytes.
    ///
    /// Only for unary and client-streaming calls, whose answer is one message. gRPC's usual
    /// limit on a message is 4 MiB.
    #[must_use]
    pub const fn unary(mut self, limit: usize) -> Self {
        self.unary = Some(limit);
        self
    }
}

impl<S> Layer<S> for TrailersLayer {
    type Service = Trailers<S>;

    fn layer(&self, inner: S) -> Trailers<S> {
        Trailers {
            inner,
            unary: self.unary,
        }
    }
}

/// Brings the status of a failed gRPC call into the head of its answer. Made by
/// [`TrailersLayer`].
///
/// # Cancellation
/// Dropping the future drops the call, or the answer as far as it was read.
#[derive(Clone, Debug)]
pub struct Trailers<S> {
    inner: S,
    unary: Option<usize>,
}

impl<S> Trailers<S> {
    /// The inner service.
    #[must_use]
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to change it.
    #[must_use]
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service, without this one.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, Req, B> Service<Request<Req>> for Trailers<S>
where
    S: Service<Request<Req>, Response = Response<B>>,
    B: Body + Unpin,
    B::Error: Into<S::Error>,
{
    type Response = Response<super::PeekedBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Req>) -> Self::Future {
        ResponseFuture::new(self.inner.call(request), self.unary)
    }
}
