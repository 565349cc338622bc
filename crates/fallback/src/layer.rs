use crate::{ByVerdict, Either, Fallback, Route, Routes};
use tower_layer::Layer;

/// Puts a second service behind the one that it wraps.
///
/// The two may be of different types; they take and give the same. Layers of this kind nest: each
/// one adds a route behind those that it wraps. Then an inner layer's several errors count as the
/// one error of a route of the outer layer. Where all routes are known at one place,
/// [`Routes::or`] gives one flat list.
#[derive(Clone, Debug)]
pub struct FallbackLayer<B, P = ByVerdict, D = ()> {
    primary: Route<(), D>,
    backup: Route<B, D>,
    policy: P,
}

impl<B> FallbackLayer<B> {
    /// Puts this service behind the wrapped one, by the verdicts of the error type. The routes
    /// are called `primary` and `backup`.
    #[must_use]
    pub fn new(backup: B) -> Self {
        Self::routes(Route::new("primary", ()), Route::new("backup", backup))
    }
}

impl<B, D> FallbackLayer<B, ByVerdict, D> {
    /// As [`new`](FallbackLayer::new), with a name, patience and declaration of each route. The
    /// service of the primary is the one that the layer will wrap, hence `()`.
    #[must_use]
    pub fn routes(primary: Route<(), D>, backup: Route<B, D>) -> Self {
        Self {
            primary,
            backup,
            policy: ByVerdict::default(),
        }
    }
}

impl<B, P, D> FallbackLayer<B, P, D> {
    /// Sets the policy.
    #[must_use]
    pub fn policy<T>(self, policy: T) -> FallbackLayer<B, T, D> {
        FallbackLayer {
            primary: self.primary,
            backup: self.backup,
            policy,
        }
    }
}

impl<A, B, P, D> Layer<A> for FallbackLayer<B, P, D>
where
    A: Clone,
    B: Clone,
    P: Clone,
    D: Clone,
{
    type Service = Fallback<Either<A, B>, P, D>;

    fn layer(&self, inner: A) -> Self::Service {
        let primary = self.primary.clone().map(|()| inner);
        let routes = Routes::new(primary).or(self.backup.clone());
        Fallback::new(routes, self.policy.clone())
    }
}
