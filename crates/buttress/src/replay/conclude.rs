use crate::degrade::Origin;
use buttress_core::{Call, Class};
use buttress_llm::{
    AnswerBody, Dialect, ErrorAnswer, EventStream, Kind, LlmError, LlmResponse, Usage,
};
use buttress_queue::{Task, Verdict, is_worth_queueing};
use futures_core::Stream;
use serde_json::{Map, Value, json, value::RawValue};
use std::{future::poll_fn, pin::Pin};

/// The most bytes of a stream that are kept.
const MOST: usize = 64 << 20;

/// What became of a request in this dialect.
pub(super) async fn conclude(
    answer: Result<LlmResponse, LlmError>,
    dialect: Dialect,
    call: &Call,
    before: u32,
) -> Verdict {
    let attempts = before.saturating_add(call.attempts());
    match answer {
        Ok(response) => match kept(response, attempts).await {
            Ok(verdict) => verdict,
            Err(broke) => of_error(&broke, dialect, call),
        },
        Err(error) => of_error(&error, dialect, call),
    }
}

/// The verdict on a failure: that of [`LlmError::verdict`].
///
/// The request is at fault where it would not be queued for such a failure, and where the same is
/// not to be sent again. What may pass the next time is tried the next time: an answer that was
/// malformed, for example.
fn of_error(error: &LlmError, dialect: Dialect, call: &Call) -> Verdict {
    let verdict = error.verdict();
    let failure = verdict.failure();
    if !is_worth_queueing(&failure) && !verdict.retry_same {
        return dead(error.status_for(dialect), verdict.kind, &error.to_string());
    }
    // It may be refused in the end, and have been tried before.
    let tried = failure.class != Class::Rejected || call.attempts() > 0;
    let reason = format!("{}: {error}", verdict.kind);
    Verdict::Later {
        wait: failure.wait(),
        counts: tried,
        reason,
    }
}

pub(super) fn dead(status: u16, kind: Kind, message: &str) -> Verdict {
    Verdict::Dead(format!("{status} {kind}: {message}"))
}

/// What the caller of a task that was given up for this reason is told: the error in the dialect
/// of its request.
///
/// One that was given up because it grew too old, or was tried too often, is told that the service
/// was not to be had.
#[must_use]
pub fn error_of(task: &Task, reason: &str) -> ErrorAnswer {
    let dialect = match Origin::read(task) {
        Ok(Some(origin)) => origin.dialect,
        Ok(None) | Err(_) => Dialect::OpenAiChat,
    };
    let known = reason.split_once(": ").and_then(|(head, message)| {
        let (status, kind) = head.split_once(' ')?;
        let status = status
            .parse()
            .ok()
            .filter(|status| (400..600).contains(status))?;
        Some((status, Kind::of_name(kind)?, message))
    });
    let (status, kind, message) = known.unwrap_or((503, Kind::Rejected, reason));
    ErrorAnswer::new(dialect, status, kind, message)
}

/// The answer, as it is kept.
async fn kept(response: LlmResponse, attempts: u32) -> Result<Verdict, LlmError> {
    let mut told = Map::new();
    told.insert("status".to_owned(), 200.into());
    told.insert("dialect".to_owned(), response.dialect.as_str().into());
    told.insert("model".to_owned(), (&*response.model).into());
    told.insert("route".to_owned(), json!(response.route.as_deref()));
    told.insert("attempts".to_owned(), attempts.into());
    let (usage, name, body) = match response.body {
        AnswerBody::Json(body) => {
            let json: Option<&RawValue> = serde_json::from_slice(&body).ok();
            let body = match json {
                Some(json) => json.get().to_owned(),
                None => Value::from(String::from_utf8_lossy(&body)).to_string(),
            };
            (response.usage, "body", body)
        }
        AnswerBody::Stream(events) => {
            let Some((usage, events)) = collect(events).await? else {
                return Ok(Verdict::failed("the answer is larger than is kept"));
            };
            (usage, "events", Value::from(events).to_string())
        }
    };
    told.insert("usage".to_owned(), of_usage(&usage));
    // The answer as it is, without a number in it written otherwise.
    let mut result = Value::from(told).to_string();
    result.pop();
    result.push_str(&format!(r#","{name}":{body}}}"#));
    Ok(Verdict::Done(result.into()))
}

/// All of a stream: what it was counted as, and its events.
async fn collect(mut events: EventStream) -> Result<Option<(Usage, String)>, LlmError> {
    let mut usage = Usage::default();
    let mut text = String::new();
    while let Some(event) = poll_fn(|cx| Pin::new(&mut events).poll_next(cx)).await {
        let event = event?;
        usage = event.usage.unwrap_or(usage);
        if text.len() + event.frame.len() > MOST {
            return Ok(None);
        }
        text.push_str(&String::from_utf8_lossy(&event.frame));
    }
    Ok(Some((usage, text)))
}

fn of_usage(usage: &Usage) -> Value {
    let counts = [
        ("input", usage.input),
        ("output", usage.output),
        ("cached", usage.cached),
        ("cache_written", usage.cache_written),
        ("reasoning", usage.reasoning),
    ];
    let known = counts.into_iter();
    known
        .filter_map(|(name, count)| Some((name.to_owned(), Value::from(count?))))
        .collect::<Map<_, _>>()
        .into()
}
