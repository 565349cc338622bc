use crate::{AsFailure, Classify, Failure, Judge, Witness, grpc::GrpcStatus, http::HttpStatus};
use http::{HeaderMap, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Judges an HTTP call when its body has ended.
///
/// A failure that shows in the head is told at once. Otherwise the witness goes into the
/// response's body and hears of its end: an error on the way, the trailers, or a clean end.
///
/// # Cancellation
/// A body that is dropped before its end drops the witness untold. A body that is known to be
/// empty has ended with its head.
#[derive(Clone, Copy, Debug, Default)]
pub struct AtEnd<C>(C);

impl<C> AtEnd<C> {
    /// Judges at the end, by this classifier.
    #[must_use]
    pub const fn new(classify: C) -> Self {
        Self(classify)
    }
}

/// A classifier that also knows what the end of a body means.
pub trait ClassifyEnd<E> {
    /// The verdict on a body that ended with these trailers (if any), or with this error.
    ///
    /// # Errors
    /// The failure, when the end was one.
    fn classify_end(&self, end: Result<Option<&HeaderMap>, &E>) -> Result<(), Failure>;
}

/// Any end but an error is a good one.
impl<E> ClassifyEnd<E> for HttpStatus {
    fn classify_end(&self, end: Result<Option<&HeaderMap>, &E>) -> Result<(), Failure> {
        end.map(|_| ()).map_err(|_| Failure::SERVICE)
    }
}

/// The trailers say how the call went; an end without a status is a broken answer.
impl<E> ClassifyEnd<E> for GrpcStatus {
    fn classify_end(&self, end: Result<Option<&HeaderMap>, &E>) -> Result<(), Failure> {
        match end {
            Ok(Some(trailers)) => Self::trailers(trailers),
            Ok(None) | Err(_) => Err(Failure::SERVICE),
        }
    }
}

impl<B, E, C> Judge<Response<B>, E> for AtEnd<C>
where
    B: Body,
    E: AsFailure,
    C: Classify<Response<B>, E> + ClassifyEnd<B::Error> + Clone,
{
    type Response<W: Witness> = Response<Watched<B, C, W>>;

    fn judge<W: Witness>(
        &self,
        result: Result<Response<B>, E>,
        witness: W,
    ) -> Result<Self::Response<W>, E> {
        let outcome = self.0.classify(result.as_ref());
        let watch = match (&result, outcome) {
            // All that comes is the head, which says what trailers would.
            (Ok(response), Ok(())) if response.body().is_end_stream() => {
                witness.settled_at_once(self.0.classify_end(Ok(Some(response.headers()))));
                None
            }
            (Ok(_), Ok(())) => Some((self.0.clone(), witness)),
            (_, outcome) => {
                witness.settled_at_once(outcome);
                None
            }
        };
        let response = result?;
        Ok(response.map(|inner| Watched { inner, watch }))
    }
}

pin_project! {
    /// A body that tells a [`Witness`] how it ended.
    #[derive(Debug)]
    pub struct Watched<B, C, W> {
        #[pin]
        inner: B,
        watch: Option<(C, W)>,
    }
}

impl<B, C, W> Body for Watched<B, C, W>
where
    B: Body,
    C: ClassifyEnd<B::Error>,
    W: Witness,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        let end = match &frame {
            None => Some(Ok(None)),
            Some(Err(error)) => Some(Err(error)),
            Some(Ok(frame)) => match frame.trailers_ref() {
                Some(trailers) => Some(Ok(Some(trailers))),
                // A reader may stop here, without asking for the end a last time.
                None if this.inner.is_end_stream() => Some(Ok(None)),
                None => None,
            },
        };
        if let Some(end) = end
            && let Some((classify, witness)) = this.watch.take()
        {
            witness.settled(classify.classify_end(end));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http_body_util::{BodyExt, Full};
    use std::{
        convert::Infallible,
        io,
        sync::{Arc, Mutex},
    };

    type Heard = Arc<Mutex<Vec<Result<(), Failure>>>>;

    struct Ear(Heard);

    impl Witness for Ear {
        fn settled(self, outcome: Result<(), Failure>) {
            self.0.lock().unwrap().push(outcome);
        }
    }

    fn judge<B: Body>(status: u16, body: B) -> (Heard, Watched<B, HttpStatus, Ear>) {
        let heard = Heard::default();
        let response = Response::builder().status(status).body(body).unwrap();
        let result = Ok::<_, Infallible>(response);
        let watched = AtEnd::new(HttpStatus).judge(result, Ear(heard.clone()));
        (heard, watched.unwrap().into_body())
    }

    #[tokio::test]
    async fn a_body_settles_when_it_ends_and_not_before() {
        let (heard, body) = judge(200, Full::new(Bytes::from("hi")));
        assert!(heard.lock().unwrap().is_empty());
        body.collect().await.unwrap();
        assert_eq!(*heard.lock().unwrap(), [Ok(())]);
    }

    #[tokio::test]
    async fn a_failure_in_the_head_settles_at_once() {
        let (heard, body) = judge(503, Full::new(Bytes::from("busy")));
        assert_eq!(*heard.lock().unwrap(), [Err(Failure::SERVICE)]);
        body.collect().await.unwrap();
        assert_eq!(heard.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn an_empty_body_has_ended_with_its_head() {
        let (heard, _body) = judge(204, Full::new(Bytes::new()));
        assert_eq!(*heard.lock().unwrap(), [Ok(())]);
    }

    #[tokio::test]
    async fn a_body_that_breaks_is_a_failure_and_one_that_is_dropped_is_not() {
        struct Broken;
        impl Body for Broken {
            type Data = Bytes;
            type Error = io::Error;
            fn poll_frame(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
            ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
                Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())))
            }
        }
        let (heard, body) = judge(200, Broken);
        drop(body);
        assert!(heard.lock().unwrap().is_empty());
        let (heard, body) = judge(200, Broken);
        assert!(body.collect().await.is_err());
        assert_eq!(*heard.lock().unwrap(), [Err(Failure::SERVICE)]);
    }

    #[test]
    fn a_grpc_answer_that_is_only_a_head_has_its_status_there_or_is_broken() {
        let judge = |status: Option<&str>| {
            let heard = Heard::default();
            let mut response = Response::new(Full::new(Bytes::new()));
            let headers = response.headers_mut();
            headers.extend(status.map(|status| {
                let name = http::HeaderName::from_static("grpc-status");
                (name, status.parse().unwrap())
            }));
            let result = Ok::<_, Infallible>(response);
            let _ = AtEnd::new(GrpcStatus).judge(result, Ear(heard.clone()));
            heard.lock().unwrap().clone()
        };
        assert_eq!(judge(Some("0")), [Ok(())]);
        assert_eq!(judge(Some("14")), [Err(Failure::SERVICE)]);
        assert_eq!(judge(None), [Err(Failure::SERVICE)]);
    }

    #[tokio::test]
    async fn a_reader_that_stops_at_the_last_frame_has_heard_the_end() {
        let (heard, mut body) = judge(200, Full::new(Bytes::from("hi")));
        body.frame().await.unwrap().unwrap();
        assert!(body.is_end_stream());
        assert_eq!(*heard.lock().unwrap(), [Ok(())]);
    }
}
