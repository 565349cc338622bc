//! LLM requests, answers, dialects, streams and provider errors, without sockets.

mod classify;
mod dialect;
mod error;
mod kind;
mod provider;
mod request;
mod response;
mod sse;
mod stream;
mod transport;
mod verdict;

pub use self::{
    classify::{Answer, classify, classify_error_object, classify_finish, delay},
    error::{ErrorAnswer, LlmError, ProviderError, Truncated},
    kind::Kind,
    provider::{InvalidProvider, Provider},
    transport::TransportError,
    verdict::{Fallback, Verdict},
};
