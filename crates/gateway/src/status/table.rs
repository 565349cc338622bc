//! The state, laid out for a terminal.

use crate::command::plain;
use http::Uri;
use serde_json::Value;
use std::{fmt::Write as _, time::Duration};

/// Names that are longer are cut off.
const WIDEST: usize = 40;

/// So many calls are shown that were answered after recovery, and so many that were not.
const SOME: usize = 5;

pub(super) fn of(url: &Uri, state: &Value) -> String {
    let mut text = String::new();
    let standing = match state["draining"].as_bool() {
        Some(true) => "draining",
        _ => "ready",
    };
    let held_back = held_back(state);
    let version = clean(&state["version"]);
    let up = span(number(&state["up_s"]));
    let _ = writeln!(
        text,
        "buttress {version} at {url}, {standing}{held_back}, up for {up}\n"
    );
    text += &table(&routes(state));
    let calls = &state["calls"];
    let _ = writeln!(
        text,
        "\nCalls of the last five minutes: {} at once, {} recovered, {} failed, {} left by their callers",
        sum(&calls["well"]),
        sum(&calls["recovered"]),
        sum(&calls["failed"]),
        sum(&calls["left"]),
    );
    let queue = &state["queue"];
    if let Some(waiting) = queue["waiting"].as_u64() {
        let oldest = match queue["oldest_s"].as_f64() {
            Some(age) => format!(", the oldest for {}", span(age)),
            None => String::new(),
        };
        let _ = writeln!(
            text,
            "Queue: {waiting} waiting{oldest}, {} running, {} done, {} dead",
            count(&queue["running"]),
            count(&queue["done"]),
            count(&queue["dead"]),
        );
    } else if queue.is_object() {
        text += "Queue: its store does not answer\n";
    }
    let journeys = state["journeys"].as_array().into_iter().flatten();
    let answered = |journey: &&Value| journey["outcome"] == "answered";
    let (answered, others): (Vec<_>, Vec<_>) = journeys.partition(answered);
    // Of the answered there may be many more.
    for journey in others.iter().take(SOME).chain(answered.iter().take(SOME)) {
        let kind = match &journey["kind"] {
            Value::Null => String::new(),
            kind => format!(" ({})", clean(kind)),
        };
        let _ = writeln!(
            text,
            "  {} {}{kind}: {} attempts in {}",
            clean(&journey["model"]),
            clean(&journey["words"]),
            count(&journey["attempts"]),
            span(number(&journey["took_ms"]) / 1e3),
        );
    }
    text
}

/// Which routes take no calls, or only a probe, by their circuit or their key.
fn held_back(state: &Value) -> String {
    let all = state["routes"].as_array().map_or(&[][..], Vec::as_slice);
    let circuit = |state: &str| matches!(state, "open" | "isolated" | "half_open");
    let gate = |state: &str| matches!(state, "closed" | "parked" | "probing");
    let held = |route: &&Value| {
        route["circuit"].as_str().is_some_and(circuit) || route["gate"].as_str().is_some_and(gate)
    };
    let held: Vec<_> = all.iter().filter(held).collect();
    let names: Vec<_> = held.iter().map(|route| clean(&route["route"])).collect();
    match names.len() {
        0 => String::new(),
        many => format!(
            ", {many} of {} routes held back: {}",
            all.len(),
            names.join(", ")
        ),
    }
}

fn routes(state: &Value) -> Vec<[String; 6]> {
    let heads = ["ROUTE", "CIRCUIT", "KEY", "ANSWERED", "FAILED", "LEFT"];
    let mut rows = vec![heads.map(str::to_owned)];
    for route in state["routes"].as_array().into_iter().flatten() {
        let with_time = |name: &str, seconds: &str| {
            let state = clean(&route[name]);
            match route[seconds].as_f64() {
                Some(left) => format!("{state}, {}", span(left)),
                None => state,
            }
        };
        let mut key = with_time("gate", "gate_seconds");
        if let Some(waiting) = route["gate_waiting"].as_u64() {
            let _ = write!(key, ", {waiting} in line");
        }
        let limits = route["limits"].as_array().into_iter().flatten();
        let limits =
            limits.map(|left| format!("{} {}", count(&left["remaining"]), clean(&left["counts"])));
        let limits: Vec<_> = limits.collect();
        let mut failed = sum(&route["history"]["failed"]).to_string();
        match sum(&route["history"]["cut_off"]) {
            0 => {}
            cut_off => {
                let _ = write!(failed, ", {cut_off} cut off");
            }
        }
        rows.push([
            clean(&route["route"]),
            with_time("circuit", "circuit_seconds"),
            key,
            sum(&route["history"]["answered"]).to_string(),
            failed,
            limits.join(", "),
        ]);
    }
    rows
}

fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or_default()
    };
    let widths: Vec<_> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// A name that may come from somebody else: on one line, without what moves a terminal.
fn clean(name: &Value) -> String {
    let name = name.as_str().unwrap_or("?");
    plain(name).chars().take(WIDEST).collect()
}

/// A number of things, where it is one.
fn count(value: &Value) -> String {
    let count = value.as_u64();
    count.map_or_else(|| "?".to_owned(), |count| count.to_string())
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}

fn sum(values: &Value) -> u64 {
    let values = values.as_array().into_iter().flatten();
    values.filter_map(Value::as_u64).sum()
}

fn span(seconds: f64) -> String {
    let span = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    match span.as_secs() {
        0..10 => format!("{:.1} s", span.as_secs_f64()),
        seconds @ 10..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_is_all_on_a_screen() {
        let state = json!({
            "version": "1.2.3", "up_s": 300, "draining": false,
            "routes": [{
                "route": "openai/gpt", "circuit": "open", "circuit_seconds": 4.25, "gate": "open",
                "gate_waiting": 3, "limits": [{"counts": "requests", "remaining": 42}],
                "history": {"answered": [1, 2], "failed": [0, 4], "cut_off": [2]},
            }],
            "calls": {"well": [10], "recovered": [2], "failed": [1], "left": [5, 1]},
            "queue": {"waiting": 7, "running": 1, "done": 2, "dead": 3, "oldest_s": 200},
            "journeys": [
                {"model": "m", "words": "recovered", "outcome": "answered", "attempts": 2,
                    "took_ms": 1000},
                {"model": "m\u{1b}[2J", "words": "given up", "kind": "overloaded", "attempts": 4,
                    "outcome": "failed", "took_ms": 3210},
            ],
        });
        let expected = "\
buttress 1.2.3 at http://localhost:1/, ready, 1 of 1 routes held back: openai/gpt, up for 5 min

ROUTE       CIRCUIT      KEY              ANSWERED  FAILED        LEFT
openai/gpt  open, 4.2 s  open, 3 in line  3         4, 2 cut off  42 requests

Calls of the last five minutes: 10 at once, 2 recovered, 1 failed, 6 left by their callers
Queue: 7 waiting, the oldest for 3 min, 1 running, 2 done, 3 dead
  m?[2J given up (overloaded): 4 attempts in 3.2 s
  m recovered: 2 attempts in 1.0 s
";
        assert_eq!(
            of(&Uri::from_static("http://localhost:1"), &state),
            expected
        );
    }

    #[test]
    fn a_key_holds_a_route_back_as_a_circuit_does() {
        let routes = ["open", "closed", "reopening", "parked", "probing", "off"];
        let routes = routes.map(|gate| json!({"route": gate, "circuit": "closed", "gate": gate}));
        assert_eq!(
            held_back(&json!({"routes": routes})),
            ", 3 of 6 routes held back: closed, parked, probing"
        );
        let off = json!({"routes": [{"route": "a", "circuit": "off", "gate": "off"}]});
        assert_eq!(held_back(&off), "");
    }

    /// Whatever answers there may be no gateway.
    #[test]
    fn nothing_moves_the_terminal() {
        let bad = "\u{9b}2J\u{1b}]0;\u{7}";
        let state = json!({
            "version": bad,
            "routes": [{
                "route": bad, "circuit": bad, "gate": bad,
                "limits": [{"counts": bad, "remaining": bad}],
            }],
            "queue": {"waiting": 1, "running": bad, "done": [bad], "dead": {bad: bad}},
            "journeys": [{"model": bad, "words": bad, "kind": bad, "attempts": bad}],
        });
        let text = of(&Uri::from_static("http://localhost:1"), &state);
        let moves = |c: char| c.is_control() && c != '\n';
        assert!(!text.contains(moves), "{text:?}");
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        for state in [
            json!({}),
            json!({"queue": {}, "routes": 7, "journeys": {"a": 1}}),
        ] {
            let text = of(&Uri::from_static("http://localhost:1"), &state);
            assert!(text.starts_with("buttress ? at"), "{text}");
        }
    }
}
