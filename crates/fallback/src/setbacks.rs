use buttress_core::{Exhausted, Failure, RouteError, RouteReason};
use std::sync::Arc;

/// What went wrong on the way along the routes.
pub(crate) struct Setbacks<Res, E> {
    /// Why routes may not be tried any more, by their number.
    ruled_out: Box<[Option<&'static str>]>,
    /// Why the routes behind us gave no answer.
    history: Vec<RouteError<E>>,
    /// A failing response and the number of its route, until another one is really called.
    response: Option<(usize, Res)>,
}

impl<Res, E> Setbacks<Res, E> {
    /// None yet, on this many routes.
    pub(crate) fn new(routes: usize) -> Box<Self> {
        Box::new(Self {
            ruled_out: vec![None; routes].into(),
            history: Vec::with_capacity(routes),
            response: None,
        })
    }

    /// Why this route may not be tried any more, if so.
    pub(crate) fn ruled_out(&self, at: usize) -> Option<&'static str> {
        self.ruled_out[at]
    }

    /// Rules the route out. The first reason stays.
    pub(crate) fn rule_out(&mut self, at: usize, why: &'static str) {
        self.ruled_out[at].get_or_insert(why);
    }

    /// The route was passed over, for this reason.
    pub(crate) fn skipped(&mut self, name: &Arc<str>, reason: RouteReason<E>) {
        self.history.push(RouteError::new(Arc::clone(name), reason));
    }

    /// The route was asked and failed.
    pub(crate) fn failed(
        &mut self,
        at: usize,
        name: &Arc<str>,
        failure: Failure,
        outcome: Result<Res, E>,
    ) {
        let reason = match outcome {
            Ok(response) => {
                self.response = Some((at, response));
                RouteReason::Answered(failure)
            }
            Err(error) => RouteReason::Failed(failure, error),
        };
        self.history.push(RouteError::new(Arc::clone(name), reason));
    }

    /// Another route is called: the connection of a failing response is needed no longer.
    pub(crate) fn let_go(&mut self) {
        self.response = None;
    }

    /// What the caller gets: the last route's failing response, or the one error that there is,
    /// or all of them.
    pub(crate) fn finish(mut self) -> Result<(usize, Res), E>
    where
        E: From<Exhausted<E>>,
    {
        if let Some(response) = self.response {
            return Ok(response);
        }
        let asked = |route: &&RouteError<_>| {
            !matches!(
                route.reason,
                RouteReason::Skipped(_) | RouteReason::Unfit(_)
            )
        };
        let failed = |route: &RouteError<_>| matches!(route.reason, RouteReason::Failed(..));
        if self.history.iter().filter(asked).count() == 1
            && let Some(only) = self.history.iter().position(failed)
            && let RouteReason::Failed(_, error) = self.history.swap_remove(only).reason
        {
            return Err(error);
        }
        Err(Exhausted::new(self.history).into())
    }
}
