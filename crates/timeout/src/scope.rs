use crate::Stopwatch;

/// How far into an answer the limits reach.
///
/// [`ToAnswer`] ends with the future; `ToEnd` goes on in the body of an HTTP response.
pub trait Scope<T> {
    /// What the caller gets: `T` itself, or one whose reading is timed.
    type Response;

    /// Goes on with an answer whose head is there.
    fn extend(self, answer: T, watch: Stopwatch) -> Self::Response;
}

/// The limits end when the future resolves: for answers that are whole then, of any type.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ToAnswer;

impl ToAnswer {
    /// Ends with the future.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl<T> Scope<T> for ToAnswer {
    type Response = T;

    fn extend(self, answer: T, _: Stopwatch) -> T {
        answer
    }
}
