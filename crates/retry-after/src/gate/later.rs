use super::{
    GateWitness,
    entry::{Anchor, Entered, Turn, Turned},
};
use buttress_core::{Cause, Context, Event, Rejected};
use pin_project_lite::pin_project;
use std::{
    pin::Pin,
    task::{self, Poll, ready},
};
use tokio::time::{Instant, Sleep, sleep_until};
use tower_service::Service;

/// A call that was made, and what hears of its end.
type Called<F> = (F, GateWitness);

pin_project! {
    /// A call that stands in line, from when it is polled for the first time: a place of one that
    /// is never polled would be in everybody's way. Kept in a box, since no healthy call needs it.
    pub(crate) struct Later<S, Req, C> {
        #[pin]
        sleep: Option<Sleep>,
        // There until it has joined the line.
        arriving: Option<Anchor>,
        // Given back when the turn has come.
        turn: Option<Turn>,
        since: Instant,
        context: C,
        // There when the turn has come.
        witness: Option<GateWitness>,
        service: S,
        request: Option<Req>,
    }
}

impl<S, Req, C> Later<S, Req, C> {
    pub(crate) const fn new(
        anchor: Anchor,
        since: Instant,
        context: C,
        service: S,
        request: Req,
    ) -> Self {
        Self {
            sleep: None,
            arriving: Some(anchor),
            turn: None,
            since,
            context,
            witness: None,
            service,
            request: Some(request),
        }
    }
}

impl<S, Req, C> Later<S, Req, C>
where
    S: Service<Req>,
    S::Error: From<Rejected>,
    C: Context,
{
    /// Makes the call when its turn has come.
    pub(crate) fn poll_call(
        self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result<Called<S::Future>, S::Error>> {
        let mut this = self.project();
        if let Some(anchor) = this.arriving.take() {
            let now = Instant::now();
            *this.since = now;
            match anchor.enter(this.context, now) {
                Entered::Go(witness) => *this.witness = Some(witness),
                Entered::Wait(turn, wait) => {
                    this.context.record(Event::Queued { wait });
                    *this.turn = Some(turn);
                }
                Entered::Rejected(rejected) => {
                    this.context.record(Event::Rejected(rejected.cause));
                    return Poll::Ready(Err(rejected.into()));
                }
            }
        }
        while let Some(turn) = this.turn.as_ref() {
            let now = Instant::now();
            match turn.poll(cx.waker(), now) {
                Turned::Go(witness) => {
                    *this.witness = Some(witness);
                    *this.turn = None;
                    this.sleep.set(None);
                    this.context.waited(now - *this.since);
                }
                Turned::Rejected(rejected) => {
                    *this.turn = None;
                    this.context.waited(now - *this.since);
                    this.context.record(Event::Rejected(rejected.cause));
                    return Poll::Ready(Err(rejected.into()));
                }
                Turned::Until(at) => {
                    match this.sleep.as_mut().as_pin_mut() {
                        Some(sleep) if sleep.deadline() == at => {}
                        Some(sleep) => sleep.reset(at),
                        None => this.sleep.set(Some(sleep_until(at))),
                    }
                    let sleep = this.sleep.as_mut().as_pin_mut();
                    let sleep = sleep.expect("the timer was set just now");
                    ready!(sleep.poll(cx));
                }
            }
        }
        ready!(this.service.poll_ready(cx))?;
        // It may have taken as long as there was.
        let deadline = this.context.deadline();
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            // The turn passes on to the next one.
            *this.witness = None;
            this.context.record(Event::Rejected(Cause::DeadlinePast));
            return Poll::Ready(Err(Rejected::new(Cause::DeadlinePast).into()));
        }
        let request = this.request.take().expect("polled after the call was made");
        let witness = this.witness.take().expect("the turn has come");
        Poll::Ready(Ok((this.service.call(request), witness)))
    }
}
