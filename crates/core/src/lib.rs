//! The shared vocabulary of buttress.
//!
//! Every layer of the stack speaks in these terms and knows no other layer:
//!
//! - [`Failure`]: the verdict on one attempt. [`Class`] says what can be done, [`Blame`] whom to
//!   tell, [`RetryAfter`] what the other side asked for.
//! - [`Classify`] reaches that verdict once; [`AsFailure`] is an error that knows its own.
//! - [`Judge`] and [`Witness`]: who keeps score hears of a call when it has really ended.
//! - [`Rejected`], [`Elapsed`], [`Exhausted`] and [`Uncorrected`]: the only errors that the layers
//!   add.
//! - [`Observe`] and [`Context`]: how a layer looks into a request, and where it reports.
//! - [`Call`]: what travels with a request: deadline, upstream calls, and its [`Journey`].
//!   [`AttemptLayer`] puts down in it that a call went out; a [`Listener`] hears of all of it.
//! - [`Session`]: what one agent does for one purpose, of which a request may be a step.
//!
//! A verdict is reached in one place, and read by all layers:
//!
//! ```
//! use buttress_core::{AsFailure, Blame, ByError, Class, Classify, Failure, RetryAfter};
//! use std::{io, time::Duration};
//!
//! /// What a service of one's own fails with.
//! enum Error {
//!     Limited(Duration),
//!     Io(io::Error),
//! }
//!
//! impl AsFailure for Error {
//!     fn as_failure(&self) -> Failure {
//!         match self {
//!             Self::Limited(wait) => Failure::new(Class::Transient, Blame::Limit)
//!                 .retry_after(RetryAfter::After(*wait)),
//!             Self::Io(error) => error.as_failure(),
//!         }
//!     }
//! }
//!
//! let limited = Error::Limited(Duration::from_secs(7));
//! let verdict = ByError::new().classify(Err::<&(), _>(&limited)).unwrap_err();
//! // Retry waits for so long, the gate closes, and the breaker takes no notice: the service is well.
//! assert_eq!(verdict.retry_after, RetryAfter::After(Duration::from_secs(7)));
//! assert_eq!(verdict.blame, Blame::Limit);
//!
//! let reset = Error::Io(io::ErrorKind::ConnectionReset.into());
//! assert_eq!(reset.as_failure().blame, Blame::Service);
//! ```
//!
//! With the feature `http` (on by default) there are also classifiers for plain HTTP
//! ([`http`]) and gRPC ([`grpc`]) answers, and bodies whose end is watched.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod attempt;
mod call;
mod classify;
mod elapsed;
mod error;
mod exhausted;
mod failure;
#[cfg(feature = "http")]
pub mod grpc;
#[cfg(feature = "http")]
pub mod http;
mod journey;
mod judge;
mod listener;
mod observe;
mod record;
// For the crates beside this one.
#[doc(hidden)]
pub mod recycle;
mod rejected;
mod session;
mod uncorrected;

pub use self::{
    attempt::{Attempt, AttemptLayer},
    call::{Call, Carried, Carry},
    classify::{ByError, Classify, ClassifyFn, classify_fn},
    elapsed::{Elapsed, Phase},
    exhausted::{Exhausted, RouteError, RouteReason},
    failure::{AsFailure, Blame, Class, Failure, Name, RetryAfter},
    journey::{Journey, Step},
    judge::{AtOnce, Judge, Witness},
    listener::{Heard, Listener},
    observe::{Context, Event, GiveUp, Observe},
    rejected::{Cause, Rejected},
    session::{InvalidSession, Session},
    uncorrected::Uncorrected,
};
