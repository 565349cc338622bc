//! Answers to callers: whole, streamed, or an error in their own dialect.

use super::app::App;
use axum::{body::Body, response::Response};
use buttress::{
    Call,
    llm::{AnswerBody, Dialect, ErrorAnswer, EventStream, Kind, LlmError, LlmResponse},
};
use bytes::Bytes;
use futures_core::Stream;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode, Uri,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

const ROUTE: HeaderName = HeaderName::from_static("x-buttress-route");
const COST: HeaderName = HeaderName::from_static("x-buttress-cost-usd");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-buttress-attempts");
const WAITED: HeaderName = HeaderName::from_static("x-buttress-waited-ms");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The answer of a route.
pub(super) fn success(app: &App, answer: LlmResponse, call: Call) -> Response {
    let LlmResponse {
        dialect,
        route,
        usage,
        headers: passed_on,
        body,
        ..
    } = answer;
    let (body, content_type) = match body {
        AnswerBody::Json(json) => (Body::from(json), JSON),
        AnswerBody::Stream(stream) => {
            let frames = Frames {
                stream: Some(stream),
                dialect,
                call: call.clone(),
            };
            (Body::from_stream(frames), EVENTS)
        }
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    *headers = passed_on;
    if content_type == EVENTS {
        headers.insert(CACHE_CONTROL, NO_CACHE);
    }
    headers.insert(CONTENT_TYPE, content_type);
    if let Some(sign) = route.and_then(|route| app.upstreams.sign(&route)) {
        let cost = sign.prices.and_then(|prices| prices.cost(&usage));
        if let Some(cost) = cost {
            put(headers, COST, format!("{cost:.6}"));
        }
        headers.insert(ROUTE, sign.name.clone());
    }
    tell_journey(headers, &call);
    log_answered(&call);
    response
}

/// The call was given up for good.
pub(super) fn error(dialect: Dialect, error: &LlmError, call: &Call) -> Response {
    log_given_up(error, call);
    let mut response = failed(error.render(dialect));
    let headers = response.headers_mut();
    if let Some(wait) = error.verdict().delay {
        put(headers, RETRY_AFTER, whole_seconds(wait).to_string());
    }
    give_up(headers);
    tell_journey(headers, call);
    response
}

/// A request to this path that was not let through to any route.
pub(super) fn refusal(
    path: &str,
    dialect: Dialect,
    status: StatusCode,
    kind: Kind,
    message: &str,
) -> Response {
    refused(
        path,
        ErrorAnswer::new(dialect, status.as_u16(), kind, message),
    )
}

/// A request to a path that is not there.
pub(super) fn unknown(path: &str, dialect: Dialect, message: &str) -> Response {
    refused(path, ErrorAnswer::unknown_url(dialect, message))
}

/// Of what a caller sent only the path is logged: the rest may hold a key.
fn refused(path: &str, answer: ErrorAnswer) -> Response {
    tracing::info!(status = answer.status, path, "refused");
    let mut response = failed(answer);
    // A request that did not arrive in time may do so the next time.
    if response.status() != StatusCode::REQUEST_TIMEOUT {
        give_up(response.headers_mut());
    }
    response
}

fn failed(answer: ErrorAnswer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// In which dialect to refuse a request that was not read: as its path or its headers tell.
pub(super) fn dialect_of(uri: &Uri, headers: &HeaderMap) -> Dialect {
    let anthropic =
        uri.path().starts_with("/v1/messages") || headers.contains_key("anthropic-version");
    if anthropic {
        Dialect::AnthropicMessages
    } else {
        Dialect::OpenAiChat
    }
}

/// All that could be tried was tried: the caller's SDK is not to start all over.
fn give_up(headers: &mut HeaderMap) {
    headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
}

fn tell_journey(headers: &mut HeaderMap, call: &Call) {
    headers.insert(ATTEMPTS, call.attempts().into());
    let waited = u64::try_from(call.total_waited().as_millis()).unwrap_or(u64::MAX);
    headers.insert(WAITED, waited.into());
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

/// Rounded up: whoever comes back must not come too early.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// A call that had to be recovered is worth a line; one that went well is not.
fn log_answered(call: &Call) {
    let attempts = call.attempts();
    if attempts > 1 {
        let journey = call.journey();
        tracing::info!(attempts, "recovered:\n{journey}");
    } else {
        tracing::debug!("answered");
    }
}

fn log_given_up(error: &LlmError, call: &Call) {
    let kind = error.kind();
    let attempts = call.attempts();
    match kind {
        // The caller's own affair.
        Kind::InvalidRequest | Kind::ContextLength | Kind::ContentPolicy => {
            tracing::info!(%kind, attempts, "given up: {error}");
        }
        _ => {
            let journey = call.journey();
            tracing::warn!(%kind, attempts, "given up: {error}\n{journey}");
        }
    }
}

/// The frames of a stream. When it breaks, the caller is told so in its own dialect: there is
/// no end that could be taken for a proper one.
struct Frames {
    stream: Option<EventStream>,
    dialect: Dialect,
    call: Call,
}

impl Stream for Frames {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(None);
        };
        let next = ready!(Pin::new(stream).poll_next(cx));
        Poll::Ready(match next {
            Some(Ok(event)) => Some(Ok(event.frame)),
            Some(Err(error)) => {
                self.stream = None;
                log_given_up(&error, &self.call);
                Some(Ok(error.render_event(self.dialect)))
            }
            None => {
                self.stream = None;
                None
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    /// Where a test's log goes.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_refusal_is_logged_with_its_status_and_path() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let status = StatusCode::UNAUTHORIZED;
            refusal(
                "/v1/messages",
                Dialect::OpenAiChat,
                status,
                Kind::Auth,
                "no",
            );
            unknown("/v1/embeddings", Dialect::OpenAiChat, "nothing here");
        });
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<_> = log.lines().collect();
        assert_eq!(lines.len(), 2, "{log}");
        assert!(lines[0].contains("INFO"), "{log}");
        assert!(
            lines[0].contains("status=401 path=\"/v1/messages\""),
            "{log}"
        );
        assert!(
            lines[1].contains("status=404 path=\"/v1/embeddings\""),
            "{log}"
        );
    }

    #[test]
    fn only_a_request_that_came_too_slowly_may_be_sent_again() {
        let retry = |status| {
            let answer = refusal("/", Dialect::OpenAiChat, status, Kind::Timeout, "no");
            !answer.headers().contains_key(SHOULD_RETRY)
        };
        assert!(retry(StatusCode::REQUEST_TIMEOUT));
        assert!(!retry(StatusCode::PAYLOAD_TOO_LARGE));
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds_and_never_too_short() {
        assert_eq!(whole_seconds(Duration::ZERO), 0);
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(7)), 7);
        assert_eq!(whole_seconds(Duration::from_millis(7001)), 8);
    }
}
