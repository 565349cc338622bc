use crate::{Fallback, Kind, TransportError, Verdict};
use buttress_core::{AsFailure, Blame, Failure};
use std::{error, fmt};

/// A stream ended before its protocol's end: no finish reason, no end marker.
///
/// What had come until then may be an answer by looks. It is not one, and is never given out as
/// one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Truncated {
    /// How much content had come, in bytes of text. Zero means that the caller has seen nothing.
    pub emitted: u64,
    /// How the connection failed; `None` when it was closed as if all had been said.
    pub transport: Option<TransportError>,
}

impl Truncated {
    /// The stream was closed as if all had been said, after this many bytes of content.
    #[must_use]
    pub const fn new(emitted: u64) -> Self {
        Self {
            emitted,
            transport: None,
        }
    }

    /// Says how the connection failed.
    #[must_use]
    pub const fn transport(mut self, error: TransportError) -> Self {
        self.transport = Some(error);
        self
    }

    /// What it means: before the first content the request may be sent again.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        let why = "the stream ended before the answer did";
        Verdict::new(Kind::Partial, why)
            .blame(Blame::Service)
            .retry_same(self.emitted == 0)
            .fallback(Fallback::Yes)
    }
}

impl AsFailure for Truncated {
    fn as_failure(&self) -> Failure {
        self.verdict().failure()
    }
}

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.emitted {
            0 => f.write_str("the stream ended before any content")?,
            n => write!(
                f,
                "the stream ended after {n} bytes of content, before its end"
            )?,
        }
        match self.transport {
            Some(error) => write!(f, ": {error}"),
            None => Ok(()),
        }
    }
}

impl error::Error for Truncated {}
