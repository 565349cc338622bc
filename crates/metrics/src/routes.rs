use crate::{Model, Recorder, model::Handles, names, route::Route};
use buttress_core::{
    Event, Heard, Listener,
    recycle::{FreeList, Owned, Recycle},
};
use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

/// What is counted of a stack's calls.
///
/// Clones count to the same. What is resolved is kept for as long as the process runs, as it is by
/// the recorder, so that a call can point to it without counting references: make one for each
/// stack, not for each call. Where a recorder was given, the next one for the same routes finds it
/// again.
#[derive(Clone)]
pub struct Metrics {
    shared: Arc<Owned<Shared>>,
}

pub(crate) struct Shared {
    recorder: Recorder,
    routes: Box<[(Arc<str>, Route)]>,
    /// Where no route is told.
    none: OnceLock<Route>,
    /// All routes that were not named.
    other: OnceLock<Route>,
    models: Mutex<Vec<(Arc<str>, &'static Handles)>>,
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
        let routes = routes.into_iter().map(Into::into).collect();
        Self {
            shared: Arc::new(Owned::claim(&(recorder, routes))),
        }
    }

    /// What is counted of the calls for this model. The name becomes a label, so it must not come
    /// from a caller.
    #[must_use]
    pub fn model(&self, name: impl Into<Arc<str>>) -> Model {
        Model::new(self, self.shared.block().model(name.into()))
    }

    /// Where it is written to.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.shared.recorder
    }
}

/// A block counts for its next owner what it counted for the last: of a call that is still under
/// way all is counted where it would have been.
impl Recycle for Shared {
    type Spec = (Recorder, Box<[Arc<str>]>);

    fn free_list() -> &'static FreeList<Self> {
        static FREE: FreeList<Shared> = FreeList::new();
        &FREE
    }

    fn create((recorder, routes): &Self::Spec) -> Self {
        let route = |name: &Arc<str>| (Arc::clone(name), Route::new(name, recorder));
        Self {
            routes: routes.iter().map(route).collect(),
            none: OnceLock::new(),
            other: OnceLock::new(),
            models: Mutex::default(),
            recorder: recorder.clone(),
        }
    }

    fn fits(&self, (recorder, routes): &Self::Spec) -> bool {
        let known = self.routes.iter().map(|(name, _)| name);
        self.recorder.is(recorder) && known.eq(routes)
    }

    fn renew(&self, _: &Self::Spec) {}
}

impl Shared {
    /// Each model's is made once.
    fn model(&'static self, name: Arc<str>) -> &'static Handles {
        // What is in the list is whole.
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, handles)) = models.iter().find(|(known, _)| *known == name) {
            return handles;
        }
        let handles = Box::leak(Box::new(Handles::new(self, &self.recorder, &name)));
        models.push((name, handles));
        handles
    }

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
        // That is nothing to count yet.
        if !matches!(step.event, Event::Entered | Event::Attempt) {
            self.route(step.route).heard(step);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr;

    /// Who makes a stack anew, such as for a configuration that was read again, takes no more
    /// memory for it.
    #[test]
    fn what_was_resolved_is_found_again() {
        let recorder = Recorder::new(metrics::NoopRecorder);
        let to = |recorder: &Recorder, routes: &[&str]| {
            Metrics::to(recorder.clone(), routes.iter().copied())
        };
        let first = to(&recorder, &["a", "b"]);
        let block = first.shared.block();
        let handles = block.model("gpt".into());
        let model = first.model("gpt");
        drop(first);
        let meanwhile = to(&recorder, &["a", "b"]);
        assert!(
            !ptr::eq(meanwhile.shared.block(), block),
            "a model still counts there"
        );
        drop(model);
        for (recorder, routes) in [
            (&recorder, ["a", "c"]),
            (&Recorder::new(metrics::NoopRecorder), ["a", "b"]),
            // Another one may have been installed since.
            (&Recorder::installed(), ["a", "b"]),
        ] {
            assert!(!ptr::eq(to(recorder, &routes).shared.block(), block));
        }
        let again = to(&recorder, &["a", "b"]);
        assert!(ptr::eq(again.shared.block(), block));
        assert!(ptr::eq(again.shared.block().model("gpt".into()), handles));
    }
}
