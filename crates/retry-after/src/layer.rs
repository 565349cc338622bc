use crate::RateLimit;
use buttress_core::RetryAfter;
use http::{Request, Response};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::SystemTime,
};
use tower_layer::Layer;
use tower_service::Service;

/// Reads what each HTTP answer says about limits and about coming back, and puts it into the
/// answer's extensions.
///
/// A [`RateLimit`] for whoever wants to know, where the answer says anything; and, where it asks
/// for a wait or forbids a retry, the [`RetryAfter`](buttress_core::RetryAfter) that the
/// classifiers of `buttress-core` look for. So this layer belongs inside of everything that
/// classifies: retry, gate and breaker.
///
/// It adds no failure and never waits. Trailers are not read: a gRPC status in trailers is the
/// classifier's business.
///
/// ```
/// use buttress_retry_after::{RateLimit, RetryAfterLayer};
/// use http::{Request, Response};
/// use std::{convert::Infallible, time::Duration};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let client = ServiceBuilder::new()
///     .layer(RetryAfterLayer::new())
///     .service(service_fn(async |_: Request<()>| {
///         let answer = Response::builder().status(429).header("retry-after-ms", "734");
///         Ok::<_, Infallible>(answer.body(()).unwrap())
///     }));
/// let answer = client.oneshot(Request::new(())).await.unwrap();
/// let limit = answer.extensions().get::<RateLimit>().unwrap();
/// assert_eq!(limit.wait(), Some(Duration::from_millis(734)));
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct RetryAfterLayer;

impl RetryAfterLayer {
    /// The layer.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl<S> Layer<S> for RetryAfterLayer {
    type Service = RetryAfterService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RetryAfterService { inner }
    }
}

/// Reads what each answer says about limits, see [`RetryAfterLayer`].
#[derive(Clone, Copy, Debug)]
pub struct RetryAfterService<S> {
    inner: S,
}

impl<S> RetryAfterService<S> {
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

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for RetryAfterService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        ResponseFuture::new(self.inner.call(request))
    }
}

pin_project! {
    /// The future of a [`RetryAfterService`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) const fn new(inner: F) -> Self {
        Self { inner }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = ready!(self.project().inner.poll(cx))?;
        let limit = RateLimit::read_at(response.status(), response.headers(), SystemTime::now);
        let retry_after = limit.retry_after();
        if retry_after != RetryAfter::Unspecified {
            response.extensions_mut().insert(retry_after);
        }
        if !limit.is_empty() {
            response.extensions_mut().insert(limit);
        }
        Poll::Ready(Ok(response))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use buttress_core::{Blame, Class, Classify, Failure, http::HttpStatus};
    use std::{convert::Infallible, time::Duration};
    use tower::{ServiceExt, service_fn};

    async fn answer(status: u16, headers: &[(&'static str, &str)]) -> Response<()> {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let response = response.body(()).unwrap();
        let inner = service_fn(async |_: Request<()>| Ok::<_, Infallible>(response.clone()));
        let service = RetryAfterLayer::new().layer(inner);
        service.oneshot(Request::new(())).await.unwrap()
    }

    fn verdict(response: &Response<()>) -> Failure {
        HttpStatus::new()
            .classify(Ok::<_, &Infallible>(response))
            .unwrap_err()
    }

    #[tokio::test]
    async fn the_classifier_hears_of_the_wait() {
        let headers = [("retry-after-ms", "734"), ("retry-after", "1")];
        let failure = verdict(&answer(429, &headers).await);
        assert_eq!(
            (failure.class, failure.blame),
            (Class::Transient, Blame::Limit)
        );
        assert_eq!(failure.wait(), Some(Duration::from_millis(734)));
    }

    #[tokio::test]
    async fn a_veto_keeps_its_wait() {
        let headers = [("x-should-retry", "false"), ("retry-after", "3")];
        let failure = verdict(&answer(429, &headers).await);
        assert_eq!(failure.class, Class::Persistent);
        assert_eq!(failure.wait(), Some(Duration::from_secs(3)));
        let failure = verdict(&answer(500, &headers[..1]).await);
        assert_eq!(failure.retry_after, RetryAfter::Never);
    }

    #[tokio::test]
    async fn an_answer_that_says_nothing_gets_nothing() {
        let extensions = answer(200, &[("content-length", "0")]).await;
        assert!(extensions.extensions().is_empty());
        let limits = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "7")];
        let paced = answer(200, &limits).await;
        let limit = paced.extensions().get::<RateLimit>().unwrap();
        assert_eq!(
            (limit.wait(), limit.reset()),
            (None, Some(Duration::from_secs(7)))
        );
        assert!(paced.extensions().get::<RetryAfter>().is_none());
    }
}
