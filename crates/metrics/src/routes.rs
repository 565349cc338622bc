use crate::{Model, Recorder, names, route::Route};
use buttress_core::{Heard, Listener};
use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

/// What is counted of a stack's calls.
///
/// Clones count to the same.
#[derive(Clone)]
pub struct Metrics {
    shared: Arc<Shared>,
}

struct Shared {
    recorder: Recorder,
    routes: Box<[(Arc<str>, Route)]>,
    /// Where no route is told.
    none: OnceLock<Route>,
    /// All routes that were not named.
    other: OnceLock<Route>,
}

impl Metrics {
    /// Those of a stack with these routes, written to the recorder that is installed for the
    /// process. Install it first: what is resolved before goes nowhere.
    #[must_use]
    pub fn new(routes: impl IntoIterator<Item: Into<Arc<str>>>) -> Self {
        Self::to(Recorder::installed(), routes)
    }

    /// Those of a stack with these routes, written to this recorder.
    #[must_use]
    pub fn to(recorder: Recorder, routes: impl IntoIterator<Item: Into<Arc<str>>>) -> Self {
        names::describe(&recorder);
        let route = |name: Arc<str>| {
            let route = Route::new(&name, &recorder);
            (name, route)
        };
        let routes = routes.into_iter().map(Into::into).map(route).collect();
        let shared = Shared {
            routes,
            none: OnceLock::new(),
            other: OnceLock::new(),
            recorder,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// What is counted of the calls for this model. The name becomes a label, so it must not come
    /// from a caller.
    #[must_use]
    pub fn model(&self, name: impl Into<Arc<str>>) -> Model {
        Model::new(self, &name.into())
    }

    /// Where it is written to.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.shared.recorder
    }

    pub(crate) fn listener(&self) -> Arc<dyn Listener> {
        Arc::clone(&self.shared) as _
    }
}

impl Shared {
    fn route(&self, name: Option<&Arc<str>>) -> &Route {
        let Some(name) = name else {
            return self.spare(&self.none, names::NONE);
        };
        // Nearly always it is the very same name, and there are a few of them.
        let same = |(known, _): &&(Arc<str>, Route)| Arc::ptr_eq(known, name);
        let equal = |(known, _): &&(Arc<str>, Route)| known == name;
        let mut routes = self.routes.iter();
        let found = routes.find(same);
        let found = found.or_else(|| self.routes.iter().find(equal));
        match found {
            Some((_, route)) => route,
            None => self.spare(&self.other, "other"),
        }
    }

    /// One that is only there once something is counted of it.
    fn spare<'a>(&self, route: &'a OnceLock<Route>, name: &str) -> &'a Route {
        route.get_or_init(|| Route::new(&name.into(), &self.recorder))
    }
}

impl Listener for Shared {
    fn heard(&self, step: &Heard<'_>) {
        self.route(step.route).heard(step);
    }

    fn waited(&self, route: Option<&Arc<str>>, wait: Duration) {
        self.route(route).waited(wait);
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes = self.shared.routes.iter().map(|(name, _)| name);
        f.debug_set().entries(routes).finish()
    }
}
