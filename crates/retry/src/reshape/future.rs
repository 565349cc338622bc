use super::{Reshape, Reshaped, service::Shared};
use buttress_core::{Class, Classify, Context as _, Event, GiveUp, Observe};
use pin_project_lite::pin_project;
use std::{
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::time::Instant;
use tower_service::Service;

pin_project! {
    /// A call with the shapes that its request takes. Made by [`Reshaper`](super::Reshaper).
    #[must_use = "futures do nothing unless polled"]
    pub struct ReshapeFuture<Req, S, H, C, O>
    where
        S: Service<Req>,
        O: Observe<Req>,
    {
        #[pin]
        state: State<S::Future, S, S::Error>,
        session: Session<Req, S, H, C, O>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, S, E> {
        // The request is out, in the shape that is kept.
        Called { #[pin] future: F },
        // It has got a new shape, whose service has to become ready: readiness counts for one
        // call. Boxed, since most calls never come here.
        Readying { later: Box<Later<S, E>> },
    }
}

/// What is between two attempts.
struct Later<S, E> {
    service: S,
    /// What the last attempt said, for when no time is left for another.
    error: Option<E>,
}

/// All of a call but its current attempt.
struct Session<Req, S, H, C, O>
where
    O: Observe<Req>,
{
    shared: Arc<Shared<S, H, C, O>>,
    context: O::Context,
    /// The request in the shape in which it went out last, while it may have to take another.
    kept: Option<Req>,
    reshaped: u32,
    /// A call was spent on an attempt that is not made yet.
    call_in_hand: bool,
}

impl<Req, S, H, C, O> ReshapeFuture<Req, S, H, C, O>
where
    S: Service<Req>,
    O: Observe<Req>,
{
    pub(super) const fn new(
        shared: Arc<Shared<S, H, C, O>>,
        context: O::Context,
        kept: Option<Req>,
        future: S::Future,
    ) -> Self {
        Self {
            state: State::Called { future },
            session: Session {
                shared,
                context,
                kept,
                reshaped: 0,
                call_in_hand: false,
            },
        }
    }
}

impl<Req, S, H, C, O> Future for ReshapeFuture<Req, S, H, C, O>
where
    Req: Clone,
    S: Service<Req> + Clone,
    H: Reshape<Req, S::Response, S::Error>,
    C: Classify<S::Response, S::Error>,
    O: Observe<Req>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let session = this.session;
        loop {
            match this.state.as_mut().project() {
                StateProj::Called { future } => {
                    let result = ready!(future.poll(cx));
                    // Called => Readying
                    if !session.reshape(result.as_ref()) {
                        return Poll::Ready(result);
                    }
                    // A failed response may hold a connection, and nobody will read it.
                    let error = result.err();
                    let service = session.shared.service();
                    let later = Box::new(Later { service, error });
                    this.state.set(State::Readying { later });
                }
                // Readying => Called
                StateProj::Readying { later } => {
                    let Later { service, error } = &mut **later;
                    ready!(service.poll_ready(cx))?;
                    // It may have taken as long as there was.
                    if session.is_late()
                        && let Some(error) = error.take()
                    {
                        session
                            .context
                            .record(Event::GaveUp(GiveUp::DeadlineTooNear));
                        return Poll::Ready(Err(error));
                    }
                    session.call_in_hand = false;
                    let request = session.kept.clone();
                    let request = request.expect("kept when it was given this shape");
                    let future = service.call(request);
                    this.state.set(State::Called { future });
                }
            }
        }
    }
}

impl<Req, S, H, C, O> Session<Req, S, H, C, O>
where
    O: Observe<Req>,
{
    /// Whether no time is left for another attempt.
    fn is_late(&self) -> bool {
        let deadline = self.context.deadline();
        deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Gives the request another shape, if it failed and there is one that can be afforded.
    fn reshape<T, E>(&mut self, outcome: Result<&T, &E>) -> bool
    where
        H: Reshape<Req, T, E>,
        C: Classify<T, E>,
    {
        let layer = &self.shared.layer;
        let Some(kept) = &self.kept else {
            return false;
        };
        let Err(failure) = layer.classify.classify(outcome) else {
            return false;
        };
        if failure.class == Class::Rejected || self.reshaped >= layer.max {
            return false;
        }
        let reshaped = layer.hook.reshape(kept, &failure, outcome);
        let Some(Reshaped { request, note }) = reshaped else {
            return false;
        };
        if self.is_late() {
            self.context.record(Event::GaveUp(GiveUp::DeadlineTooNear));
            return false;
        }
        if !self.context.spend_call() {
            self.context.record(Event::GaveUp(GiveUp::CallsSpent));
            return false;
        }
        self.context.record(Event::Note(note));
        self.kept = Some(request);
        self.reshaped += 1;
        self.call_in_hand = true;
        true
    }
}

impl<Req, S, H, C, O> Drop for Session<Req, S, H, C, O>
where
    O: Observe<Req>,
{
    fn drop(&mut self) {
        if mem::take(&mut self.call_in_hand) {
            self.context.refund_call();
        }
    }
}

impl<Req, S, H, C, O> fmt::Debug for ReshapeFuture<Req, S, H, C, O>
where
    S: Service<Req>,
    O: Observe<Req>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Called { .. } => "Called",
            State::Readying { .. } => "Readying",
        };
        f.debug_struct("ReshapeFuture")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
