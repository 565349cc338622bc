//! A lock-free circuit breaker for any Tower service.
//!
//! While a service is down, calling it costs every caller the time until it fails, and keeps it
//! from coming up again. [`CircuitBreakerLayer`] notices, rejects calls for a while without making
//! them, and then finds out with a few probes whether the service is back.
//!
//! ```
//! use buttress_circuit_breaker::{CircuitBreakerLayer, Settings, State};
//! use buttress_core::{Cause, Rejected};
//! use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), BoxError> {
//! let breaker = CircuitBreakerLayer::new(Settings::standard().consecutive_failures(3))?;
//! let handle = breaker.handle();
//! let mut service = ServiceBuilder::new()
//!     .layer(breaker)
//!     .service(service_fn(async |_: &str| Err::<(), BoxError>("connection reset".into())));
//!
//! for _ in 0..3 {
//!     let error = service.ready().await?.call("hello").await.unwrap_err();
//!     assert_eq!(error.to_string(), "connection reset");
//! }
//! assert_eq!(handle.state(), State::Open);
//!
//! // Nobody is called any more.
//! let error = service.ready().await?.call("hello").await.unwrap_err();
//! let rejected: &Rejected = error.downcast_ref().expect("a rejection");
//! assert_eq!(rejected.cause, Cause::CircuitOpen);
//! assert!(rejected.retry_after.is_some());
//! # Ok(())
//! # }
//! ```
//!
//! # States
//!
//! ```text
//!                  too many failures in a row,
//!                  or too large a part of the window
//!            ┌────────────────────────────────────────┐
//!            │                                        ▼
//!       ┌────────┐                                ┌────────┐
//!       │ Closed │                                │  Open  │ rejects
//!       └────────┘                                └────────┘
//!            ▲                                     │      ▲
//!            │            the open time has passed │      │ a probe fails:
//!            │                   and a call comes  ▼      │ open for twice as long
//!            │                                ┌──────────────┐
//!            └────────────────────────────────│   HalfOpen   │ lets probes through,
//!                  enough probes succeed      └──────────────┘ rejects the rest
//! ```
//!
//! [`State::Isolated`] is entered and left by hand only, see [`Handle`].
//!
//! - A call belongs to the stay in a state, its *generation*, in which it began. An outcome that
//!   comes when that is over is ignored: a straggler from before a trip decides nothing about a
//!   probe after it.
//! - A probe holds a place until it has an outcome. When its caller gives it up, the place is
//!   given back and nothing is counted.
//! - A rejection is a [`Rejected`](buttress_core::Rejected). While open it says how long it is
//!   until the next probe; half-open there is no telling, since a probe may end at any moment.
//!
//! # What counts
//!
//! Only what the service is to blame for. A rate-limited key, a malformed request or a rejection
//! further in changes nothing: [`Ticket`] has the whole table. The verdict comes from a classifier
//! ([`classify`](CircuitBreakerLayer::classify)) or a judge ([`judge`](CircuitBreakerLayer::judge))
//! that may wait for the end of a response's body. By default every response is a success, and
//! errors say themselves what they are ([`AsFailure`](buttress_core::AsFailure)):
//!
//! ```
//! use buttress_circuit_breaker::CircuitBreakerLayer;
//! use buttress_core::{AsFailure, Failure, Rejected};
//! use http::{Request, Response};
//! use http_body_util::Full;
//! # use bytes::Bytes;
//! use buttress_core::http::{AtEnd, HttpStatus};
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//!
//! // A client's error enum: one variant for all rejections of the stack.
//! #[derive(Debug)]
//! enum Error {
//!     Connection,
//!     Rejected(Rejected),
//! }
//!
//! impl From<Rejected> for Error {
//!     fn from(rejected: Rejected) -> Self {
//!         Self::Rejected(rejected)
//!     }
//! }
//!
//! impl AsFailure for Error {
//!     fn as_failure(&self) -> Failure {
//!         match self {
//!             Self::Connection => Failure::SERVICE,
//!             Self::Rejected(rejected) => rejected.as_failure(),
//!         }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Error> {
//! # let client = service_fn(async |_: Request<Full<Bytes>>| {
//! #     let response = Response::builder().status(503).body(Full::new(Bytes::new()));
//! #     response.map_err(|_| Error::Connection)
//! # });
//! // A 5xx is a failure, and so is a body that breaks off.
//! let breaker = CircuitBreakerLayer::standard().judge(AtEnd::new(HttpStatus::new()));
//! let handle = breaker.handle();
//! let mut service = ServiceBuilder::new().layer(breaker).service(client);
//!
//! let response = service.ready().await?.call(Request::default()).await?;
//! assert_eq!(response.status(), 503);
//! assert_eq!(handle.counts().failures, 1);
//! # Ok(())
//! # }
//! ```
//!
//! Where the status is enough there is [`CircuitBreakerLayer::http`]. A foreign error type goes
//! through `map_err` first, inside the breaker.
//!
//! # Settings
//!
//! | setting | standard | classic | |
//! |---|---|---|---|
//! | [`consecutive_failures`](Settings::consecutive_failures) | 8 | | failures in a row that trip it |
//! | [`failure_counter`](Settings::failure_counter) | | 5 | or: failures less successes |
//! | [`failure_rate`](Settings::failure_rate) | 55 % | | of the calls in the window |
//! | [`count_window`](Settings::count_window) | 60 calls | | |
//! | [`time_window`](Settings::time_window) | | | instead, 60 s say |
//! | [`min_calls`](Settings::min_calls) | 30 | | below that, no rates |
//! | [`slow_calls`](Settings::slow_calls) | off | | |
//! | [`open_for`](Settings::open_for) | 30 s | 60 s | doubled each time a probe fails |
//! | [`open_max`](Settings::open_max) | 5 min | as `open_for` | up to there |
//! | the service's `Retry-After` | up to 5 min | up to 5 min | or up to `open_max`, if that is longer |
//! | [`jitter`](Settings::jitter) | 10 % | none | taken off the time open |
//! | [`probes`](Settings::probes) | 1 | 1 | at the same time |
//! | [`probe_lease`](Settings::probe_lease) | 60 s | 60 s | after that one more may go |
//! | [`successes_to_close`](Settings::successes_to_close) | 2 | 2 | |
//! | [`max_keys`](Settings::max_keys) | 1,024 | 1,024 | with [`keyed`](CircuitBreakerLayer::keyed) |
//!
//! The classic numbers are those of the plain counter that most hand-written breakers are. The
//! standard ones are this stack's: the window is as large as a minute of a call a second, the rate
//! above one half so that a service that answers every other call stays in use, and the run of
//! failures short enough to catch an outage long before the window has filled.
//!
//! # Where to put it
//!
//! Inside the retries, so that each attempt counts and a retry is rejected once it has tripped;
//! outside the attempt timeout, so that a service that says nothing fails. A timeout above the
//! breaker only drops its future: with [`slow_calls`](Settings::slow_calls) such a drop counts as a
//! slow call, without it it does not count. One breaker per external service, not per request,
//! connection or route of an app; [`keyed`](CircuitBreakerLayer::keyed) makes one per host, model
//! or tenant behind the same client.
//!
//! # Cost
//!
//! Closed, a call takes no lock, allocates nothing and reads no clock. While the whole window is
//! well, it writes nothing either: it only loads a few words that all threads can keep in their
//! caches. For a while after a bad call each call does one compare-and-swap. A time window costs
//! one and a reading of the clock for every call; counting slow calls costs two readings.
//! Rejecting reads the clock once, and allocates nothing unless the error type does. What was
//! readied for a rejected call is let go: then the inner service is cloned.
//!
//! Features: `http` (on by default) brings [`CircuitBreakerLayer::http`].
#![cfg_attr(docsrs, feature(doc_cfg))]

mod breaker;
mod breakers;
mod error;
mod future;
mod handle;
mod keyed;
mod layer;
mod service;
mod settings;
mod state;
mod sync;
#[cfg(all(test, not(loom)))]
mod tests;
mod ticket;
mod validate;

pub use self::{
    breakers::{Breakers, OneBreaker},
    error::InvalidSettings,
    future::ResponseFuture,
    handle::{Counts, Handle},
    keyed::{Handles, KeyedBreakers},
    layer::CircuitBreakerLayer,
    service::CircuitBreaker,
    settings::Settings,
    state::{Change, Reason, State},
    ticket::Ticket,
};
