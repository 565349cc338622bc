//! An error as its caller knows errors: with the status, the codes and the shape of the dialect
//! in which the request was made.

use super::{LlmError, ProviderError, conceal::conceal, foremost};
use crate::{Dialect, Kind, Verdict};
use buttress_core::Cause;
use bytes::Bytes;
use serde_json::{Value, json};
use std::borrow::Cow;

/// An error in the shape of a dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorAnswer {
    /// The status to answer with.
    pub status: u16,
    /// The body: JSON.
    pub body: Bytes,
}

impl ErrorAnswer {
    /// What a server in between has to say on its own account: of a request that it did not let
    /// through, for example.
    #[must_use]
    pub fn new(dialect: Dialect, status: u16, kind: Kind, message: &str) -> Self {
        let body = match dialect {
            Dialect::OpenAiChat | Dialect::OpenAiResponses => {
                openai_body(kind, status, message, None)
            }
            Dialect::AnthropicMessages => anthropic_body(kind, status, message),
            Dialect::Gemini => gemini_body(status, message),
        };
        let body = body.to_string().into();
        Self { status, body }
    }

    /// What a server has to say of an address at which it has nothing: a 404 that is not about
    /// a model.
    #[must_use]
    pub fn unknown_url(dialect: Dialect, message: &str) -> Self {
        let status = 404;
        let body = match dialect {
            Dialect::OpenAiChat | Dialect::OpenAiResponses => {
                let (kind, _) = openai_words(Kind::NotFound, status);
                openai_error(kind, Some("unknown_url"), message, None)
            }
            Dialect::AnthropicMessages => anthropic_body(Kind::NotFound, status, message),
            Dialect::Gemini => gemini_body(status, message),
        };
        let body = body.to_string().into();
        Self { status, body }
    }
}

fn openai_body(kind: Kind, status: u16, message: &str, param: Option<&str>) -> Value {
    let (kind, code) = openai_words(kind, status);
    openai_error(kind, code, message, param)
}

fn openai_error(kind: &str, code: Option<&str>, message: &str, param: Option<&str>) -> Value {
    json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
}

/// The event that tells of this error in a stream of a response: as it is documented, and as
/// OpenAI sends it, which is what its SDKs know for an error. They do not look at the number,
/// which only whoever wrote the events before can know.
fn openai_event(error: &Value) -> Value {
    json!({
        "type": "error",
        "sequence_number": 0,
        "code": error["code"],
        "message": error["message"],
        "param": error["param"],
        "error": error,
    })
}

fn anthropic_body(kind: Kind, status: u16, message: &str) -> Value {
    let kind = anthropic_words(kind, status);
    json!({"type": "error", "error": {"type": kind, "message": message}})
}

/// Gemini tells what happened by the status alone, in its own word and in that of gRPC.
fn gemini_body(status: u16, message: &str) -> Value {
    let word = gemini_word(status);
    json!({"error": {"code": status, "message": message, "status": word}})
}

impl LlmError {
    /// The status that tells a caller of this dialect what happened: the true one, where a
    /// provider answered with one that the dialect knows.
    ///
    /// | | status |
    /// |---|---|
    /// | the provider answered with a registered status of failure | that |
    /// | overloaded | 503, to a caller of Anthropic's 529 |
    /// | rate limited, the key's gate closed | 429 |
    /// | quota used up | 429, to a caller of Anthropic's 402 |
    /// | key refused | 401 |
    /// | no answer in time, deadline past | 504 |
    /// | circuit open, key left alone by hand, upstream calls spent | 503 |
    /// | connection broken, stream cut off, malformed answer, redirect | 502 |
    /// | the answer not what was asked for, nor its corrections | 502 |
    /// | request not valid, too long, refused; no route takes such a request | 400 |
    /// | another request than before at its step of a session | 409 |
    ///
    /// A call that was not made because of a failure before it is told of as that failure: while
    /// a key is left alone that was refused, everybody hears 401.
    #[must_use]
    pub fn status_for(&self, dialect: Dialect) -> u16 {
        match self {
            Self::Provider(error) => status(dialect, error.status(), &error.verdict()),
            Self::Exhausted(exhausted) => match foremost(exhausted) {
                Some(error) => error.status_for(dialect),
                None => status(dialect, None, &self.verdict()),
            },
            Self::Rejected(rejected) => match (self.kind(), rejected.cause) {
                (Kind::Rejected, Cause::GateClosed | Cause::QueueFull) => 429,
                (Kind::Rejected, Cause::DeadlinePast) => 504,
                (_, Cause::RequestChanged) => 409,
                _ => status(dialect, None, &self.verdict()),
            },
            Self::Transport { .. } if self.kind() != Kind::Timeout => match self.kind() {
                Kind::RateLimited => 429,
                _ => 502,
            },
            _ => status(dialect, None, &self.verdict()),
        }
    }

