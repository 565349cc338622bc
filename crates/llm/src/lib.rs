//! LLM requests, answers, dialects, streams and provider errors, without sockets.

mod classify;
mod cross;
mod dialect;
mod error;
mod kind;
mod provider;
mod request;
mod response;
pub mod sse;
mod stream;
mod transport;
mod verdict;

pub use self::{
    classify::{Answer, classify, classify_error_object, classify_finish, delay},
    cross::{Finish, InvalidAnswer, Stop, cross_response, read_finish, read_usage},
    dialect::{Dialect, InvalidDialect},
    error::{ErrorAnswer, LlmError, ProviderError, Truncated},
    kind::Kind,
    provider::{InvalidProvider, Provider},
    request::{ChatBuilder, Encoded, Feature, InvalidRequest, LlmRequest, Target},
    response::{AnswerBody, AtStreamEnd, EventPipe, EventStream, LlmResponse, StreamEvent, Usage},
    stream::{
        Delta, End, Part, Start, StreamError, StreamItem, StreamReader, StreamTranslator, Summary,
        Text, ToolCallSeen, ToolDelta,
    },
    transport::TransportError,
    verdict::{Fallback, Verdict},
};
