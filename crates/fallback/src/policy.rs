use buttress_core::{Class, Failure, Observe};
use std::sync::Arc;

/// What a fallback has to know of its requests, answers and routes.
///
/// `D` is what a route declares of itself ([`Route::declares`](crate::Route::declares)).
/// [`ByVerdict`] is the ready-made policy for any types, `Http` the one for HTTP; an
/// application whose routes differ in what they can take writes its own, and most of the methods
/// have a default.
///
/// The methods are called while a request waits: they should be cheap. [`fits`](Self::fits) may
/// be asked more than once about the same route.
///
/// [`ByVerdict`]: crate::ByVerdict
pub trait Policy<Req, Res, E, D = ()> {
    /// How the request's deadline and budget are found, and where it is told what is done.
    type Observe: Observe<Req>;

    /// The observer.
    fn observe(&self) -> &Self::Observe;

    /// The verdict on what a route gave.
    ///
    /// # Errors
    /// The failure, when it was one, even when it came as an `Ok` response.
    fn classify(&self, outcome: Result<&Res, &E>) -> Result<(), Failure>;

    /// A copy of the request to keep for a further route; `None` when it can't be had, and then
    /// there is no further route.
    fn keep(&self, request: &Req) -> Option<Req>;

    /// Whether a route can take this request at all, asked before it is tried. Any can, by
    /// default.
    ///
    /// # Errors
    /// Why not, in stable words.
    fn fits(&self, request: &Req, declares: &D) -> Result<(), &'static str> {
        let _ = (request, declares);
        Ok(())
    }

    /// Whether a route may be tried after this failure of one before it. Asked once for each
    /// failure and each route behind it; the route has to be allowed by all of them. By default
    /// the [verdict](Failed::by_verdict) decides, and bad input goes nowhere.
    ///
    /// # Errors
    /// Why not, in stable words.
    fn falls_back(
        &self,
        request: &Req,
        failed: &Failed<'_, Res, E, D>,
        declares: &D,
    ) -> Result<(), &'static str> {
        let _ = (request, declares);
        failed.by_verdict(false)
    }

    /// Adapts the request to the route that it is about to enter, for instance the number of
    /// tokens asked for. Nothing is changed by default.
    fn prepare(&self, request: &mut Req, declares: &D) {
        let _ = (request, declares);
    }

    /// Writes into an answer which route gave it; a failing response that goes back to the
    /// caller is an answer too. Nothing is written by default.
    fn answered(
        &self,
        response: &mut Res,
        route: &Arc<str>,
        context: &<Self::Observe as Observe<Req>>::Context,
    ) {
        let _ = (response, route, context);
    }
}

/// A route that was asked and failed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Failed<'a, Res, E, D> {
    /// Its name.
    pub route: &'a Arc<str>,
    /// What it declares.
    pub declares: &'a D,
    /// The verdict.
    pub failure: Failure,
    /// What it gave.
    pub outcome: Result<&'a Res, &'a E>,
}

impl<Res, E, D> Failed<'_, Res, E, D> {
    /// Whether this is a failure that another route may not have, by its class alone.
    ///
    /// Bad input is one only where it is said to be welcome (`bad_input`): sent to a provider
    /// that knows no better it fails again, and costs time. Any other class is one.
    ///
    /// # Errors
    /// Why not, in stable words.
    pub fn by_verdict(&self, bad_input: bool) -> Result<(), &'static str> {
        match self.failure.class {
            Class::BadInput if !bad_input => Err("the request itself is at fault"),
            _ => Ok(()),
        }
    }
}
