use crate::{ByVerdict, Policy, ResponseFuture, Route, Routes, course::Course};
use buttress_core::Exhausted;
use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};
use tower_service::Service;

/// Tries routes in order until one gives an answer.
///
/// The primary is called on the instance that was made ready, and its readiness is the
/// fallback's. A primary that is not ready keeps callers waiting, as any service does; one whose
/// `poll_ready` fails is asked again inside the call on a fresh instance, as a backup is, so
/// that the routes behind it still get their turn.
///
/// A backup is cloned and made ready when a call really goes there, within the call's own future
/// and for no longer than the route's patience and the request's deadline allow.
///
/// Clones share everything but the readiness of their primary.
#[derive(Debug)]
pub struct Fallback<S, P = ByVerdict, D = ()> {
    primary: S,
    /// The last `poll_ready` failed, and this instance was never asked to be ready.
    broken: bool,
    shared: Arc<Shared<S, P, D>>,
}

/// What all clones and calls share.
#[derive(Debug)]
pub(crate) struct Shared<S, P, D> {
    pub(crate) policy: P,
    /// Locked for as long as it takes to clone one, when a call goes there.
    pub(crate) routes: Box<[Route<Mutex<S>, D>]>,
}

impl<S: Clone, P, D> Fallback<S, P, D> {
    /// Tries these routes, by this policy.
    #[must_use]
    pub fn new(routes: Routes<S, D>, policy: P) -> Self {
        let Routes { primary, backups } = routes;
        let first = primary.service.clone();
        let routes = std::iter::once(primary).chain(backups);
        let routes = routes.map(|route| route.map(Mutex::new)).collect();
        Self {
            primary: first,
            broken: false,
            shared: Arc::new(Shared { policy, routes }),
        }
    }
}

impl<S, P, D> Fallback<S, P, D> {
    /// The service of the primary: the instance that is called first.
    #[must_use]
    pub const fn get_ref(&self) -> &S {
        &self.primary
    }

    /// The service of the primary, without the other routes.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.primary
    }
}

impl<S: Clone, P, D> Shared<S, P, D> {
    /// A fresh instance of a route's service.
    pub(crate) fn template(&self, at: usize) -> S {
        let service = self.routes[at].service.lock();
        service.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<S, P, D, Req> Service<Req> for Fallback<S, P, D>
where
    S: Service<Req> + Clone,
    S::Error: From<Exhausted<S::Error>>,
    P: Policy<Req, S::Response, S::Error, D>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, P, D, Req>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.primary.poll_ready(cx).map(|ready| {
            self.broken = ready.is_err();
            if self.broken {
                // An instance that has failed to be ready may not be polled again.
                self.primary = self.shared.template(0);
            }
            Ok(())
        })
    }

    #[inline]
    fn call(&mut self, mut request: Req) -> Self::Future {
        let mut course = Course::new(Arc::clone(&self.shared), &request);
        if self.broken || !course.begin(&mut request) {
            return self.search(course, request);
        }
        ResponseFuture::new(course, self.primary.call(request))
    }
}

impl<S: Clone, P, D> Fallback<S, P, D> {
    /// The primary can't be called, or can't take the request.
    #[cold]
    fn search<Req>(
        &mut self,
        mut course: Course<S, P, D, Req>,
        request: Req,
    ) -> ResponseFuture<S, P, D, Req>
    where
        S: Service<Req>,
        P: Policy<Req, S::Response, S::Error, D>,
    {
        if !mem::take(&mut self.broken) {
            // What the primary holds ready for this call is given back with the instance.
            self.primary = self.shared.template(0);
        }
        course.search(request);
        ResponseFuture::search(course)
    }
}

impl<S: Clone, P, D> Clone for Fallback<S, P, D> {
    fn clone(&self) -> Self {
        Self {
            primary: self.primary.clone(),
            // Readiness is an instance's own.
            broken: false,
            shared: Arc::clone(&self.shared),
        }
    }
}
