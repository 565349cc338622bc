use crate::Task;
use buttress_core::{Blame, Class, Failure};

/// What a [`DegradeLayer`](crate::DegradeLayer) keeps of a request, and what it makes of that when
/// the request fails.
pub trait DegradePolicy<Req, E> {
    /// What is kept of a request while it is under way.
    type Kept;

    /// Keeps what a task will be written of. It is done for every request, nearly all of which are
    /// answered: it should cost no more than a reference that is counted.
    ///
    /// `None` is: this request is never queued.
    fn keep(&self, request: &Req) -> Option<Self::Kept>;

    /// The failure, if the request should be answered later all the same. `None` is: its caller
    /// gets the error.
    ///
    /// [`is_worth_queueing`] is the rule.
    fn degrades(&self, error: &E) -> Option<Failure>;

    /// Writes the task. `None` is: it can't be written, and its caller gets the error.
    fn task(&self, kept: Self::Kept, error: &E) -> Option<Task>;
}

/// Whether a request that failed so may succeed later as it is.
///
/// | failure | |
/// |---|---|
/// | blames the request; [`BadInput`](Class::BadInput), [`Partial`](Class::Partial) | no |
/// | the service, or a limit | yes |
/// | the key: refused, or nothing left to spend | yes: it will be exchanged, or filled up |
/// | this side: a circuit or gate was closed, the deadline passed, upstream calls were spent | yes |
/// | this side: a certificate that is not trusted, a protocol refused | yes: that is to be mended, and no fault of the request |
///
/// That the service forbids to send it [again](buttress_core::RetryAfter::Never) is said of now,
/// not of an hour later.
#[must_use]
pub const fn is_worth_queueing(failure: &Failure) -> bool {
    let of_request = matches!(failure.blame, Blame::Request);
    !of_request && !matches!(failure.class, Class::BadInput | Class::Partial)
}
