//! What is counted: names, labels and meaning, in one list.
//!
//! Durations are in seconds, as is usual with Prometheus. A label whose value is not known is
//! `none`; a route that was not named ahead of time is `other`.

use crate::Recorder;
use metrics::Unit;

/// The value of a label where nothing is known.
pub(crate) const NONE: &str = "none";

/// One metric.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its labels, each with what it may be.
    pub labels: &'static [(&'static str, &'static str)],
    /// What it counts.
    pub help: &'static str,
}

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Goes up only.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often each of several sizes came.
    Histogram,
}

impl Kind {
    /// Its name in Prometheus.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

macro_rules! metrics {
    ($(
        $(#[$doc:meta])*
        $constant:ident = $name:literal, $kind:ident, {$($label:literal: $values:literal),*}, $help:literal;
    )*) => {
        $(
            #[doc = $help]
            pub const $constant: &str = $name;
        )*

        /// All of them.
        pub const ALL: &[Metric] = &[$(Metric {
            name: $name,
            kind: Kind::$kind,
            labels: &[$(($label, $values)),*],
            help: $help,
        }),*];
    };
}

metrics! {
    CALLS = "ai_agent_api_calls_total", Counter,
        {"model": "as configured", "status": "success, retry, fallback, failure"},
        "Calls that have ended, by what became of them: answered at the first attempt, after another attempt, by another route, or not.";
    FAILURES = "buttress_failures_total", Counter,
        {"model": "as configured", "verdict": "transient, timeout, persistent, bad_input, partial, rejected", "kind": "the finer name of the failure, or none"},
        "Calls that have failed, by what failed last.";
    LATENCY = "ai_agent_api_latency_seconds", Histogram,
        {"model": "as configured"},
        "From the call to the end of its answer, all attempts, waits and routes included.";
    ABANDONED = "buttress_calls_abandoned_total", Counter,
        {"model": "as configured"},
        "Calls whose caller left before they had ended.";
    IN_FLIGHT = "buttress_calls_in_flight", Gauge,
        {"model": "as configured"},
        "Calls that have begun and not ended.";
    ATTEMPTS = "buttress_attempts_total", Counter,
        {"route": "as configured", "verdict": "answered, transient, timeout, persistent, bad_input, partial, cut_off", "kind": "the finer name of the failure, or none"},
        "Upstream calls that were answered, or failed before there was content, by verdict; cut off where their call ended first, since its caller left or its deadline was over.";
    ATTEMPT_SECONDS = "buttress_attempt_seconds", Histogram,
        {"route": "as configured"},
        "From sending an attempt to its answer, its first content if it is a stream, its failure, or the end of its call.";
    RETRIES = "buttress_retries_total", Counter,
        {"route": "as configured"},
        "Attempts that were made again on the same route.";
    WAIT_SECONDS = "buttress_wait_seconds", Histogram,
        {"route": "as configured"},
        "Time spent waiting: back-off, the waits that providers ask for, and standing in line.";
    GAVE_UP = "buttress_gave_up_total", Counter,
        {"route": "as configured", "reason": "not_retryable, retries_spent, timeouts_spent, budget_empty, wait_too_long, patience_spent, deadline_too_near, calls_spent, not_replayable"},
        "Failures after which the route was not tried again, by why not. Refusals of the retry budget are `budget_empty`.";
    GATE_WAITS = "buttress_gate_waits_total", Counter,
        {"route": "as configured"},
        "Calls that stood in line for a limited key.";
    REJECTIONS = "buttress_rejections_total", Counter,
        {"route": "as configured", "cause": "circuit_open, gate_closed, key_unusable, queue_full, deadline_past, calls_spent, request_changed"},
        "Attempts that a layer refused, so that nothing was sent.";
    SKIPS = "buttress_skips_total", Counter,
        {"route": "as configured", "why": "in the words of the routing policy"},
        "Routes that were passed over without being asked.";
    BROKEN = "buttress_streams_broken_total", Counter,
        {"route": "as configured", "kind": "the finer name of the failure, or none"},
        "Streams that broke off after their first content had been given: truncations among them.";
    CORRECTIONS = "buttress_corrections_total", Counter,
        {"route": "as configured, or none", "how": "in stable words: wrong answers, each repair, corrections asked for"},
        "What was done about answers that were not what was asked for.";
    CIRCUIT_STATE = "buttress_circuit_state", Gauge,
        {"route": "as configured", "state": "closed, open, half_open, isolated"},
        "1 for the state that the circuit breaker is in, 0 for the others.";
    CIRCUIT_TRANSITIONS = "buttress_circuit_transitions_total", Counter,
        {"route": "as configured", "to": "closed, open, half_open, isolated"},
        "Changes of the circuit breaker's state.";
    CIRCUIT_OPEN_SECONDS = "buttress_circuit_open_seconds", Gauge,
        {"route": "as configured"},
        "Time that the circuit breaker has been open or isolated since the start.";
    GATE_STATE = "buttress_gate_state", Gauge,
        {"route": "as configured", "state": "open, closed, reopening, parked, probing"},
        "1 for the state that the gate of the route's key is in, 0 for the others.";
    GATE_WAITING = "buttress_gate_waiting", Gauge,
        {"route": "as configured"},
        "Calls that stand in line for the route's key.";
    RATE_LIMIT_REMAINING = "buttress_rate_limit_remaining", Gauge,
        {"route": "as configured", "limit": "requests, tokens, input_tokens, output_tokens"},
        "What the provider last said to be left of a limit of the route's key.";
    TOKENS = "buttress_tokens_total", Counter,
        {"route": "as configured", "direction": "input, output"},
        "Tokens, as providers counted them.";
    COST = "buttress_cost_usd", Gauge,
        {"route": "as configured"},
        "What those tokens have cost since the start, in US dollars, on routes whose prices are configured.";
    ABANDONED_TOKENS = "buttress_abandoned_tokens_total", Counter,
        {"route": "as configured"},
        "Output tokens of answers that nobody got: of streams that broke or were left, and of answers that were corrected. Where the provider did not come to count them, one for four bytes of text.";
    QUEUE_TASKS = "buttress_queue_tasks", Gauge,
        {"state": "waiting, running, done, dead"},
        "Tasks in the queue, by state.";
    QUEUE_OLDEST_SECONDS = "buttress_queue_oldest_age_seconds", Gauge,
        {},
        "Age of the oldest task that is not answered yet.";
    QUEUE_ENQUEUED = "buttress_queue_enqueued_total", Counter,
        {"outcome": "queued; or why not: unavailable, full, read_only, too_large, corrupt, engine, timed_out"},
        "Requests that nobody could answer, by whether they could be kept.";
    QUEUE_DELIVERIES = "buttress_queue_deliveries_total", Counter,
        {"outcome": "done, failed, refused, lost, dead"},
        "Deliveries of tasks by this process's worker, by what came of them.";
    JOURNAL_ANSWERS = "buttress_journal_answers_total", Counter,
        {},
        "Calls that were answered from the journal.";
    CONFIG_RELOADS = "buttress_config_reloads_total", Counter,
        {"outcome": "done, refused"},
        "How often the gateway read its configuration again while it ran, by whether it could be used.";
    CONFIG_CURRENT = "buttress_config_current", Gauge,
        {},
        "1 while the gateway's configuration can be used as it stands in its file, 0 from when it was read and refused until it is put right.";
}

/// Tells a recorder what each of them means.
pub fn describe(recorder: &Recorder) {
    recorder.with(|| {
        for metric in ALL {
            let unit = match metric.name {
                name if name.ends_with("_seconds") => Unit::Seconds,
                _ => Unit::Count,
            };
            match metric.kind {
                Kind::Counter => metrics::describe_counter!(metric.name, unit, metric.help),
                Kind::Gauge => metrics::describe_gauge!(metric.name, unit, metric.help),
                Kind::Histogram => metrics::describe_histogram!(metric.name, unit, metric.help),
            }
        }
    });
}
