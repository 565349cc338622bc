use super::{
    Said, grpc,
    means::*,
    read,
    wait::{self, Told},
    whole::{self, Flaw, Reading},
};
use crate::{Fallback, Kind, Provider, TransportError, Verdict};
use buttress_core::Blame;
use http::HeaderMap;
use serde_json::{Value, value::RawValue};
use std::{
    fmt,
    time::{Duration, SystemTime},
};

/// An answer to judge: all of it that says how the call went.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Answer<'a> {
    /// The status; `None` where no answer came, and the body is what the HTTP library printed.
    pub status: Option<u16>,
    /// The head. For gRPC the trailers, or both.
    pub headers: &'a HeaderMap,
    /// The body, whole or as much of it as was kept.
    pub body: &'a [u8],
    /// When it came: what absolute times are measured from where the answer has no `Date`.
    pub now: SystemTime,
}

impl<'a> Answer<'a> {
    /// An answer that has just come.
    #[must_use]
    pub fn new(status: u16, headers: &'a HeaderMap, body: &'a [u8]) -> Self {
        Self {
            status: Some(status),
            headers,
            body,
            now: SystemTime::now(),
        }
    }

    /// Sets when it came.
    #[must_use]
    pub const fn at(mut self, now: SystemTime) -> Self {
        self.now = now;
        self
    }

    /// Sets the status, or that there is none because no answer came.
    #[must_use]
    pub const fn status(mut self, status: Option<u16>) -> Self {
        self.status = status;
        self
    }
}

/// Shows neither headers nor body.
impl fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("body", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Judges an answer: the taxonomy's word for what happened, and what may be done.
///
/// `Ok` is a healthy answer. A failure inside a 200 is a failure: an error object in place of
/// an answer, a refusal, an answer that was cut off. A body may be of any shape, or none.
///
/// # Errors
/// The verdict on a failure.
pub fn classify(provider: Provider, answer: &Answer<'_>) -> Result<(), Verdict> {
    match report(provider, answer).failure {
        None => Ok(()),
        Some((verdict, _)) => Err(verdict),
    }
}

/// Judges an error object out of a stream, or one that came in an answer that says 200.
#[must_use]
pub fn classify_error_object(provider: Provider, error: &Value) -> Verdict {
    let said = Said::of(error);
    judge(provider, 0, said, &HeaderMap::new(), SystemTime::now()).0
}

/// The wait that a failing answer asks for, uncapped, whatever else it says.
///
/// In this order: `grpc-retry-pushback-ms`, `retry-after-ms`, `x-amz-retry-after`,
/// `retry-after`, a `google.rpc.RetryInfo` in the body or in `grpc-status-details-bin`, "try
/// again in 644ms" in the message, and the longest reset among the limits that are used up.
#[must_use]
pub fn delay(
    status: Option<u16>,
    headers: &HeaderMap,
    body: &[u8],
    now: SystemTime,
) -> Option<Duration> {
    let status = status?;
    let said = match status {
        // What a model says about waiting asks for none.
        200..300 if !headers.contains_key("grpc-status") => match whole::read(body).flaw {
            Some(Flaw::Error(error)) => Said::read(error),
            _ => Said::default(),
        },
        _ => Said::read(body),
    };
    wait::read(status, headers, &said, now).delay
}

/// The verdict on an error inside a stream, and what it says.
pub(crate) fn event(provider: Provider, event: &[u8]) -> (Verdict, Said) {
    judge(
        provider,
        0,
        Said::read(event),
        &HeaderMap::new(),
        SystemTime::now(),
    )
}

/// What an answer comes to.
#[derive(Default)]
pub(crate) struct Report<'a> {
    /// The verdict on a failing one, and what it says.
    pub(crate) failure: Option<(Verdict, Said)>,
    /// The count of tokens of one that came with a status of success, in its dialect's words.
    pub(crate) usage: Option<&'a RawValue>,
}

/// Judges an answer. One pass over its body finds all that is wanted of it.
pub(crate) fn report<'a>(provider: Provider, answer: &Answer<'a>) -> Report<'a> {
    let Answer {
        status,
        headers,
        body,
        now,
    } = *answer;
    let failed = |verdict, said| Report {
        failure: Some((verdict, said)),
        usage: None,
    };
    let Some(status) = status else {
        let said = Said::read(body);
        let verdict = TransportError::from_text(&said.message).verdict();
        return failed(verdict, said);
    };
    if let Some(outcome) = grpc::read(headers) {
        let Err(verdict) = outcome else {
            return Report::default();
        };
        let said = Said::read(body);
        let told = wait::read(status, headers, &said, now);
        return failed(temper(verdict, told, headers), said);
    }
    if !(200..300).contains(&status) {
        let mut said = Said::read(body);
        said.names.extend(aws_error_type(headers));
        let (verdict, said) = judge(provider, status, said, headers, now);
        return failed(verdict, said);
    }
    if provider == Provider::Grpc {
        return failed(grpc::WITHOUT_STATUS, Said::default());
    }
    let Reading { flaw, usage } = whole::read(body);
    let failure = flaw.map(|flaw| match flaw {
        Flaw::Known(verdict) => (verdict, Said::default()),
        Flaw::Error(error) => judge(provider, 0, Said::read(error), headers, now),
    });
    Report { failure, usage }
}

/// The verdict on what was said. A status of 0 is none: the one in the body counts.
fn judge(
    provider: Provider,
    status: u16,
    mut said: Said,
    headers: &HeaderMap,
    now: SystemTime,
) -> (Verdict, Said) {
    said.status = match (status, said.body_status) {
        // A gateway wraps what its upstream said in a 5xx of its own.
        (0 | 500.., Some(inner)) => inner,
        (status, _) => status,
    };
    let told = wait::read(said.status, headers, &said, now);
    said.timed = told.delay.is_some();
    (temper(read(provider, &said), told, headers), said)
}

/// Adds what the server says about trying again.
fn temper(mut verdict: Verdict, told: Told, headers: &HeaderMap) -> Verdict {
    // Only the exact word counts, as in the official SDKs.
    let invited = headers
        .get("x-should-retry")
        .is_some_and(|word| word == "true");
    if told.never {
        verdict = verdict.never();
    } else if invited && !verdict.retry_same {
        // What looks like a fault of the request is none when the server says: once more.
        verdict = match verdict.kind {
            Kind::InvalidRequest => INVITED,
            _ => verdict.retry_same(true),
        };
    }
    if told.at_once && verdict.kind == Kind::Overloaded {
        // Who has too much to do does not say: at once.
        verdict = AT_ONCE;
    }
    // No wait mends a request that is at fault itself, whatever the headers say.
    let waiting_helps = verdict.retry_same || verdict.blame != Blame::Request;
    if waiting_helps && verdict.fallback != Fallback::No {
        verdict.delay = told.delay;
    }
    verdict
}

/// AWS puts the name of the error into a header, with its namespace behind a colon.
fn aws_error_type(headers: &HeaderMap) -> Option<String> {
    let name = headers.get("x-amzn-errortype")?.to_str().ok()?;
    let name = name.split(':').next()?;
    let name = name.rsplit('#').next()?;
    Some(name.to_ascii_lowercase())
}
