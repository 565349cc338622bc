use std::{mem, ops::Deref};
use tracing::{Dispatch, Span, dispatcher};

/// A span that begins and ends in one place, whichever is the default of the thread on which that
/// happens.
///
/// `tracing-subscriber` lets go of the parent of a span that ends in the place that is the default
/// then. Elsewhere that would be another span of the same number.
pub(super) struct Held(Span);

impl Held {
    pub(super) const fn new(span: Span) -> Self {
        Self(span)
    }

    /// None at all.
    pub(super) const fn none() -> Self {
        Self(Span::none())
    }

    /// Makes a child of it where it is itself.
    pub(super) fn child(&self, make: impl FnOnce(&Span) -> Span) -> Self {
        Self(self.within(|| make(&self.0)).unwrap_or_else(Span::none))
    }

    /// Does this where it is.
    pub(super) fn within<T>(&self, act: impl FnOnce() -> T) -> Option<T> {
        self.with_subscriber(|(_, dispatch)| dispatcher::with_default(dispatch, act))
    }
}

impl Deref for Held {
    type Target = Span;

    fn deref(&self) -> &Span {
        &self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let dispatch = self.with_subscriber(|(_, dispatch)| Dispatch::clone(dispatch));
        let span = mem::replace(&mut self.0, Span::none());
        if let Some(dispatch) = dispatch {
            dispatcher::with_default(&dispatch, || drop(span));
        }
    }
}
