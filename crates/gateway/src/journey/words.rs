//! What each step means, and which setting it goes by.

use super::read::Journey;
use crate::command::plain;
use std::fmt::Write;

/// A journey with its explanation.
pub(super) fn of(journey: &Journey) -> String {
    let mut text = String::new();
    let facts = journey
        .facts
        .iter()
        .map(|(name, fact)| format!("{name} {}", plain(fact)));
    let facts: Vec<_> = facts.collect();
    if !facts.is_empty() {
        let _ = writeln!(text, "{}", facts.join(", "));
    }
    for step in &journey.steps {
        let route = step
            .route
            .as_deref()
            .map(|route| format!("{}: ", plain(route)));
        let _ = writeln!(
            text,
            "{:>9}  {}{}",
            step.at,
            route.unwrap_or_default(),
            plain(&step.what)
        );
        if let Some(meaning) = meaning(&step.what) {
            let _ = writeln!(text, "           {meaning}");
        }
    }
    match journey.more {
        0 => {}
        more => {
            let _ = writeln!(
                text,
                "           and {more} more, which were not written down"
            );
        }
    }
    text
}

/// What a step means; nothing where it says so itself.
pub(super) fn meaning(what: &str) -> Option<&'static str> {
    let of = |pairs: &[(&str, &'static str)], word: &str| {
        let found = pairs.iter().find(|(name, _)| *name == word);
        found.map(|(_, meaning)| *meaning)
    };
    if let Some(reason) = what.strip_prefix("gave up: ") {
        return of(&GIVEN_UP, reason).or(Some("It is not tried again here."));
    }
    if let Some(cause) = what.strip_prefix("refused: ") {
        return of(&REFUSED, cause).or(Some("A layer refused it, so nothing was sent."));
    }
    if let Some(failure) = what.strip_prefix("failed, ") {
        let kind = failure.split_once(": ").map_or(failure, |(kind, _)| kind);
        return of(&KINDS, kind).or(Some(FAILED));
    }
    of(&PLAIN, what).or_else(|| {
        let begins = |(name, _): &&(&str, &str)| what.starts_with(name);
        BEGIN.iter().find(begins).map(|(_, meaning)| *meaning)
    })
}

const FAILED: &str = "The attempt failed: what can be done about it stands behind the colon.";

const PLAIN: [(&str, &str); 4] = [
    ("entered", "The request goes to this route."),
    (
        "called",
        "An upstream call is sent. All of them together are limited by limits.max_calls.",
    ),
    (
        "answered",
        "The answer, or its first content, is there: from here on the caller sees something.",
    ),
    (
        "cut off",
        "The provider had not answered when the call ended: the caller left, or limits.deadline \
         was over.",
    ),
];

const BEGIN: [(&str, &str); 5] = [
    ("failed", FAILED),
    (
        "broke off",
        "The stream ended before its end, after content had been given. limits.continuations says \
         whether it is carried on.",
    ),
    (
        "trying again after",
        "The wait is back-off (retry.base, retry.cap, with jitter), or what the provider asked for \
         where that is longer.",
    ),
    (
        "standing in line",
        "The key is limited: calls wait for it in order (gate.max_wait, gate.max_waiting).",
    ),
    (
        "passed over",
        "The route can't take such a request, or a wait there would be too long.",
    ),
];

const GIVEN_UP: [(&str, &str); 9] = [
    (
        "not_retryable",
        "Trying again here would not help: the next route is asked, if there is one.",
    ),
    (
        "retries_spent",
        "As many retries as allowed were made (retry.max_retries).",
    ),
    (
        "timeouts_spent",
        "After a timeout the provider may still be at work, so it is asked again less often \
         (retry.max_timeouts).",
    ),
    (
        "budget_empty",
        "Too large a share of all calls to this route are retries already (retry.budget): it is \
         down rather than shaky.",
    ),
    (
        "wait_too_long",
        "The provider asks for a longer wait than is sat out (retry.max_wait).",
    ),
    (
        "patience_spent",
        "Another route stands behind this one, and the wait is longer than a call stays here \
         (patience).",
    ),
    (
        "deadline_too_near",
        "The wait would not leave time for an attempt (limits.deadline).",
    ),
    (
        "calls_spent",
        "The request has used up its upstream calls (limits.max_calls).",
    ),
    (
        "not_replayable",
        "The request could not be kept for another attempt.",
    ),
];

