use crate::{Ticket, breaker::Refused};
use buttress_core::{Cause, Judge, Rejected};
use pin_project_lite::pin_project;
use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

pin_project! {
    /// The response of a [`CircuitBreaker`](crate::CircuitBreaker).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, J> {
        #[pin]
        state: State<F, J>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, J> {
        Called {
            #[pin]
            inner: F,
            ticket: Ticket,
            judge: J,
        },
        Rejected {
            wait: Refused,
        },
    }
}

impl<F, J> ResponseFuture<F, J> {
    #[inline]
    pub(crate) const fn called(inner: F, ticket: Ticket, judge: J) -> Self {
        Self {
            state: State::Called {
                inner,
                ticket,
                judge,
            },
        }
    }

    #[inline]
    pub(crate) const fn rejected(wait: Refused) -> Self {
        Self {
            state: State::Rejected { wait },
        }
    }
}

impl<F, J, T, E> Future for ResponseFuture<F, J>
where
    F: Future<Output = Result<T, E>>,
    J: Judge<T, E>,
    E: From<Rejected>,
{
    type Output = Result<J::Response<Ticket>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Called {
                inner,
                ticket,
                judge,
            } => {
                let result = ready!(inner.poll(cx));
                let mut ticket = mem::replace(ticket, Ticket::unguarded());
                ticket.answered();
                Poll::Ready(judge.judge(result, ticket))
            }
            // Made here, where it is handed on: a wide value that is moved is slow to reject with.
            StateProj::Rejected { wait } => {
                let rejected = Rejected::new(Cause::CircuitOpen);
                let rejected = wait.map_or(rejected, |wait| rejected.retry_after(wait));
                Poll::Ready(Err(rejected.into()))
            }
        }
    }
}

impl<F, J> fmt::Debug for ResponseFuture<F, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("rejected", &matches!(self.state, State::Rejected { .. }))
            .finish_non_exhaustive()
    }
}
