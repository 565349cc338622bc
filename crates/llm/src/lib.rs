//! LLM requests, answers, dialects, streams and provider errors, without sockets.
//!
//! # What a failing answer means
//! [`classify`] judges an answer of a [`Provider`], of whatever shape: its status, its headers,
//! its codes and its words, also inside a 200. The [`Verdict`] says what [`Kind`] of failure it
//! is, whom it speaks about, whether to send the request again, where else, and after which
//! wait; [`Verdict::failure`] says the same to the layers of the stack.
//!
//! ```
//! use buttress_llm::{Answer, Kind, Provider, classify};
//! use http::HeaderMap;
//! use std::time::Duration;
//!
//! let headers = HeaderMap::new();
//! let body = br#"{"error": {"message": "Rate limit reached. Please try again in 644ms.",
//!                          "type": "tokens", "code": "rate_limit_exceeded"}}"#;
//! let verdict = classify(Provider::OpenAi, &Answer::new(429, &headers, body)).unwrap_err();
//! assert_eq!(verdict.kind, Kind::RateLimited);
//! assert_eq!(verdict.delay, Some(Duration::from_millis(644)));
//! assert!(!verdict.counts_toward_breaker());
//! ```
//!
//! | kind | blames | same place again | elsewhere | class for the layers |
//! |---|---|---|---|---|
//! | [`RateLimited`](Kind::RateLimited) | limit | after the wait asked for | yes | transient |
//! | [`Overloaded`](Kind::Overloaded), [`ServerError`](Kind::ServerError) | service | yes | yes | transient |
//! | [`Transient`](Kind::Transient): a conflict | request | yes | yes | transient |
//! | [`Transient`](Kind::Transient): a broken connection | service | yes | yes | transient |
//! | [`Timeout`](Kind::Timeout), told by the service | service | yes | yes | transient |
//! | [`Timeout`](Kind::Timeout), nobody answered | service | once | yes | timeout |
//! | [`QuotaExhausted`](Kind::QuotaExhausted), [`Auth`](Kind::Auth) | key | no | yes | persistent |
//! | [`QuotaExhausted`](Kind::QuotaExhausted): perhaps of one model alone | limit | no | yes | persistent |
//! | [`Permission`](Kind::Permission) | request | no | yes | persistent |
//! | [`NotFound`](Kind::NotFound) | request | no | yes | persistent |
//! | [`InvalidRequest`](Kind::InvalidRequest), [`ContentPolicy`](Kind::ContentPolicy) | request | no | to routes that opt in | bad input |
//! | [`ContextLength`](Kind::ContextLength) | request | no | to a larger window | bad input |
//! | [`ContextLength`](Kind::ContextLength): larger than the whole rate limit | request | no | yes | bad input |
//! | [`Partial`](Kind::Partial): cut at its token limit | request | no | no | partial |
//! | [`Partial`](Kind::Partial): malformed or empty output | request | yes | yes | transient |
//! | [`Partial`](Kind::Partial): the answer broke off | service | yes | yes | transient |
//! | [`Rejected`](Kind::Rejected) | local | no | yes | rejected |
//!
//! `x-should-retry` and gRPC's pushback overrule the third column. [`LlmError`] is the one error
//! that a service of this stack gives, and renders itself for the caller in any dialect.

mod classify;
mod cross;
mod dialect;
mod error;
mod headers;
mod kind;
mod lax;
mod model;
mod provider;
mod request;
mod response;
pub mod sse;
mod stream;
mod transport;
mod verdict;

pub(crate) use self::lax::{Lax, seconds};
pub use self::{
    classify::{Answer, classify, classify_error_object, classify_finish, delay},
    cross::{AnswerTranslator, Finish, InvalidAnswer, Stop, read_finish, read_usage},
    dialect::{Dialect, InvalidDialect},
    error::{ErrorAnswer, LlmError, ProviderError, Truncated, WrongAnswer},
    headers::passed_on,
    kind::Kind,
    provider::{InvalidProvider, Provider},
    request::{
        ChatBuilder, Complaint, Encoded, Feature, InvalidRequest, LlmRequest, Prefill, Structured,
        Target, ToolParameters,
    },
    response::{
        AnswerBody, AtStreamEnd, AttemptUsage, Continuation, EventPipe, EventStream, LlmResponse,
        Said, SaidReader, StreamEvent, Tally, Told, Usage,
    },
    stream::{
        Delta, End, Part, Start, StreamError, StreamItem, StreamReader, StreamTranslator, Summary,
        Text, ToolCallSeen, ToolDelta,
    },
    transport::TransportError,
    verdict::{Fallback, Verdict},
};
