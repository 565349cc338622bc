use crate::{Scope, Stopwatch};
use buttress_core::Elapsed;
use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    task::{Context, Poll},
};

pin_project! {
    /// The future of a [`Timeout`](crate::Timeout).
    ///
    /// # Cancellation
    /// Dropped, it drops the call under way and stops the timer.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, X> {
        #[pin]
        inner: F,
        // Goes on into the answer.
        watch: Option<(Stopwatch, X)>,
    }
}

impl<F, X> ResponseFuture<F, X> {
    pub(crate) const fn new(inner: F, watch: Stopwatch, scope: X) -> Self {
        let watch = Some((watch, scope));
        Self { inner, watch }
    }
}

impl<F, X, T, E> Future for ResponseFuture<F, X>
where
    F: Future<Output = Result<T, E>>,
    E: From<Elapsed>,
    X: Scope<T>,
{
    type Output = Result<X::Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(result) = this.inner.poll(cx) {
            let (mut watch, scope) = this.watch.take().expect("polled after completion");
            return Poll::Ready(result.map(|answer| {
                watch.headers();
                scope.extend(answer, watch)
            }));
        }
        match this.watch {
            Some((watch, _)) => watch.poll_elapsed(cx).map(|elapsed| Err(elapsed.into())),
            None => Poll::Pending,
        }
    }
}
