//! Retry-After and rate-limit headers, and the gate that a limited key's calls wait behind.
//!
//! Two layers that need not know each other:
//!
//! - [`RetryAfterLayer`] reads what each HTTP answer says about limits and about coming back, in
//!   any of the forms that providers use, and leaves it in the answer's extensions: a
//!   [`RateLimit`], and the `RetryAfter` that the classifiers of `buttress-core` look for. The
//!   parsers are public and pure.
//! - [`GateLayer`] acts on verdicts, wherever they come from. A failure that blames the key,
//!   or a limit of it, closes the key's gate for all callers: who would only be told "429" again
//!   waits in line here, or is turned away at once and can go elsewhere.
//!
//! ```
//! use buttress_core::{Carried, http::{AtEnd, HttpStatus}};
//! use buttress_retry_after::{
//!     FromRateLimit, GateLayer, GateSettings, GateState, RetryAfterLayer,
//! };
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use std::time::Duration;
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), BoxError> {
//! let settings = GateSettings::standard().max_wait(Duration::from_secs(10));
//! let gate = GateLayer::new(settings)?
//!     .judge(AtEnd::new(HttpStatus::new()))
//!     .pace_hint(FromRateLimit::new())
//!     .observe(Carried::new());
//! let handle = gate.handle();
//! let client = ServiceBuilder::new()
//!     .layer(gate)
//!     .layer(RetryAfterLayer::new())
//!     .service(service_fn(async |_: Request<&'static str>| {
//!         let answer = Response::builder().status(429).header("retry-after", "20");
//!         Ok::<_, BoxError>(answer.body(Full::new(&b"slow down"[..]))?)
//!     }));
//!
//! let answer = client.clone().oneshot(Request::new("first")).await?;
//! assert_eq!(answer.status(), 429);
//! assert_eq!(handle.state(), GateState::Closed { wait: Duration::from_secs(20) });
//! // Twenty seconds are more than a call may wait here: nothing is sent.
//! let refused = client.oneshot(Request::new("second")).await.unwrap_err();
//! assert_eq!(refused.to_string(), "rate limited, and the wait is longer than allowed, retry after 20s");
//! # Ok(())
//! # }
//! ```
//!
//! # What closes a gate
//!
//! | verdict | the gate |
//! |---|---|
//! | transient, blames the key or a limit of it, with a wait | closes until then |
//! | the same without a wait | closes for a back-off of its own, doubled until a success |
//! | persistent, blames the key (invalid, or its money spent) | parks the key, for the wait if there is one, at [all gates](SharedKey) of it |
//! | persistent, blames a limit of the key (the quota of a day) | parks the key here, for the wait if there is one |
//! | anything else | does not care |
//!
//! A wait of more than [`max_closed`](GateSettings::max_closed) is not believed to its end: then one
//! call tries the key, and the gate goes on by what it finds out.
//!
//! Many calls that hit the same limit close it once. What a call says that was let in before the
//! last closing counts only as far as it asks for a longer wait. A call that its caller drops
//! counts neither way.
//!
//! # While it is closed
//!
//! A call stands in line, first come, first served, if its turn can come before its deadline,
//! within its patience and within the gate's own limit; otherwise it is turned away at once with
//! [`Rejected`](buttress_core::Rejected): `GateClosed`, `KeyUnusable` while it is parked, or
//! `QueueFull`, and the time until its turn would come. So is a call in line when the gate closes
//! for longer than it can wait. A call that is dropped in line gives its place up; dropped when
//! its turn has come, it passes the turn on. It holds nothing of the inner service while it
//! waits, see [`Gate`].
//!
//! A call joins the line when its future is polled for the first time. One that is polled no more,
//! and not dropped either, is in the way of those behind it until its own time limit, when it
//! loses its place.
//!
//! # How it reopens
//!
//! Not for all at once, who would meet the next limit together. Calls go one after the other, at
//! the pace that the headers told ([`PaceHint`]), or else at a pace that starts slow, grows by
//! itself each second in which all is well, and halves at each new limit: additive increase and
//! multiplicative decrease, as in TCP (RFC 5681). After some time without a new limit, when
//! nobody waits, the gate is open. A parked key is tried by one call at a time until one
//! succeeds; of a stream it is enough that it began. One that is not heard of keeps its place for
//! a [lease](GateSettings::probe_lease) and no longer.
//!
//! # A key with several limits
//!
//! Many services limit each model, or each kind of call, by itself. Then each has a layer of its
//! own, and a [`SharedKey`] what they have in common: [`of_key`](GateLayer::of_key). That the key is
//! unusable parks all of its gates, and whoever stands in line at any of them hears of it. After that
//! one call at a time tries it, at whichever gate it comes, and what it finds out holds for all
//! again. What blames a limit stays with the gate that heard it.
//!
//! # What it costs
//!
//! One atomic load for a call through an open gate, and one more when it succeeds: no lock, no
//! allocation, no look at the clock. With keys there is a lookup under a read lock as well.
//! A call that has to wait allocates its place.
//!
//! # Settings of the gate
//!
//! [`GateSettings`], which are looked at when a layer is made of them, and what the layer itself is
//! told:
//!
//! | setting | default | |
//! |---|---|---|
//! | [`max_wait`](GateSettings::max_wait) | 30 s | longest time in line |
//! | [`max_waiting`](GateSettings::max_waiting) | 1,000 | most calls in line, for each gate |
//! | [`backoff`](GateSettings::backoff) | 1 s, up to 30 s | closed when no wait was told |
//! | [`park_for`](GateSettings::park_for) | 60 s | parked when no wait was told |
//! | [`max_closed`](GateSettings::max_closed) | 1 h | shut on the word of the service before a call tries the key |
//! | [`probe_lease`](GateSettings::probe_lease) | 30 s | for which one call tries a key alone |
//! | [`spacing`](GateSettings::spacing) | 200 ms | between two calls at first after reopening |
//! | [`well_after`](GateSettings::well_after) | 10 s | of health until it is open |
//! | [`of_key`](GateLayer::of_key) | none | the other gates of the key |
//! | [`keyed`](GateLayer::keyed) | one gate | a gate for each key of a request |
//! | [`max_keys`](GateSettings::max_keys) | 1,024 | most gates, see [`KeyedGates`] for which gives way |
//! | [`pace_hint`](GateLayer::pace_hint) | none | learns the pace from answers |
//! | [`classify`](GateLayer::classify), [`judge`](GateLayer::judge) | by the error | judges answers |
//! | [`observe`](GateLayer::observe) | none | deadline and patience of calls, and reports |
//!
//! Where they come from: 60 s is the longest wait that most official SDKs honour, and half of it
//! leaves a call the time to be answered; 200 ms are 300 calls a minute, between the limits of
//! small accounts, which halving soon finds, and those of large ones, which growth does; in 1 h
//! a key with a wrong or hostile header is back while its users still are there, and one whose
//! quota of a day is spent is asked for nothing 24 times at most. The
//! others are round numbers of the size that the official SDKs' own back-off has.

mod details;
mod duration;
mod gate;
mod layer;
mod limit;
mod rate_limit;
mod structured;
mod sync;
mod time;

pub use self::{
    duration::{go_duration, proto_duration, wait_in_text},
    gate::{
        Found, FromRateLimit, Gate, GateHandle, GateHandles, GateLayer, GateResponseFuture,
        GateSettings, GateState, GateWitness, Gates, Hint, InvalidGateSettings, KeyedGates, Notice,
        OneGate, PaceHint, SharedKey,
    },
    layer::{ResponseFuture, RetryAfterLayer, RetryAfterService},
    limit::{Dimension, Limit},
    rate_limit::RateLimit,
    time::{epoch, rfc3339},
};
