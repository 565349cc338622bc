//! What is printed for people.

use super::{
    given::{Given, ToldBy},
    transcript::Transcript,
};
use crate::config::{self, duration};
use buttress::{Blame, Class, fallback::Route};
use buttress_llm::{End, Fallback, Kind, Provider, Verdict};
use serde_json::Value;
use std::time::Duration;

/// What an answer means and what would be done, in a few lines.
pub(super) fn answer(given: &Given, outcome: Result<(), Verdict>) -> String {
    let status = given
        .status
        .map_or("no answer".to_owned(), |status| status.to_string());
    let from = match given.told_by {
        ToldBy::Name if given.provider == Provider::Transport => String::new(),
        ToldBy::Name => format!(" from {}", given.provider),
        ToldBy::Headers => format!(" from {}, by its headers", given.provider),
        ToldBy::Nobody => " from a provider that is not known".to_owned(),
    };
    let mut text = match name(&given.id) {
        Some(name) => format!("{name}: {status}{from}"),
        None => format!("{status}{from}"),
    };
    if given.is_compressed() {
        text += "\n  note      the body is compressed and can't be read: use `curl --compressed`";
    }
    explain(&mut text, outcome, false);
    text
}

/// How long an answer asks to wait, in one line.
pub(super) fn delay(given: &Given) -> String {
    let delay = match given.delay() {
        Some(delay) => span(delay),
        None => "no usable hint".to_owned(),
    };
    match name(&given.id) {
        Some(name) => format!("{name}: {delay}"),
        None => delay,
    }
}

/// What a stream was like and how it ended, what that means, and what would be done.
pub(super) fn stream(id: &Value, transcript: &Transcript) -> String {
    let summary = transcript.summary();
    let end = match summary.end() {
        End::Complete => "complete",
        End::Truncated => "broken off",
        End::Failed => "failed",
        End::Empty => "empty",
        _ => "ended",
    };
    let mut text = name(id).map_or_else(String::new, |name| format!("{name}: "));
    text += &format!("stream of {}: {end}", transcript.dialect());
    let calls = match summary.tool_calls().len() {
        0 => String::new(),
        1 => ", with 1 call of a tool".to_owned(),
        calls => format!(", with {calls} calls of tools"),
    };
    text += &format!("\n  content   {} bytes{calls}", summary.content_bytes());
    let (finish, marker) = (summary.finish(), summary.terminal_marker());
    let finish = finish.map_or("none is told", |finish| finish.stop.as_str());
    let marker = if marker { "came" } else { "did not come" };
    text += &format!("\n  end       reason: {finish}; the marker of the end {marker}");
    let usage = summary.usage();
    if let (Some(input), Some(output)) = (usage.input, usage.output) {
        text += &format!("\n  usage     {input} tokens in, {output} out");
    }
    // What is wrong with a stream that is complete is no reason to take it from its caller.
    let outcome = match summary.end() {
        End::Complete => summary.outcome().map_err(Verdict::usable),
        _ => summary.outcome(),
    };
    explain(&mut text, outcome, summary.has_content());
    text
}

fn explain(text: &mut String, outcome: Result<(), Verdict>, content: bool) {
    let Err(verdict) = outcome else {
        *text += "\n  healthy   there is nothing to recover from";
        return;
    };
    let passed_on = content && !verdict.usable;
    let lines = [
        ("means", format!("{}: {}", verdict.kind, verdict.why)),
        ("retry", retry(&verdict, passed_on)),
        ("fallback", fallback(&verdict, passed_on)),
        ("breaker", breaker(&verdict)),
        ("gate", gate(&verdict)),
    ];
    for (what, line) in lines {
        *text += &format!("\n  {what:<9} {line}");
    }
}

/// Whether the same request is sent to the same route again.
fn retry(verdict: &Verdict, passed_on: bool) -> String {
    let settings = config::Retry::default();
    let most = settings.max_retries;
    if verdict.usable {
        return "no: the answer is whole by its protocol, and is given to the caller".to_owned();
    }
    if passed_on {
        return "no: the caller has content already, and gets a typed error behind it".to_owned();
    }
    if verdict.never {
        return "no: the answer forbids it".to_owned();
    }
    if !verdict.retry_same {
        return format!("no: {}", why_not(verdict));
    }
    if verdict.failure().is_unprocessed() {
        return "yes, once, at once and for free: nobody has looked at the request".to_owned();
    }
    match verdict.delay {
        Some(wait) if wait > settings.max_wait => {
            let longest = duration(settings.max_wait);
            format!(
                "no: the answer asks to wait {}, and {longest} is the most",
                span(wait)
            )
        }
        Some(Duration::ZERO) => format!("yes, at once, as the answer asks; up to {most} times"),
        Some(wait) => {
            let wait = span(wait);
            format!("yes, in {wait} as the answer asks, and a little jitter; up to {most} times")
        }
        None if verdict.failure().class == Class::Timeout => {
            let step = duration(settings.base);
            format!("yes, but only once, after up to {step}: the work may be going on there")
        }
        None => {
            let steps = (0..most).map(|n| settings.base.saturating_mul(1 << n.min(31)));
            let steps = steps.map(|step| duration(step.min(settings.cap)));
            let steps = steps.collect::<Vec<_>>().join(", ");
            format!("yes, up to {most} times, after random waits of up to {steps}")
        }
    }
}

