use crate::{Model, model::Running};
use buttress_core::{Call, Carry, Judge};
use pin_project_lite::pin_project;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower_service::Service;

/// The service that [`MetricsLayer`](crate::MetricsLayer) makes. It is ready when the inner one is.
#[derive(Clone, Debug)]
pub struct Metered<S, J> {
    inner: S,
    model: Option<Model>,
    judge: J,
}

impl<S, J> Metered<S, J> {
    pub(crate) const fn new(inner: S, model: Option<Model>, judge: J) -> Self {
        Self {
            inner,
            model,
            judge,
        }
    }

    /// The inner service.
    #[must_use]
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S, J, Req> Service<Req> for Metered<S, J>
where
    S: Service<Req>,
    Req: Carry,
    J: Judge<S::Response, S::Error> + Clone,
{
    type Response = J::Response<Option<Running>>;
    type Error = S::Error;
    type Future = MeteredFuture<S::Future, J>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Req) -> Self::Future {
        let begin = |model: &Model| model.begin(request.call_or(Call::new));
        let running = self.model.as_ref().map(begin);
        MeteredFuture {
            inner: self.inner.call(request),
            judge: self.judge.clone(),
            running,
        }
    }
}

pin_project! {
    /// The future of a [`Metered`] service.
    ///
    /// # Cancellation
    /// One that is dropped before it resolves counts as abandoned.
    #[must_use = "futures do nothing unless polled"]
    pub struct MeteredFuture<F, J> {
        #[pin]
        inner: F,
        judge: J,
        // Nothing when it has resolved, or is not counted.
        running: Option<Running>,
    }
}

impl<F, J, T, E> Future for MeteredFuture<F, J>
where
    F: Future<Output = Result<T, E>>,
    J: Judge<T, E>,
{
    type Output = Result<J::Response<Option<Running>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let before = this.running.as_ref().and_then(Running::answered);
        let result = ready!(this.inner.poll(cx));
        if let Some(running) = this.running {
            running.resolved(before);
        }
        let running = this.running.take();
        Poll::Ready(this.judge.judge(result, running))
    }
}

impl<F, J> fmt::Debug for MeteredFuture<F, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeteredFuture").finish_non_exhaustive()
    }
}
