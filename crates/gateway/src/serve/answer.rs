//! Answers to callers: whole, streamed, or an error in their own dialect.

use super::{app::App, frames::Frames, log::CallLog, serving::Serving, upstreams::Upstreams};
use axum::{body::Body, response::Response};
use buttress::{
    Call,
    llm::{AnswerBody, AttemptUsage, Dialect, ErrorAnswer, LlmError, LlmResponse},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
};
use std::time::Duration;

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(super) const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");
pub(super) const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

const ROUTE: HeaderName = HeaderName::from_static("x-buttress-route");
const COST: HeaderName = HeaderName::from_static("x-buttress-cost-usd");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-buttress-attempts");
const WAITED: HeaderName = HeaderName::from_static("x-buttress-waited-ms");
pub(super) const QUEUED: HeaderName = HeaderName::from_static("x-buttress-queued");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The answer of a route.
pub(super) fn success(
    app: &App,
    serving: &Serving,
    answer: LlmResponse,
    mut log: CallLog,
) -> Response {
    let LlmResponse {
        dialect,
        route,
        usage,
        attempts,
        headers: mut head,
        body,
        ..
    } = answer;
    let upstreams = &serving.upstreams;
    let sign = route.as_ref().and_then(|route| upstreams.sign(route));
    if sign.is_none() && route.as_deref() == Some(buttress::journal::ROUTE) {
        app.metrics.answered_from_journal();
        head.insert(ROUTE, HeaderValue::from_static(buttress::journal::ROUTE));
    }
    if let Some(sign) = sign {
        let cost = match &attempts[..] {
            [] => sign.prices.and_then(|prices| prices.cost(&usage)),
            attempts => cost_of(upstreams, attempts),
        };
        if let Some(cost) = cost {
            put(&mut head, COST, format!("{cost:.6}"));
        }
        head.insert(ROUTE, sign.name.clone());
    }
    log.route(route);
    log.id().tell(&mut head);
    tell_journey(&mut head, log.call());
    let body = match body {
        AnswerBody::Json(json) => {
            head.insert(CONTENT_TYPE, JSON);
            log.answered();
            Body::from(json)
        }
        AnswerBody::Stream(stream) => {
            head.insert(CACHE_CONTROL, NO_CACHE);
            head.insert(CONTENT_TYPE, EVENTS);
            log.streams();
            Body::from_stream(Frames::new(stream, dialect, log))
        }
    };
    let mut response = Response::new(body);
    *response.headers_mut() = head;
    response
}

/// What all attempts cost, each on its route; `None` where that is not known of one of them.
fn cost_of(upstreams: &Upstreams, attempts: &[AttemptUsage]) -> Option<f64> {
    let cost = |attempt: &AttemptUsage| {
        let sign = upstreams.sign(attempt.route.as_ref()?)?;
        sign.prices?.cost(&attempt.usage)
    };
    attempts.iter().map(cost).sum()
}

/// The call was given up for good.
pub(super) fn error(dialect: Dialect, error: &LlmError, mut log: CallLog) -> Response {
    let answer = error.render(dialect);
    log.given_up(answer.status, error);
    let mut response = failed(answer);
    let headers = response.headers_mut();
    if let Some(wait) = error.verdict().delay {
        put(headers, RETRY_AFTER, whole_seconds(wait).to_string());
    }
    give_up(headers);
    log.id().tell(headers);
    tell_journey(headers, log.call());
    response
}

/// An error as it is rendered.
pub(super) fn failed(answer: ErrorAnswer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// All that could be tried was tried: the caller's SDK is not to start all over.
pub(super) fn give_up(headers: &mut HeaderMap) {
    headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
}

pub(super) fn tell_journey(headers: &mut HeaderMap, call: &Call) {
    headers.insert(ATTEMPTS, call.attempts().into());
    let waited = u64::try_from(call.total_waited().as_millis()).unwrap_or(u64::MAX);
    headers.insert(WAITED, waited.into());
}

pub(super) fn put(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

/// Rounded up: whoever comes back must not come too early.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_in_whole_seconds_and_never_too_short() {
        assert_eq!(whole_seconds(Duration::ZERO), 0);
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(7)), 7);
        assert_eq!(whole_seconds(Duration::from_millis(7001)), 8);
    }
}
