//! What happens to a call whose answer is checked.

use crate::{Found, Policy, service::Shared};
use buttress_core::{AsFailure, Class, Context, Event, GiveUp, Uncorrected};
use std::{
    future::{Future, poll_fn},
    mem,
    sync::Arc,
};
use tokio::time::Instant;
use tower_service::Service;

/// A correction is asked for.
const ASKED: &str = "asking for a correction of the answer";
/// The last resort is asked.
const STRONGER: &str = "asking a stronger route, since the corrections were wrong";
/// An answer was not as it should be.
const WRONG: &str = "the answer is wrong";

/// A call, its answers so far and what it may still do.
pub(crate) struct Course<S, P, O, C: Context, Case, W> {
    shared: Arc<Shared<S, P, O>>,
    pocket: Pocket<C>,
    case: Case,
    wrong: Vec<W>,
}

/// What a call spends from.
struct Pocket<C: Context> {
    context: C,
    /// A call was spent on an attempt that is not made yet.
    in_hand: bool,
}

/// What comes after a wrong answer.
enum Next<Req, F> {
    Correction(Req),
    LastResort(F),
}

impl<S, P, O, C: Context, Case, W> Course<S, P, O, C, Case, W> {
    pub(crate) const fn new(shared: Arc<Shared<S, P, O>>, context: C, case: Case) -> Self {
        Self {
            shared,
            pocket: Pocket {
                context,
                in_hand: false,
            },
            case,
            wrong: Vec::new(),
        }
    }

    /// Makes the call, and whatever corrections it takes.
    pub(crate) async fn run<Req>(
        mut self,
        first: impl Future<Output = Result<S::Response, S::Error>>,
    ) -> Result<S::Response, S::Error>
    where
        S: Service<Req> + Clone,
        S::Error: AsFailure + From<Uncorrected<W>>,
        P: Policy<Req, S::Response, S::Error, Case = Case, Wrong = W>,
    {
        let mut response = first.await?;
        let mut corrections = 0;
        let mut is_last = false;
        loop {
            match self.check(response).await? {
                Some(right) => return Ok(right),
                None if is_last => return Err(self.give_up()),
                None => {}
            }
            let outcome = match self.next(corrections) {
                Some(Next::Correction(request)) => {
                    corrections += 1;
                    self.ask(request).await
                }
                Some(Next::LastResort(answer)) => {
                    is_last = true;
                    self.pocket.in_hand = false;
                    answer.await
                }
                None => return Err(self.give_up()),
            };
            response = match outcome {
                Ok(response) => response,
                Err(error) => return Err(self.failed(error)),
            };
        }
    }

    /// The answer, if it is right or could be made so.
    async fn check<Req, T, E>(&mut self, response: T) -> Result<Option<T>, E>
    where
        P: Policy<Req, T, E, Case = Case, Wrong = W>,
    {
        let policy = &self.shared.layer.policy;
        let wrong = match policy.check(&mut self.case, response).await? {
            Found::Right(response) => return Ok(Some(response)),
            Found::Noted { response, notes } => {
                for note in notes {
                    self.pocket.context.record(Event::Corrected(note));
                }
                return Ok(Some(response));
            }
            Found::Wrong(wrong) => wrong,
        };
        self.pocket.context.record(Event::Corrected(WRONG));
        self.wrong.push(wrong);
        Ok(None)
    }

    /// What to do about the last wrong answer, paid for.
    fn next<Req, T, E>(&mut self, corrections: u32) -> Option<Next<Req, crate::LastResort<T, E>>>
    where
        P: Policy<Req, T, E, Case = Case, Wrong = W>,
    {
        let layer = &self.shared.layer;
        let wrong = self.wrong.last()?;
        let most = layer.policy.corrections(&self.case);
        let most = most.map_or(layer.max, |most| most.min(layer.max));
        if most == 0 {
            return None;
        }
        // Before the last resort is begun, since making its future may begin it.
        if let Err(why) = self.pocket.pay() {
            self.pocket.context.record(Event::GaveUp(why));
            return None;
        }
        let (next, note) = if corrections < most {
            match layer.policy.correction(&self.case, wrong) {
                Ok(request) => (Some(Next::Correction(request)), ASKED),
                Err(why) => (None, why),
            }
        } else {
            match layer.policy.last_resort(&self.case, wrong) {
                Some(answer) => (Some(Next::LastResort(answer)), STRONGER),
                None => (None, "the answer is not corrected any more"),
            }
        };
        self.pocket.context.record(Event::Corrected(note));
        if next.is_none() {
            self.pocket.refund();
        }
        next
    }

    /// Sends a correction when a service is ready for it.
    async fn ask<Req>(&mut self, request: Req) -> Result<S::Response, S::Error>
    where
        S: Service<Req> + Clone,
    {
        let mut service = self.shared.service();
        poll_fn(|cx| service.poll_ready(cx)).await?;
        self.pocket.in_hand = false;
        service.call(request).await
    }

    /// What the caller hears when a correction failed altogether.
    ///
    /// A failure that may pass is told as it is: the same call may do better later. One that is
    /// the fault of a request which the caller never wrote would only confuse it.
    fn failed<E>(&mut self, error: E) -> E
    where
        E: AsFailure + From<Uncorrected<W>>,
    {
        let failure = error.as_failure();
        self.pocket.context.record(Event::Failed(failure));
        if failure.class == Class::Rejected && !self.pocket.in_hand {
            // It was never made.
            self.pocket.context.refund_call();
        }
        match failure.class {
            Class::BadInput | Class::Partial => self.give_up(),
            _ => error,
        }
    }

    fn give_up<E: From<Uncorrected<W>>>(&mut self) -> E {
        Uncorrected::new(mem::take(&mut self.wrong)).into()
    }
}

impl<C: Context> Pocket<C> {
    fn pay(&mut self) -> Result<(), GiveUp> {
        let deadline = self.context.deadline();
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(GiveUp::DeadlineTooNear);
        }
        if !self.context.spend_call() {
            return Err(GiveUp::CallsSpent);
        }
        self.in_hand = true;
        Ok(())
    }

    fn refund(&mut self) {
        if mem::take(&mut self.in_hand) {
            self.context.refund_call();
        }
    }
}

/// Whoever drops a call before its correction is made may have other uses for what it would cost.
impl<C: Context> Drop for Pocket<C> {
    fn drop(&mut self) {
        self.refund();
    }
}
