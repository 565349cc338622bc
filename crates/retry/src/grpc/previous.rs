use crate::Replay;
use http::{HeaderName, Request};

/// The header that tells a gRPC server how many attempts there were before this one.
pub const PREVIOUS_ATTEMPTS: HeaderName = HeaderName::from_static("grpc-previous-rpc-attempts");

/// Sends [`PREVIOUS_ATTEMPTS`] with each retry, as gRFC A6 asks; the first attempt has none.
///
/// `R` keeps the request. An attempt that the server never processed, repeated at once, does not
/// count (gRPC calls that a transparent retry).
#[derive(Clone, Copy, Debug, Default)]
pub struct PreviousAttempts<R>(R);

impl<R> PreviousAttempts<R> {
    /// Counts for what `replay` keeps.
    #[must_use]
    pub const fn new(replay: R) -> Self {
        Self(replay)
    }
}

impl<Req, B, R> Replay<Req> for PreviousAttempts<R>
where
    R: Replay<Req, Request = Request<B>>,
{
    type Request = Request<B>;
    type Kept = R::Kept;

    fn keep(&self, request: Req) -> (Request<B>, Option<R::Kept>) {
        self.0.keep(request)
    }

    fn replayable(&self, kept: &R::Kept) -> bool {
        self.0.replayable(kept)
    }

    fn again(&self, kept: &mut R::Kept, retries: u32) -> Option<Request<B>> {
        let mut request = self.0.again(kept, retries)?;
        if retries > 0 {
            request
                .headers_mut()
                .insert(PREVIOUS_ATTEMPTS, retries.into());
        }
        Some(request)
    }
}
