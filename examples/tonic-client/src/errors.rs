//! Foreign errors into the stack, and the stack's errors out of it.

use buttress::{Elapsed, Phase, Rejected};
use std::error::Error;
use tonic::{Code, Status, TimeoutExpired, transport};
use tower::BoxError;

/// What is no error of this stack counts as a broken connection, and against the service. One of
/// the channel's is not: it keeps to `grpc-timeout` by itself, and is as quick to give up as the
/// layer that wrote it. That the caller's time is over says nothing of the service.
pub(crate) fn foreign(error: transport::Error) -> BoxError {
    match error.source() {
        Some(source) if source.is::<TimeoutExpired>() => {
            Elapsed::new(Phase::Deadline, crate::DEADLINE).into()
        }
        _ => error.into(),
    }
}

/// What the layers refuse and give up gets its code in gRPC, for callers who match on that. The
/// error itself stays the status's source.
pub(crate) fn status(error: BoxError) -> Status {
    let code = match error.downcast_ref::<Rejected>() {
        Some(rejected) => rejected.grpc_code(),
        None => match error.downcast_ref::<Elapsed>() {
            Some(elapsed) => elapsed.grpc_code(),
            None => return Status::from_error(error),
        },
    };
    let mut status = Status::new(Code::from(code), error.to_string());
    status.set_source(error.into());
    status
}
