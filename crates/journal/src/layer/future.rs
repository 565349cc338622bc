use crate::records::BoxFuture;
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

pin_project! {
    /// The future of a [`Journal`](crate::Journal).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, Res, E> {
        #[pin]
        way: Way<F, Res, E>,
    }
}

pin_project! {
    #[project = WayProjected]
    enum Way<F, Res, E> {
        // It belongs to no session.
        Straight { #[pin] future: F },
        Journalled { future: BoxFuture<'static, Result<Res, E>> },
    }
}

impl<F, Res, E> ResponseFuture<F, Res, E> {
    pub(crate) const fn straight(future: F) -> Self {
        let way = Way::Straight { future };
        Self { way }
    }

    pub(crate) const fn journalled(future: BoxFuture<'static, Result<Res, E>>) -> Self {
        let way = Way::Journalled { future };
        Self { way }
    }
}

impl<F, Res, E> Future for ResponseFuture<F, Res, E>
where
    F: Future<Output = Result<Res, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match self.project().way.project() {
            WayProjected::Straight { future } => future.poll(cx),
            WayProjected::Journalled { future } => future.as_mut().poll(cx),
        }
    }
}

impl<F, Res, E> fmt::Debug for ResponseFuture<F, Res, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("journalled", &matches!(self.way, Way::Journalled { .. }))
            .finish_non_exhaustive()
    }
}
