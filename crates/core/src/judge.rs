use crate::{Classify, Failure};

/// Hears how a call ended.
///
/// A layer that keeps score (breaker, gate, metrics) makes one per call. It is told once, or
/// dropped: then the caller went away and the call counts as abandoned.
///
/// It may have to wait inside of a response that is sent to another thread, beside others of
/// other layers: so it is `Send` and owns what it needs.
pub trait Witness: Send + 'static {
    /// The call ended like this.
    fn settled(self, outcome: Result<(), Failure>);

    /// The call ended like this, with the result that is being judged: not later, when a response
    /// has been read. Who takes the time can tell by that which moment it was.
    fn settled_at_once(self, outcome: Result<(), Failure>)
    where
        Self: Sized,
    {
        self.settled(outcome);
    }
}

/// Nobody listens.
impl Witness for () {
    fn settled(self, _: Result<(), Failure>) {}
}

/// Somebody may listen.
impl<W: Witness> Witness for Option<W> {
    fn settled(self, outcome: Result<(), Failure>) {
        if let Some(witness) = self {
            witness.settled(outcome);
        }
    }

    fn settled_at_once(self, outcome: Result<(), Failure>) {
        if let Some(witness) = self {
            witness.settled_at_once(outcome);
        }
    }
}

/// Decides when an outcome is known, and tells the [`Witness`].
///
/// A stream that has opened has not succeeded yet. So a layer that keeps score does not look at
/// the response itself: it hands its witness to a `Judge`, which tells it at once
/// ([`AtOnce`]) or puts it into the response to be told at the end
/// ([`AtEnd`](crate::http::AtEnd), for HTTP bodies).
///
/// # Cancellation
/// A response that is dropped before its end drops its witness untold.
pub trait Judge<T, E> {
    /// What the caller gets: `T` itself, or a `T` whose end is watched.
    type Response<W: Witness>;

    /// Judges this result, now or when it ends.
    ///
    /// # Errors
    /// The error of `result`, unchanged.
    fn judge<W: Witness>(&self, result: Result<T, E>, witness: W) -> Result<Self::Response<W>, E>;
}

/// Judges a call by its result alone, the moment it is there.
///
/// Right for any response that is whole when the future resolves. Works for any type.
#[derive(Clone, Copy, Debug, Default)]
pub struct AtOnce<C>(C);

impl<C> AtOnce<C> {
    /// Judges at once, by this classifier.
    #[must_use]
    pub const fn new(classify: C) -> Self {
        Self(classify)
    }
}

impl<T, E, C: Classify<T, E>> Judge<T, E> for AtOnce<C> {
    type Response<W: Witness> = T;

    #[inline]
    fn judge<W: Witness>(&self, result: Result<T, E>, witness: W) -> Result<T, E> {
        // Taken apart and put together again: a whole `Result` that is looked at by reference
        // has to be put into memory first.
        match result {
            Ok(response) => {
                witness.settled_at_once(self.0.classify(Ok(&response)));
                Ok(response)
            }
            Err(error) => {
                witness.settled_at_once(self.0.classify(Err(&error)));
                Err(error)
            }
        }
    }
}