/// Why a request that failed so is not sent again.
const fn why_not(verdict: &Verdict) -> &'static str {
    match verdict.kind {
        Kind::QuotaExhausted => "what is used up does not come back within a call",
        Kind::Auth | Kind::Permission => "the same key would be refused again",
        Kind::NotFound => "it would not be there a moment later either",
        _ if matches!(verdict.blame, Blame::Local) => "it has to be mended first",
        Kind::InvalidRequest | Kind::ContextLength | Kind::ContentPolicy => {
            "the same request would be refused again"
        }
        _ => "it would end the same way",
    }
}

/// Where else the request goes.
fn fallback(verdict: &Verdict, passed_on: bool) -> String {
    if verdict.usable {
        return "no: there is an answer to give".to_owned();
    }
    let patience = Route::DEFAULT_PATIENCE;
    let text = match verdict.fallback {
        Fallback::Yes if passed_on => {
            "not for this caller, who has content already; before content, to any other route"
        }
        Fallback::Yes if !verdict.retry_within(config::Retry::default().max_wait) => {
            "yes, at once, to any other route"
        }
        Fallback::Yes if verdict.delay.is_some_and(|wait| wait > patience) => {
            return format!(
                "yes, at once, to any other route: only the last one waits longer than {}",
                duration(patience)
            );
        }
        Fallback::Yes => {
            let patience = duration(patience);
            return format!(
                "yes, to any other route, after the retries here or {patience} of waits"
            );
        }
        Fallback::LargerWindow => {
            "only to a route that is known to have a larger window (`context_window`)"
        }
        Fallback::OptIn if verdict.kind == Kind::ContentPolicy => {
            "only to a route that takes such requests (`accepts.content_policy`)"
        }
        Fallback::OptIn => "only to a route that takes such requests (`accepts.invalid_request`)",
        _ => "no: another route would not help",
    };
    text.to_owned()
}

/// What the circuit breaker of the route makes of it.
fn breaker(verdict: &Verdict) -> String {
    if verdict.usable {
        return "counts it as a success".to_owned();
    }
    let about = match verdict.blame {
        Blame::Service => {
            let longer = |wait: &Duration| *wait > config::Breaker::default().open;
            return match verdict.delay.filter(longer) {
                Some(wait) => {
                    let wait = span(wait);
                    format!("counts it as a failure; if that opens it, it stays so for {wait}")
                }
                None => "counts it as a failure of the service".to_owned(),
            };
        }
        Blame::Key | Blame::Limit => "the key",
        Blame::Request => "the request",
        _ => "this side",
    };
    format!("does not count it: it speaks of {about}, not of the service's health")
}

/// What the gate of the key makes of it.
fn gate(verdict: &Verdict) -> String {
    let settings = config::Gate::default();
    let failure = verdict.failure();
    match (failure.blame, failure.class) {
        _ if verdict.usable => "stays open".to_owned(),
        (Blame::Key | Blame::Limit, Class::Persistent) => {
            let wait = failure.wait().unwrap_or(settings.park_for);
            let what = match failure.blame {
                Blame::Key => "the key",
                _ => "this model of the key",
            };
            format!("parks {what} for {}; then one call tries it", span(wait))
        }
        (Blame::Key | Blame::Limit, _) => match failure.wait() {
            Some(wait) if wait > settings.max_wait => {
                let (wait, line) = (span(wait), duration(settings.max_wait));
                format!("closes for {wait}; calls that would wait more than {line} are rejected")
            }
            Some(wait) => format!("closes for {}; other calls wait in line", span(wait)),
            None => {
                let (first, most) = (duration(settings.backoff), duration(settings.max_backoff));
                format!("closes for {first} at first, and for up to {most} when it goes on")
            }
        },
        _ => "stays open".to_owned(),
    }
}

/// A wait, in whole milliseconds and never shown too short.
fn span(wait: Duration) -> String {
    let millis = wait.as_nanos().div_ceil(1_000_000);
    duration(Duration::from_millis(
        u64::try_from(millis).unwrap_or(u64::MAX),
    ))
}

/// What the answer is called, fit for a terminal.
fn name(id: &Value) -> Option<String> {
    match id {
        Value::Null => None,
        Value::String(text) => Some(text.escape_debug().to_string()),
        other => Some(other.to_string()),
    }
}
