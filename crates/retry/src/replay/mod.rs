//! How a request is kept for another attempt.

mod body;
mod buffered;
#[cfg(test)]
mod tests;

pub use self::{
    body::{ReplayBody, Superseded},
    buffered::{Buffered, KeptRequest},
};

/// Keeps a request so that it can be sent again.
///
/// [`Cloned`] clones it. [`Buffered`] is for HTTP requests whose body can be read only once.
pub trait Replay<Req> {
    /// What is sent. The same type, or one whose body is watched while it is read.
    type Request;
    /// What is kept meanwhile.
    type Kept;

    /// Splits the request into what is sent first and what is kept. Without the latter, it is
    /// sent once.
    fn keep(&self, request: Req) -> (Self::Request, Option<Self::Kept>);

    /// Whether what is kept still makes a whole request.
    fn replayable(&self, kept: &Self::Kept) -> bool {
        let _ = kept;
        true
    }

    /// The request once more, after this many retries with this one included; from here on the
    /// attempt before may no longer need it. `None` when it can't be made any more.
    fn again(&self, kept: &mut Self::Kept, retries: u32) -> Option<Self::Request>;
}

/// Keeps a clone. The default.
///
/// The clone is made for every call, since the original is gone when it turns out to be needed:
/// make it cheap, with `Bytes` for a body and `Arc` for the rest.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Cloned;

impl Cloned {
    /// Keeps a clone.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl<Req: Clone> Replay<Req> for Cloned {
    type Request = Req;
    type Kept = Req;

    #[inline]
    fn keep(&self, request: Req) -> (Req, Option<Req>) {
        let kept = request.clone();
        (request, Some(kept))
    }

    fn again(&self, kept: &mut Req, _: u32) -> Option<Req> {
        Some(kept.clone())
    }
}
