use super::service::Shared;
use buttress_core::{AsFailure, Call, Carry, Class, Context as _, Event, GiveUp};
use buttress_llm::{
    AnswerBody, Continuation, EventStream, Fallback, LlmError, LlmRequest, LlmResponse,
    StreamEvent, Told,
};
use futures_core::Stream;
use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Interval, interval_at, timeout_at};
use tower::{Service, ServiceExt};

/// A stream, and after it what carries it on.
pub(super) struct CarriedOn<S> {
    shared: Arc<Shared<S>>,
    request: LlmRequest,
    told: Told,
    times: u32,
    state: State,
}

/// How often a caller hears that its connection is alive while the rest is asked for: whoever
/// stands in between mostly closes one that is silent for a minute.
const PULSE: Duration = Duration::from_secs(15);

type Rest = Pin<Box<dyn Future<Output = Option<LlmResponse>> + Send>>;

enum State {
    /// Of the answer itself, or of what carries it on.
    Giving {
        events: EventStream,
        continuation: Option<Continuation>,
    },
    /// This broke it, and the rest is asked for.
    Asking {
        broke: LlmError,
        continuation: Continuation,
        rest: Rest,
        pulse: Interval,
    },
    Over,
}

impl<S> CarriedOn<S>
where
    S: Service<LlmRequest, Response = LlmResponse, Error = LlmError> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    pub(super) fn new(shared: Arc<Shared<S>>, request: LlmRequest, events: EventStream) -> Self {
        let told = Told::new(request.dialect()).keep(shared.layer.keep);
        Self {
            shared,
            request,
            told,
            times: 0,
            state: State::Giving {
                events,
                continuation: None,
            },
        }
    }

    /// Asks for the rest of a stream that this broke, if that can be had.
    fn carry_on(&mut self, broke: LlmError) -> Result<State, LlmError> {
        const NOTE: &str = "carrying on a stream that broke";
        let verdict = broke.verdict();
        if verdict.fallback != Fallback::Yes || verdict.never {
            return Err(broke);
        }
        let call = self.request.call().cloned();
        match self.afford(&call) {
            Ok((request, continuation)) => {
                call.record(Event::Note(NOTE));
                self.times += 1;
                let rest = Box::pin(ask(self.shared.service(), request));
                Ok(State::Asking {
                    broke,
                    continuation,
                    rest,
                    pulse: interval_at(Instant::now() + PULSE, PULSE),
                })
            }
            Err(why) => {
                call.record(why);
                Err(broke)
            }
        }
    }

    /// What to send, if it may be sent.
    fn afford(&self, call: &Option<Call>) -> Result<(LlmRequest, Continuation), Event> {
        if self.times >= self.shared.layer.max {
            return Err(Event::Note("a stream is not carried on any more"));
        }
        let rest = self.told.carry_on(&self.request).map_err(Event::Note)?;
        if call.deadline().is_some_and(|at| at <= Instant::now()) {
            return Err(Event::GaveUp(GiveUp::DeadlineTooNear));
        }
        if !call.spend_call() {
            return Err(Event::GaveUp(GiveUp::CallsSpent));
        }
        Ok(rest)
    }
}

/// The answer to this, unless it fails or the call's time is over. What was spent on a call that
/// was refused within is given back.
async fn ask<S>(service: S, request: LlmRequest) -> Option<LlmResponse>
where
    S: Service<LlmRequest, Response = LlmResponse, Error = LlmError>,
{
    let call = request.call().cloned();
    let answer = service.oneshot(request);
    let answer = match call.deadline() {
        Some(deadline) => timeout_at(deadline, answer).await.ok()?,
        None => answer.await,
    };
    answer
        .inspect_err(|error| {
            if error.as_failure().class == Class::Rejected {
                call.refund_call();
            }
        })
        .ok()
}

/// What a stream says next.
enum Next {
    Event(StreamEvent),
    /// It broke.
    Broke(LlmError),
    /// The rest of it can't be told.
    Untold(LlmError),
    End,
}

/// What the caller gets to hear next of this stream.
fn poll_event(
    events: &mut EventStream,
    continuation: &mut Option<Continuation>,
    cx: &mut Context<'_>,
) -> Poll<Next> {
    loop {
        let event = match ready!(Pin::new(&mut *events).poll_next(cx)) {
            Some(Ok(event)) => event,
            Some(Err(broke)) => return Poll::Ready(Next::Broke(broke)),
            None => {
                let end = continuation.take().and_then(|mut rest| rest.end());
                return Poll::Ready(end.map_or(Next::End, Next::Event));
            }
        };
        let Some(rest) = continuation else {
            return Poll::Ready(Next::Event(event));
        };
        let event = rest.event(event);
        if let Some(broken) = rest.broken() {
            return Poll::Ready(Next::Untold(broken.into()));
        }
        // Nothing is what the caller knows already.
        if let Some(event) = event {
            return Poll::Ready(Next::Event(event));
        }
    }
}

impl<S> Stream for CarriedOn<S>
where
    S: Service<LlmRequest, Response = LlmResponse, Error = LlmError> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Item = Result<StreamEvent, LlmError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            let error = match &mut this.state {
                State::Giving {
                    events,
                    continuation,
                } => match ready!(poll_event(events, continuation, cx)) {
                    Next::Event(event) => {
                        this.told.add(&event);
                        return Poll::Ready(Some(Ok(event)));
                    }
                    // Giving => Asking, or the end
                    Next::Broke(broke) => match this.carry_on(broke) {
                        Ok(asking) => {
                            this.state = asking;
                            continue;
                        }
                        Err(broke) => Some(broke),
                    },
                    Next::Untold(error) => Some(error),
                    Next::End => None,
                },
                // Asking => Giving, or the end
                State::Asking {
                    rest,
                    continuation,
                    pulse,
                    ..
                } => {
                    let Poll::Ready(rest) = rest.as_mut().poll(cx) else {
                        ready!(pulse.poll_tick(cx));
                        if let Some(event) = continuation.keep_alive() {
                            return Poll::Ready(Some(Ok(event)));
                        }
                        continue;
                    };
                    let rest = rest.map(|rest| rest.body);
                    match (mem::replace(&mut this.state, State::Over), rest) {
                        (State::Asking { continuation, .. }, Some(AnswerBody::Stream(events))) => {
                            let continuation = Some(continuation);
                            this.state = State::Giving {
                                events,
                                continuation,
                            };
                            continue;
                        }
                        (State::Asking { broke, .. }, _) => Some(broke),
                        _ => None,
                    }
                }
                State::Over => None,
            };
            this.state = State::Over;
            return Poll::Ready(error.map(Err));
        }
    }
}
