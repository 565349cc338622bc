use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

pin_project! {
    /// The future of a [`Correct`](crate::Correct).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, T, E> {
        #[pin]
        state: State<F, T, E>,
    }
}

pub(crate) type Checked<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

pin_project! {
    #[project = StateProj]
    enum State<F, T, E> {
        // There is nothing to be checked: the call of the inner service itself.
        Passed { #[pin] future: F },
        // The whole course of it, with the corrections. Boxed, since it loops with data.
        Checked { course: Checked<T, E> },
        // It could not be checked, and was not made.
        Refused { error: Option<E> },
    }
}

impl<F, T, E> ResponseFuture<F, T, E> {
    pub(crate) const fn passed(future: F) -> Self {
        Self {
            state: State::Passed { future },
        }
    }

    pub(crate) const fn checked(course: Checked<T, E>) -> Self {
        Self {
            state: State::Checked { course },
        }
    }

    pub(crate) const fn refused(error: E) -> Self {
        Self {
            state: State::Refused { error: Some(error) },
        }
    }
}

impl<F, T, E> Future for ResponseFuture<F, T, E>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Passed { future } => future.poll(cx),
            StateProj::Checked { course } => course.as_mut().poll(cx),
            StateProj::Refused { error } => {
                Poll::Ready(Err(error.take().expect("polled after it was ready")))
            }
        }
    }
}

impl<F, T, E> fmt::Debug for ResponseFuture<F, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Passed { .. } => "Passed",
            State::Checked { .. } => "Checked",
            State::Refused { .. } => "Refused",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .finish()
    }
}