const REFUSED: [(&str, &str); 7] = [
    (
        "circuit_open",
        "The route has failed too often: nothing is sent until a probe succeeds (breaker.open).",
    ),
    (
        "gate_closed",
        "The key is limited for longer than a call waits here (gate.max_wait, patience).",
    ),
    (
        "key_unusable",
        "The key was refused, or has nothing left to spend: one call at a time tries it \
         (gate.park_for).",
    ),
    (
        "queue_full",
        "As many calls as allowed stand in line already (gate.max_waiting).",
    ),
    (
        "deadline_past",
        "The time of the call is over (limits.deadline).",
    ),
    (
        "calls_spent",
        "The request has used up its upstream calls (limits.max_calls).",
    ),
    (
        "request_changed",
        "At this step of its session another request was made before.",
    ),
];

/// The kinds of failures of LLM calls.
const KINDS: [(&str, &str); 14] = [
    (
        "rate_limited",
        "A limit of the key: its gate closes for as long as the provider asks.",
    ),
    (
        "overloaded",
        "The provider has too much to do: it is tried again, and it counts for the circuit.",
    ),
    (
        "server_error",
        "The provider failed: it is tried again, and it counts for the circuit.",
    ),
    (
        "transient",
        "It is likely to pass, such as a broken connection: it is tried again.",
    ),
    (
        "timeout",
        "Nobody answered in time (timeout): the other side may still be at work.",
    ),
    (
        "quota_exhausted",
        "The money or the quota is spent: waiting does not help, and the key is parked.",
    ),
    (
        "auth",
        "The key was refused: it is parked, and the circuit stays as it is.",
    ),
    ("permission", "The key may not do this."),
    ("not_found", "There is no such model, or no such address."),
    (
        "invalid_request",
        "The request can't work as it is, wherever it is sent.",
    ),
    (
        "context_length",
        "The prompt is too long for this model: a larger window helps, or shape.trim.",
    ),
    (
        "content_policy",
        "The provider refuses what was asked: only a route that takes such requests is asked next.",
    ),
    (
        "partial",
        "An answer came, and it is incomplete or malformed.",
    ),
    ("rejected", "A layer refused it, so nothing was sent."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use buttress::{
        Failure, GiveUp,
        core::{Cause, Event},
        llm::Kind,
    };
    use std::time::Duration;

    #[test]
    fn every_step_that_can_be_taken_is_explained() {
        let wait = Duration::from_secs(1);
        let mut events = vec![
            Event::Attempt,
            Event::Failed(Failure::SERVICE),
            Event::Broke(Failure::SERVICE),
            Event::Retry { wait },
            Event::Queued { wait },
            Event::Skipped {
                why: "it is too small",
            },
            Event::Entered,
            Event::Answered,
            Event::CutOff,
        ];
        let reasons = [
            GiveUp::NotRetryable,
            GiveUp::RetriesSpent,
            GiveUp::TimeoutsSpent,
            GiveUp::BudgetEmpty,
            GiveUp::WaitTooLong,
            GiveUp::PatienceSpent,
            GiveUp::DeadlineTooNear,
            GiveUp::CallsSpent,
            GiveUp::NotReplayable,
        ];
        let causes = [
            Cause::CircuitOpen,
            Cause::GateClosed,
            Cause::KeyUnusable,
            Cause::QueueFull,
            Cause::DeadlinePast,
            Cause::CallsSpent,
            Cause::RequestChanged,
        ];
        events.extend(reasons.map(Event::GaveUp));
        events.extend(causes.map(Event::Rejected));
        for event in events {
            let words = event.to_string();
            assert!(meaning(&words).is_some(), "{words}");
        }
        assert_eq!(GIVEN_UP.map(|(name, _)| name), reasons.map(GiveUp::as_str));
        assert_eq!(REFUSED.map(|(name, _)| name), causes.map(Cause::as_str));
        assert_eq!(KINDS.map(|(name, _)| name), Kind::ALL.map(Kind::as_str));
    }

    #[test]
    fn what_was_not_written_down_is_counted() {
        let journeys = super::super::read::journeys("0.001s a: called; and 7 more");
        let text = of(&journeys[0]);
        assert!(text.contains("and 7 more"), "{text}");
    }

    #[test]
    fn nothing_moves_the_terminal() {
        let journeys = super::super::read::journeys("0.001s a\u{1b}[2J: called");
        let text = of(&journeys[0]);
        assert!(!text.contains('\u{1b}'), "{text:?}");
        assert!(text.contains("limits.max_calls"), "{text}");
    }
}
