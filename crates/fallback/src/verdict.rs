use crate::{Failed, Policy};
use buttress_core::{ByError, Classify, Failure, Observe};

/// The policy that goes by the verdict alone, for any types: every failure but bad input goes on
/// to the next route.
///
/// The request is cloned for the next route. `C` reaches the verdict; `O` finds the request's
/// deadline and budget (by default nothing is looked for).
///
/// ```
/// use buttress_core::{Failure, classify_fn};
/// use buttress_fallback::ByVerdict;
///
/// // Any error blames the service, any answer is a success.
/// let policy = ByVerdict::new(classify_fn(|outcome: Result<&u64, &std::io::Error>| {
///     outcome.map(|_| ()).map_err(|_| Failure::SERVICE)
/// }));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ByVerdict<C = ByError, O = ()> {
    classify: C,
    observe: O,
}

impl<C> ByVerdict<C> {
    /// Goes by the verdicts of this classifier.
    #[must_use]
    pub const fn new(classify: C) -> Self {
        let observe = ();
        Self { classify, observe }
    }
}

impl<C, O> ByVerdict<C, O> {
    /// Sets how the request's deadline and budget are found, and who is told what is done.
    /// For requests that carry a [`Call`](buttress_core::Call):
    /// [`Carried`](buttress_core::Carried).
    #[must_use]
    pub fn observe<T>(self, observe: T) -> ByVerdict<C, T> {
        let classify = self.classify;
        ByVerdict { classify, observe }
    }
}

impl<C, O, Req, Res, E, D> Policy<Req, Res, E, D> for ByVerdict<C, O>
where
    Req: Clone,
    C: Classify<Res, E>,
    O: Observe<Req>,
    D: Declare,
{
    type Observe = O;

    fn observe(&self) -> &O {
        &self.observe
    }

    fn classify(&self, outcome: Result<&Res, &E>) -> Result<(), Failure> {
        self.classify.classify(outcome)
    }

    fn keep(&self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }

    fn falls_back(
        &self,
        _: &Req,
        failed: &Failed<'_, Res, E, D>,
        declares: &D,
    ) -> Result<(), &'static str> {
        failed.by_verdict(declares.takes_bad_input())
    }
}

/// What the ready-made policies ask of a route's declaration.
pub trait Declare {
    /// Whether the route may be tried with a request that another one refused as bad input.
    /// Not so by default.
    fn takes_bad_input(&self) -> bool {
        false
    }
}

/// A route that says nothing takes what any route takes.
impl Declare for () {}

/// A route that may be tried with what others refused as bad input: a provider with other
/// limits or other rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "says one thing; what says more is another declaration"
)]
pub struct TakesBadInput(
    /// Whether it may.
    pub bool,
);

impl Declare for TakesBadInput {
    fn takes_bad_input(&self) -> bool {
        self.0
    }
}
