use super::{GateWitness, PaceHint, later::Later};
use buttress_core::{Context, Judge, Rejected};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{self, Poll, ready},
};
use tower_service::Service;

pin_project! {
    /// The future of a [`Gate`](super::Gate).
    ///
    /// # Cancellation
    /// Dropped in line, it gives up its place; dropped when its turn has come, the turn passes
    /// on to the next one. Dropped while the call is out, the call counts neither way.
    #[must_use = "futures do nothing unless polled"]
    pub struct GateResponseFuture<S, Req, J, P, C>
    where
        S: Service<Req>,
    {
        #[pin]
        state: State<S::Future, Line<S, Req, C>>,
        judge: J,
        pace: P,
    }
}

type Line<S, Req, C> = Pin<Box<Later<S, Req, C>>>;

pin_project! {
    #[project = StateProj]
    enum State<F, L> {
        Calling {
            #[pin]
            call: F,
            witness: GateWitness,
        },
        Waiting {
            later: L,
        },
        Rejected {
            rejected: Rejected,
        },
    }
}

impl<S, Req, J, P, C> GateResponseFuture<S, Req, J, P, C>
where
    S: Service<Req>,
{
    pub(crate) const fn calling(call: S::Future, witness: GateWitness, judge: J, pace: P) -> Self {
        let state = State::Calling { call, witness };
        Self { state, judge, pace }
    }

    pub(crate) fn waiting(later: Later<S, Req, C>, judge: J, pace: P) -> Self {
        let later = Box::pin(later);
        let state = State::Waiting { later };
        Self { state, judge, pace }
    }

    pub(crate) const fn rejected(rejected: Rejected, judge: J, pace: P) -> Self {
        let state = State::Rejected { rejected };
        Self { state, judge, pace }
    }
}

impl<S, Req, J, P, C> Future for GateResponseFuture<S, Req, J, P, C>
where
    S: Service<Req>,
    S::Error: From<Rejected>,
    J: Judge<S::Response, S::Error>,
    P: PaceHint<S::Response, S::Error>,
    C: Context,
{
    type Output = Result<J::Response<GateWitness>, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            if let StateProj::Calling { call, witness } = this.state.as_mut().project() {
                let result = ready!(call.poll(cx));
                let witness = std::mem::replace(witness, GateWitness::idle());
                let pass = witness.pass();
                let hint = this.pace.hint(result.as_ref());
                if let Some(pass) = pass {
                    pass.learn(hint);
                }
                let answer = this.judge.judge(result, witness);
                if let Some(pass) = pass
                    && answer.is_ok()
                {
                    pass.answered(hint.hold);
                }
                return Poll::Ready(answer);
            }
            ready!(this.state.as_mut().wait(cx))?;
        }
    }
}

impl<F, S, Req, C> State<F, Line<S, Req, C>>
where
    S: Service<Req, Future = F>,
    S::Error: From<Rejected>,
    C: Context,
{
    /// Waits until the call can be made. Apart from the path of a healthy call, which stays
    /// short for it.
    #[cold]
    fn wait(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        match self.as_mut().project() {
            // Waiting => Calling
            StateProj::Waiting { later } => {
                let (call, witness) = ready!(later.as_mut().poll_call(cx))?;
                self.set(Self::Calling { call, witness });
                Poll::Ready(Ok(()))
            }
            StateProj::Rejected { rejected } => Poll::Ready(Err((*rejected).into())),
            StateProj::Calling { .. } => Poll::Ready(Ok(())),
        }
    }
}

impl<S, Req, J, P, C> fmt::Debug for GateResponseFuture<S, Req, J, P, C>
where
    S: Service<Req>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GateResponseFuture")
    }
}
