//! The one error of the client, whichever layer it comes from: flat, so that callers can match.

use buttress::{AsFailure, Elapsed, Failure, Rejected};
use hyper_util::client::legacy;
use std::{error, fmt};
use tower::BoxError;

#[derive(Debug)]
pub(crate) enum Error {
    Http(legacy::Error),
    Body(BoxError),
    Rejected(Rejected),
    Elapsed(Elapsed),
}

impl AsFailure for Error {
    fn as_failure(&self) -> Failure {
        match self {
            // No answer, or not all of it: the connection was refused, reset or closed.
            Self::Http(_) | Self::Body(_) => Failure::SERVICE,
            Self::Rejected(rejected) => rejected.as_failure(),
            Self::Elapsed(elapsed) => elapsed.as_failure(),
        }
    }
}

impl From<Rejected> for Error {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

impl From<Elapsed> for Error {
    fn from(elapsed: Elapsed) -> Self {
        Self::Elapsed(elapsed)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(error) => error.fmt(f),
            Self::Body(error) => error.fmt(f),
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::Elapsed(elapsed) => elapsed.fmt(f),
        }
    }
}

impl error::Error for Error {}