    /// The answer to a caller of this dialect.
    ///
    /// What a provider of the same dialect said goes through as it is; what one of another
    /// dialect said is said in the words of this one. What a provider said of its key, and of what
    /// the key may do, does not go through: the key is not the caller's.
    #[must_use]
    pub fn render(&self, dialect: Dialect) -> ErrorAnswer {
        let status = self.status_for(dialect);
        let body = match self.own_words(dialect) {
            Some(body) => body,
            None => Bytes::from(self.in_words_of(dialect).to_string()),
        };
        ErrorAnswer { status, body }
    }

    /// The event that ends a stream which this error broke. No end marker may follow it.
    #[must_use]
    pub fn render_event(&self, dialect: Dialect) -> Bytes {
        let own = self.own_words(dialect);
        let own = own.and_then(|body| serde_json::from_slice::<Value>(&body).ok());
        // Written anew: an event of several lines is one that some readers get wrong.
        let mut body = own.unwrap_or_else(|| self.in_words_of(dialect));
        let head = match dialect {
            Dialect::OpenAiChat | Dialect::Gemini => "",
            Dialect::AnthropicMessages => "event: error\n",
            Dialect::OpenAiResponses => {
                body = openai_event(&body["error"]);
                "event: error\n"
            }
        };
        Bytes::from(format!("{head}data: {body}\n\n"))
    }

    /// The provider's own body, where the caller will understand it and may see it.
    fn own_words(&self, dialect: Dialect) -> Option<Bytes> {
        let error = self.provider_error()?;
        let may_pass = error.is_whole() && !error.is_redirect() && !is_of_key(error);
        // Both of OpenAI's dialects have the same errors.
        let family = match dialect {
            Dialect::OpenAiResponses => Dialect::OpenAiChat,
            dialect => dialect,
        };
        if !may_pass || error.provider().dialect() != Some(family) {
            return None;
        }
        let text = str::from_utf8(error.body()).ok()?;
        let body: Value = serde_json::from_str(text).ok()?;
        let shaped = body.get("error").is_some_and(Value::is_object)
            && match dialect {
                // Not an answer that tells of a failure.
                Dialect::OpenAiChat | Dialect::OpenAiResponses => body.get("object").is_none(),
                Dialect::AnthropicMessages => body.get("type").is_some_and(|kind| kind == "error"),
                Dialect::Gemini => body.pointer("/error/status").is_some_and(Value::is_string),
            };
        let harmless = matches!(conceal(text), Cow::Borrowed(_));
        (shaped && harmless).then(|| error.body().clone())
    }

    fn in_words_of(&self, dialect: Dialect) -> Value {
        let message = self.message();
        let kind = self.caller_kind();
        let error = self.provider_error();
        match dialect {
            Dialect::OpenAiChat | Dialect::OpenAiResponses => {
                let param = error.and_then(ProviderError::param).map(conceal);
                openai_body(kind, self.status_for(dialect), &message, param.as_deref())
            }
            Dialect::AnthropicMessages => {
                let mut body = anthropic_body(kind, self.status_for(dialect), &message);
                if self.is_about_threads() {
                    // By this the tool runners of its SDKs know to send the whole conversation.
                    let details = json!({"error_code": "thread_unsupported_request"});
                    body["error"]["details"] = details;
                }
                let id = error.and_then(ProviderError::request_id);
                if let (Some(id), Some(body)) = (id, body.as_object_mut()) {
                    body.insert("request_id".to_owned(), id.into());
                }
                body
            }
            Dialect::Gemini => {
                let mut body = gemini_body(self.status_for(dialect), &message);
                // Its SDKs read no header for it.
                if let Some(wait) = self.verdict().delay {
                    body["error"]["details"] = json!([{
                        "@type": "type.googleapis.com/google.rpc.RetryInfo",
                        "retryDelay": format!("{}s", wait.as_millis().div_ceil(1000)),
                    }]);
                }
                body
            }
        }
    }

    /// What is said to the caller: the provider's words, unless they speak of its key or of
    /// another place.
    fn message(&self) -> String {
        if let Self::Uncorrected(uncorrected) = self {
            let problems = uncorrected.last().map_or(&[][..], |wrong| &wrong.problems);
            return format!("{self}: {}", problems.join("; "));
        }
        match self.provider_error() {
            Some(error) if is_of_key(error) || error.is_redirect() => {
                format!("{}: {}", error.provider(), error.verdict().why)
            }
            Some(error) => {
                let own = || error.verdict().why.to_owned();
                error.message().unwrap_or_else(own)
            }
            None => self.to_string(),
        }
    }

