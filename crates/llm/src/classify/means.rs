//! The meanings that rules choose from.

use crate::{Fallback, Kind, Verdict};
use buttress_core::Blame;

pub(crate) const RATE_LIMITED: Verdict =
    Verdict::new(Kind::RateLimited, "the key's rate limit is reached");

pub(crate) const OVERLOADED: Verdict = Verdict::new(Kind::Overloaded, "the service is overloaded");

pub(crate) const SERVER_ERROR: Verdict = Verdict::new(Kind::ServerError, "the service failed");

/// A server that says "timed out" has ended the work.
pub(crate) const TIMEOUT: Verdict = Verdict::new(Kind::Timeout, "the service ran out of time");

/// The same request tends to run into the same limit again.
pub(crate) const MODEL_TIMEOUT: Verdict =
    Verdict::new(Kind::Timeout, "the model ran out of time").retry_same(false);

pub(crate) const CONFLICT: Verdict = Verdict::new(
    Kind::Transient,
    "the request conflicts with another one just now",
);

pub(crate) const INVITED: Verdict = Verdict::new(
    Kind::Transient,
    "the server says that it may be tried again",
);

pub(crate) const AT_ONCE: Verdict =
    Verdict::new(Kind::Transient, "the server asks to try again at once").blame(Blame::Service);

pub(crate) const NOT_READY: Verdict =
    Verdict::new(Kind::Transient, "the model is not ready yet").blame(Blame::Service);

/// A cancelled call is the caller's doing.
pub(crate) const CANCELLED: Verdict = Verdict::new(Kind::Transient, "the call was cancelled")
    .retry_same(false)
    .fallback(Fallback::No);

pub(crate) const QUOTA: Verdict = Verdict::new(
    Kind::QuotaExhausted,
    "the account's quota or money is used up",
);

/// What is counted by the day mostly counts each model by itself. Where nobody says, the others
/// are given the benefit of the doubt.
pub(crate) const ONE_QUOTA: Verdict = Verdict::new(
    Kind::QuotaExhausted,
    "a quota is used up, perhaps of this model alone",
)
.blame(Blame::Limit);

pub(crate) const AUTH: Verdict = Verdict::new(Kind::Auth, "the key is missing, wrong or expired");

pub(crate) const PERMISSION: Verdict = Verdict::new(Kind::Permission, "the key may not do this");

pub(crate) const REGION: Verdict = Verdict::new(
    Kind::Permission,
    "the service is not offered in this region",
);

pub(crate) const NOT_FOUND: Verdict =
    Verdict::new(Kind::NotFound, "no such model, deployment or endpoint");

pub(crate) const INVALID: Verdict = Verdict::new(Kind::InvalidRequest, "the request is not valid");

/// Not valid here, and as it is perhaps elsewhere.
pub(crate) const NOT_HERE: Verdict = Verdict::new(
    Kind::InvalidRequest,
    "the service does not do this, or not in its present state",
)
.fallback(Fallback::Yes);

pub(crate) const TOO_LONG: Verdict = Verdict::new(
    Kind::ContextLength,
    "the request is longer than the model's context window",
);

/// No wait helps a request that is larger than what a whole minute allows; another place may
/// allow more.
pub(crate) const TOO_LARGE_FOR_LIMIT: Verdict = Verdict::new(
    Kind::ContextLength,
    "this one request is larger than the whole rate limit",
)
.fallback(Fallback::Yes);

pub(crate) const POLICY: Verdict = Verdict::new(
    Kind::ContentPolicy,
    "a content filter or safety system refused",
);

pub(crate) const REFUSAL: Verdict = Verdict::new(Kind::ContentPolicy, "the model refused").usable();

pub(crate) const FILTERED: Verdict =
    Verdict::new(Kind::ContentPolicy, "a content filter stopped the answer").usable();

pub(crate) const CUT_AT_LIMIT: Verdict = Verdict::new(
    Kind::Partial,
    "the answer reached a token limit and is cut off",
)
.usable();

pub(crate) const PAUSED: Verdict = Verdict::new(
    Kind::Partial,
    "the model paused its turn: send the content back to go on",
)
.usable();

/// The same request, asked again, usually comes out right.
pub(crate) const MALFORMED_OUTPUT: Verdict =
    Verdict::new(Kind::Partial, "the model's output is malformed")
        .retry_same(true)
        .fallback(Fallback::Yes);

pub(crate) const EMPTY: Verdict = Verdict::new(Kind::Partial, "the answer is empty")
    .retry_same(true)
    .fallback(Fallback::Yes);

/// The service did not even finish its own envelope.
pub(crate) const CUT_OFF: Verdict =
    Verdict::new(Kind::Partial, "the answer breaks off or is not JSON")
        .blame(Blame::Service)
        .retry_same(true)
        .fallback(Fallback::Yes);

pub(crate) const PAGE: Verdict =
    Verdict::new(Kind::ServerError, "a web page came in place of the answer");

/// The request was right and went to the wrong place, which is no fault of its caller's or of the
/// service's.
pub(crate) const REDIRECT: Verdict = Verdict::new(
    Kind::NotFound,
    "a redirect, which is not followed: base_url is likely wrong",
)
.blame(Blame::Local);
