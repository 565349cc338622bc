use super::{Replay, ReplayBody, body::Source};
use http::{Request, request::Parts};
use http_body::Body;
use std::{error, fmt};

/// Keeps HTTP requests whose body can be read only once, as a server receives them: the head is
/// cloned, the body remembered as it is sent (see [`ReplayBody`]).
///
/// A body longer than the limit (default: 64 KiB) is sent once and not retried: at once when its length
/// is known, otherwise from where the limit is passed. The service behind is called with
/// `http::Request<ReplayBody<B>>`; one that takes only its own body type gets it with
/// `map_request`:
///
/// ```
/// use buttress_core::http::HttpStatus;
/// use buttress_retry::{Buffered, ReplayBody, RetryLayer};
/// use http::{Request, Response};
/// use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
/// use bytes::Bytes;
/// use std::io;
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// type Error = Box<dyn std::error::Error + Send + Sync>;
/// type Boxed = UnsyncBoxBody<Bytes, Error>;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let service = ServiceBuilder::new()
///     .layer(RetryLayer::http().replay(Buffered::new()))
///     .map_request(|request: Request<ReplayBody<Full<Bytes>>>| request.map(Boxed::new))
///     .service(service_fn(async |request: Request<Boxed>| {
///         let body = request.into_body().collect().await?;
///         Ok::<_, Error>(Response::new(body.to_bytes()))
///     }));
/// let response = service.oneshot(Request::new(Full::from("hello"))).await?;
/// assert_eq!(response.into_body(), "hello");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Buffered {
    limit: usize,
}

impl Buffered {
    /// The default for the most bytes of a body that are kept.
    pub const DEFAULT_LIMIT: usize = 64 * 1024;

    /// Keeps up to [`DEFAULT_LIMIT`](Self::DEFAULT_LIMIT) bytes of each body.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            limit: Self::DEFAULT_LIMIT,
        }
    }

    /// Sets the most bytes of a body that are kept.
    #[must_use]
    pub const fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }
}

impl Default for Buffered {
    fn default() -> Self {
        Self::new()
    }
}

/// What [`Buffered`] keeps.
pub struct KeptRequest<B> {
    head: Parts,
    body: Source<B>,
}

impl<B> Replay<Request<B>> for Buffered
where
    B: Body + Unpin,
    B::Error: Into<Box<dyn error::Error + Send + Sync>>,
{
    type Request = Request<ReplayBody<B>>;
    type Kept = KeptRequest<B>;

    fn keep(&self, request: Request<B>) -> (Self::Request, Option<KeptRequest<B>>) {
        let (head, body) = request.into_parts();
        let (body, kept) = ReplayBody::new(body, self.limit);
        let kept = kept.map(|body| KeptRequest {
            head: head.clone(),
            body,
        });
        (Request::from_parts(head, body), kept)
    }

    fn replayable(&self, kept: &KeptRequest<B>) -> bool {
        kept.body.replayable()
    }

    fn again(&self, kept: &mut KeptRequest<B>, _: u32) -> Option<Self::Request> {
        let body = kept.body.again()?;
        Some(Request::from_parts(kept.head.clone(), body))
    }
}

impl<B> fmt::Debug for KeptRequest<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptRequest").finish_non_exhaustive()
    }
}