    /// What happened, as a caller who knows nothing of layers would put it.
    fn caller_kind(&self) -> Kind {
        match (self, self.kind()) {
            (Self::Exhausted(exhausted), kind) => {
                foremost(exhausted).map_or(kind, Self::caller_kind)
            }
            (Self::Rejected(rejected), Kind::Rejected) => match rejected.cause {
                Cause::GateClosed | Cause::QueueFull => Kind::RateLimited,
                Cause::DeadlinePast => Kind::Timeout,
                // Nobody has too much to do: the key has to be seen to.
                Cause::KeyUnusable => Kind::ServerError,
                _ => Kind::Overloaded,
            },
            // A certificate that this side does not trust is no fault of the caller's, nor is an
            // address that this side has wrong.
            (Self::Transport { .. }, Kind::InvalidRequest) => Kind::ServerError,
            (Self::Provider(error), _) if error.is_redirect() => Kind::ServerError,
            (_, kind) => kind,
        }
    }
}

/// Whether it speaks of the key: the key was refused, or what was asked is not allowed to it.
const fn is_of_key(error: &ProviderError) -> bool {
    matches!(error.verdict().kind, Kind::Auth | Kind::Permission)
}

/// The provider's own status where callers know it, else the one that the kind stands for.
fn status(dialect: Dialect, status: Option<u16>, verdict: &Verdict) -> u16 {
    let (overloaded, spent) = match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Gemini => (503, 429),
        Dialect::AnthropicMessages => (529, 402),
    };
    match (verdict.kind, status) {
        // Not for the caller, who asked in the right place.
        (_, Some(300..400)) => 502,
        // Each dialect has its own number for it.
        (Kind::Overloaded, Some(503 | 529) | None) => overloaded,
        // Google calls a key that it refuses an argument of the request.
        (Kind::Auth, Some(400)) => 401,
        // Registered statuses; others (498, 520 to 530, …) are one vendor's.
        (_, Some(status @ (400..=418 | 421..=426 | 428 | 429 | 431 | 451 | 500..=511))) => status,
        (Kind::Overloaded, _) => overloaded,
        (Kind::RateLimited, _) => 429,
        (Kind::QuotaExhausted, _) => spent,
        (Kind::ServerError | Kind::Partial, _) => 502,
        (Kind::Transient | Kind::Rejected, _) => 503,
        (Kind::Timeout, _) => 504,
        (Kind::Auth, _) => 401,
        (Kind::Permission, _) => 403,
        (Kind::NotFound, _) => 404,
        (Kind::InvalidRequest | Kind::ContextLength | Kind::ContentPolicy, _) => 400,
    }
}

/// The `type` and `code` that OpenAI has for it.
const fn openai_words(kind: Kind, status: u16) -> (&'static str, Option<&'static str>) {
    match kind {
        // The request is at odds with another one, and no server is to blame.
        Kind::Transient if status == 409 => ("invalid_request_error", None),
        Kind::RateLimited => ("requests", Some("rate_limit_exceeded")),
        Kind::QuotaExhausted => ("insufficient_quota", Some("insufficient_quota")),
        Kind::Overloaded | Kind::Rejected => {
            ("service_unavailable_error", Some("server_is_overloaded"))
        }
        Kind::ServerError | Kind::Transient | Kind::Partial => ("server_error", None),
        Kind::Timeout => ("timeout", None),
        Kind::Auth => ("invalid_request_error", Some("invalid_api_key")),
        Kind::Permission => ("invalid_request_error", Some("permission_denied")),
        Kind::NotFound => ("invalid_request_error", Some("model_not_found")),
        Kind::InvalidRequest => ("invalid_request_error", None),
        Kind::ContextLength => ("invalid_request_error", Some("context_length_exceeded")),
        Kind::ContentPolicy => ("invalid_request_error", Some("content_policy_violation")),
    }
}

/// The `status` that Gemini has for a status of HTTP.
const fn gemini_word(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        501 => "UNIMPLEMENTED",
        502 | 503 => "UNAVAILABLE",
        408 | 504 => "DEADLINE_EXCEEDED",
        400..=499 => "INVALID_ARGUMENT",
        _ => "INTERNAL",
    }
}

/// The `type` that Anthropic has for it.
const fn anthropic_words(kind: Kind, status: u16) -> &'static str {
    match (kind, status) {
        (_, 413) => "request_too_large",
        (_, 409) => "conflict_error",
        (Kind::RateLimited, _) => "rate_limit_error",
        (Kind::QuotaExhausted, _) => "billing_error",
        (Kind::Overloaded | Kind::Rejected, _) => "overloaded_error",
        (Kind::ServerError | Kind::Transient | Kind::Partial, _) => "api_error",
        (Kind::Timeout, _) => "timeout_error",
        (Kind::Auth, _) => "authentication_error",
        (Kind::Permission, _) => "permission_error",
        (Kind::NotFound, _) => "not_found_error",
        (Kind::InvalidRequest | Kind::ContextLength | Kind::ContentPolicy, _) => {
            "invalid_request_error"
        }
    }
}
