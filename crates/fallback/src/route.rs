use crate::Either;
use std::{sync::Arc, time::Duration};

/// One place that a request may be sent to, with a stack of its own.
#[derive(Clone, Debug)]
pub struct Route<S, D = ()> {
    pub(crate) name: Arc<str>,
    pub(crate) service: S,
    pub(crate) patience: Duration,
    pub(crate) declares: D,
}

impl<S> Route<S> {
    /// A route of this name, which is what errors, journeys and answers call it.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, service: S) -> Self {
        Self {
            name: name.into(),
            service,
            patience: Route::DEFAULT_PATIENCE,
            declares: (),
        }
    }
}

impl Route<()> {
    /// How long a route may spend waiting while another one stands behind it: 2 s.
    pub const DEFAULT_PATIENCE: Duration = Duration::from_secs(2);
}

impl<S, D> Route<S, D> {
    /// Sets how long this route may spend waiting in all (in line for its gate, between its
    /// attempts, until its service is ready) while another route stands behind that could take
    /// the request. [2 s](Route::DEFAULT_PATIENCE) by default.
    ///
    /// The last route that could take the request waits as long as its own limits and the
    /// request's deadline allow, whatever is set here. [`Duration::MAX`] is without limit.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sets what the route can take, which the [`Policy`](crate::Policy) reads: the size of a
    /// model's window, for example. `()` by default.
    #[must_use]
    pub fn declares<T>(self, declares: T) -> Route<S, T> {
        Route {
            name: self.name,
            service: self.service,
            patience: self.patience,
            declares,
        }
    }

    pub(crate) fn map<T>(self, f: impl FnOnce(S) -> T) -> Route<T, D> {
        Route {
            name: self.name,
            service: f(self.service),
            patience: self.patience,
            declares: self.declares,
        }
    }
}

/// Routes in the order in which they are tried; there is always a first one.
///
/// Routes of one service type lie side by side. One of another type makes all of them
/// [`Either`]s, so that nothing is boxed; types that differ too much for that can be boxed by
/// the caller.
///
/// ```
/// use buttress_fallback::{Route, Routes};
/// use tower::service_fn;
///
/// let ask = service_fn(|n: u64| async move { Ok::<_, tower::BoxError>(n) });
/// let look_up = service_fn(|_: u64| async { Ok::<_, tower::BoxError>(7) });
/// let routes = Routes::new(Route::new("eu", ask))
///     .then(Route::new("us", ask))
///     .or(Route::new("cache", look_up));
/// assert_eq!(routes.names().collect::<Vec<_>>(), ["eu", "us", "cache"]);
/// ```
#[derive(Clone, Debug)]
pub struct Routes<S, D = ()> {
    pub(crate) primary: Route<S, D>,
    pub(crate) backups: Vec<Route<S, D>>,
}

impl<S, D> Routes<S, D> {
    /// Begins with the primary.
    #[must_use]
    pub const fn new(primary: Route<S, D>) -> Self {
        Self {
            primary,
            backups: Vec::new(),
        }
    }

    /// Adds a route of the same service type behind the others.
    #[must_use]
    pub fn then(mut self, backup: Route<S, D>) -> Self {
        self.backups.push(backup);
        self
    }

    /// Adds a route of another service type behind the others.
    #[must_use]
    pub fn or<B>(self, backup: Route<B, D>) -> Routes<Either<S, B>, D> {
        let lefts = self
            .backups
            .into_iter()
            .map(|route| route.map(Either::Left));
        Routes {
            primary: self.primary.map(Either::Left),
            backups: lefts.chain([backup.map(Either::Right)]).collect(),
        }
    }

    /// The names of the routes, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let routes = std::iter::once(&self.primary).chain(&self.backups);
        routes.map(|route| &*route.name)
    }
}

/// Adds routes of the same service type behind the others.
impl<S, D> Extend<Route<S, D>> for Routes<S, D> {
    fn extend<T: IntoIterator<Item = Route<S, D>>>(&mut self, backups: T) {
        self.backups.extend(backups);
    }
}
