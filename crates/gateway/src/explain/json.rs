//! What is printed for programs: one object on a line.

use super::given::Unreadable;
use buttress_llm::{End, Summary, Verdict};
use serde_json::{Value, json};
use std::time::Duration;

/// What an answer means. Of a healthy one the class is null.
pub(super) fn verdict(id: &Value, outcome: Result<(), Verdict>) -> Value {
    let Err(verdict) = outcome else {
        return json!({
            "id": id,
            "class": null,
            "retry_same": false,
            "fallback": false,
            "counts_toward_breaker": false,
            "delay_ms": null,
        });
    };
    let retry = verdict.retry_within(Verdict::LONGEST_WAIT);
    json!({
        "id": id,
        "class": verdict.kind.as_str(),
        "retry_same": retry,
        "fallback": verdict.fallback.by_default(),
        "counts_toward_breaker": verdict.counts_toward_breaker(),
        // There is nothing to wait for where it is not sent again.
        "delay_ms": verdict.delay.filter(|_| retry).map(millis),
    })
}

/// How long an answer asks to wait.
pub(super) fn delay(id: &Value, delay: Option<Duration>) -> Value {
    json!({ "id": id, "delay_ms": delay.map(millis) })
}

/// That something can't be read.
pub(super) fn unreadable(unreadable: &Unreadable) -> Value {
    json!({ "id": unreadable.id, "error": unreadable.to_string() })
}

/// What a stream said, and how it ended.
pub(super) fn stream(summary: &Summary) -> Value {
    let finish = summary.finish();
    let mut stream = json!({
        "complete": is_complete(summary),
        "error": summary.outcome().err().map(|verdict| error(summary, &verdict)),
        "text": summary.text(),
        // That a whole response failed is no reason of the model's.
        "stop": finish.filter(|it| &*it.raw != "failed").map(|finish| finish.stop.as_str()),
        "raw_stop": finish.map(|finish| &*finish.raw),
        "terminal_marker": summary.terminal_marker(),
        "content_emitted": summary.has_content(),
        "comments": summary.comments(),
    });
    if let Some(sequence) = finish.and_then(|finish| finish.stop_sequence.as_deref()) {
        stream["stop_sequence"] = sequence.into();
    }
    if !summary.refusal().is_empty() {
        stream["refusal"] = summary.refusal().into();
    }
    if !summary.tool_calls().is_empty() {
        let calls = summary.tool_calls().iter().map(|call| {
            json!({
                "id": call.id,
                "name": call.name,
                "arguments_raw": call.arguments,
                "valid": call.is_valid(),
            })
        });
        stream["tool_calls"] = calls.collect();
    }
    let usage = summary.usage();
    if usage.input.is_some() || usage.output.is_some() {
        stream["usage"] = json!({ "input_tokens": usage.input, "output_tokens": usage.output });
    }
    stream
}

/// Whether the end was told: by the model, or at least by the marker.
fn is_complete(summary: &Summary) -> bool {
    match summary.end() {
        End::Complete => true,
        End::Failed => false,
        _ => summary.terminal_marker(),
    }
}

fn error(summary: &Summary, verdict: &Verdict) -> Value {
    let mut error = json!({
        "class": verdict.kind.as_str(),
        "retry_same": verdict.retry_within(Verdict::LONGEST_WAIT),
        "fallback": verdict.fallback.by_default(),
        "counts_toward_breaker": verdict.counts_toward_breaker(),
    });
    // Had the caller not seen content, it would have been sent again.
    if summary.end() != End::Complete && summary.has_content() {
        error["retry_if_not_emitted"] = true.into();
    }
    if let Some(delay) = verdict.delay {
        error["delay_ms"] = millis(delay).into();
    }
    error
}

/// Whole milliseconds, rounded up so that the wait is never too short.
fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
