use crate::{Breakers, Handle, Handles, KeyedBreakers, OneBreaker, ResponseFuture, Ticket};
use buttress_core::{AtOnce, ByError, Cause, Context as _, Event, Judge, Observe, Rejected};
use std::{
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::Instant;
use tower_service::Service;

/// Stops calling a service that keeps failing. Made by a
/// [`CircuitBreakerLayer`](crate::CircuitBreakerLayer).
///
/// # Readiness
///
/// The breaker is asked first. While it keeps calls out, this service is ready without its inner
/// service having been asked, and `call` rejects; the rejection's wait is then the one known
/// when readiness was polled. When the inner service has been made ready and the breaker opens
/// before `call`, `call` rejects; when the breaker opened first and has closed since, it rejects
/// as well, because a service that has not been made ready must not be called. A caller that is
/// waiting for the inner service already is not woken when the breaker opens.
///
/// A call that is rejected lets go of what was readied for it, a permit say: the inner service is
/// replaced by a clone, which is made ready anew. So is one whose readiness was being waited for,
/// when readiness is polled again and the breaker has opened. Otherwise a service that is kept and
/// not used could stay in the way of every probe.
///
/// An error of the inner service's readiness is an outcome like that of a call.
///
/// Probes take their place in `call`, not before: a service that stands ready and is not used
/// keeps nobody out.
///
/// # Cancellation
///
/// A response future that is dropped gives a probe's place back and counts neither way, unless
/// it had run for the [slow-call](crate::Settings::slow_calls) duration: then it counts as a slow
/// call.
#[derive(Debug)]
pub struct CircuitBreaker<S, J = AtOnce<ByError>, O = (), B = OneBreaker> {
    inner: S,
    judge: J,
    observe: O,
    breakers: B,
    readiness: Readiness,
    /// The inner service was asked whether it is ready, and not called since.
    asked: bool,
}

#[derive(Clone, Copy, Debug)]
enum Readiness {
    /// The inner service is not known to be ready.
    Unready,
    /// The inner service is ready.
    Ready,
    /// The breaker keeps calls out, for this long if that is known.
    Refuses(Option<Duration>),
}

impl<S, J, O, B> CircuitBreaker<S, J, O, B> {
    pub(crate) const fn new(inner: S, judge: J, observe: O, breakers: B) -> Self {
        Self {
            inner,
            judge,
            observe,
            breakers,
            readiness: Readiness::Unready,
            asked: false,
        }
    }

    /// The inner service.
    #[must_use]
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to change it.
    #[must_use]
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service, without the breaker.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone, J, O, B> CircuitBreaker<S, J, O, B> {
    /// Lets go of what the inner service holds for a call that it will not get: a permit, or a
    /// place in a line.
    #[inline]
    fn unready(&mut self) {
        if self.asked {
            self.replace();
        }
    }

    #[cold]
    fn replace(&mut self) {
        self.asked = false;
        self.inner = self.inner.clone();
    }
}

impl<S, J, O, B> CircuitBreaker<S, J, O, B> {
    /// Apart from the path of a healthy call, which stays short for it.
    #[inline(never)]
    fn record_rejection<Req>(&self, request: &Req)
    where
        O: Observe<Req>,
    {
        let context = self.observe.context(request);
        context.record(Event::Rejected(Cause::CircuitOpen));
    }
}

impl<S, J, O> CircuitBreaker<S, J, O, OneBreaker> {
    /// Reads and overrides the breaker.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.breakers.handle()
    }
}

impl<S, J, O, K, F> CircuitBreaker<S, J, O, KeyedBreakers<K, F>> {
    /// Reads and overrides the breakers.
    #[must_use]
    pub fn handles(&self) -> Handles<K> {
        self.breakers.handles()
    }
}

impl<S, J, O, B, Req> Service<Req> for CircuitBreaker<S, J, O, B>
where
    S: Service<Req> + Clone,
    S::Error: From<Rejected>,
    J: Judge<S::Response, S::Error> + Clone,
    O: Observe<Req>,
    B: Breakers<Req>,
{
    type Response = J::Response<Ticket>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, J>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.readiness = Readiness::Unready;
        let breaker = self.breakers.only();
        if let Some(breaker) = breaker
            && let Err(wait) = breaker.peek(Instant::now)
        {
            self.readiness = Readiness::Refuses(wait);
            self.unready();
            return Poll::Ready(Ok(()));
        }
        self.asked = true;
        let Err(error) = ready!(self.inner.poll_ready(cx)) else {
            self.readiness = Readiness::Ready;
            return Poll::Ready(Ok(()));
        };
        let Some(breaker) = breaker else {
            return Poll::Ready(Err(error));
        };
        let Ok(pass) = breaker.admit(Instant::now) else {
            return Poll::Ready(Err(error));
        };
        match self.judge.judge(Err(error), Ticket::new(breaker, pass)) {
            Err(error) => Poll::Ready(Err(error)),
            // A judge that makes an answer of an error has nobody to give it to here.
            Ok(_) => {
                self.readiness = Readiness::Refuses(None);
                Poll::Ready(Ok(()))
            }
        }
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        // Readiness counts once.
        let readiness = self.readiness;
        self.readiness = Readiness::Unready;
        let admitted = match readiness {
            Readiness::Ready => self.breakers.with(&request, |breaker| match breaker {
                Some(breaker) => {
                    let pass = breaker.admit(Instant::now);
                    pass.map(|pass| Ticket::new(breaker, pass))
                }
                None => Ok(Ticket::unguarded()),
            }),
            Readiness::Refuses(wait) => Err(wait),
            Readiness::Unready => Err(None),
        };
        match admitted {
            Ok(ticket) => {
                self.asked = false;
                let judge = self.judge.clone();
                ResponseFuture::called(self.inner.call(request), ticket, judge)
            }
            Err(wait) => {
                self.unready();
                self.record_rejection(&request);
                ResponseFuture::rejected(wait)
            }
        }
    }
}

/// The clone shares the breaker, and has to be made ready itself.
impl<S: Clone, J: Clone, O: Clone, B: Clone> Clone for CircuitBreaker<S, J, O, B> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            judge: self.judge.clone(),
            observe: self.observe.clone(),
            breakers: self.breakers.clone(),
            readiness: Readiness::Unready,
            asked: false,
        }
    }
}
