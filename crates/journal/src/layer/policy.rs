use crate::{Answer, Digest, Pen};
use buttress_core::{Context, Session};
use bytes::Bytes;
use std::{error, fmt, future::Future};

/// What a [`JournalLayer`](crate::JournalLayer) has to know of requests and answers.
pub trait JournalPolicy<Req, Res>: Send + Sync + 'static {
    /// Where it is told what is done for a request.
    type Context: Context + Send + Sync + 'static;

    /// The session that the request belongs to. One that belongs to none goes its way: this is
    /// asked of every request, and should cost nothing.
    fn session<'a>(&self, request: &'a Req) -> Option<&'a Session>;

    /// Draws from a request that belongs to a session where to tell what is done for it.
    fn context(&self, request: &Req) -> Self::Context;

    /// What is asked.
    fn asked(&self, request: &Req) -> Asked;

    /// Gives a recorded answer again.
    ///
    /// # Errors
    /// It is not one: the request will be answered anew.
    fn replay(&self, request: &Req, answer: Answer) -> Result<Res, Unreadable>;

    /// Writes an answer down, or sees to it that it is once it has ended, and gives it on.
    ///
    /// Only what is whole may be written: not an answer that broke off, nor one that stands in
    /// for another. To drop the pen is to record nothing.
    fn record(&self, response: Res, pen: Pen) -> impl Future<Output = Res> + Send;
}

/// What is asked by a request.
#[derive(Clone)]
#[non_exhaustive]
pub struct Asked {
    /// Of all that matters of the request.
    pub digest: Digest,
    /// How far on in its session it is, as far as it tells itself: the number of messages of a
    /// conversation. It is the step where none was given.
    pub position: u64,
    /// What to keep of it, if requests are kept.
    pub body: Bytes,
}

impl Asked {
    /// What has this digest and position.
    #[must_use]
    pub const fn new(digest: Digest, position: u64) -> Self {
        let body = Bytes::new();
        Self {
            digest,
            position,
            body,
        }
    }

    /// Sets what to keep of it \[nothing\].
    #[must_use]
    pub fn body(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }
}

/// Without what is asked.
impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked")
            .field("digest", &self.digest)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// What was recorded is no answer to this request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unreadable;

impl Unreadable {
    /// Says so.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what was recorded can't be read")
    }
}

impl error::Error for Unreadable {}
