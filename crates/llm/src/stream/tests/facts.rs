//! Every row of the facts about streams in a dialect that is read here.

use super::{read, read_by};
use crate::{
    Dialect, Fallback, Kind, Stop, Summary, Verdict,
    stream::{End, StreamReader},
};
use serde_json::{Map, Value, json};
use std::{fs, path::Path};

/// The dialects that are not read yet.
const LATER: [&str; 0] = [];

fn facts() -> Vec<(Value, Vec<u8>)> {
    let facts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/facts");
    let rows = fs::read_to_string(facts.join("streams.jsonl")).unwrap();
    let rows = rows.lines().map(|row| {
        let row: Value = serde_json::from_str(row).unwrap();
        let bytes = fs::read(facts.join(row["file"].as_str().unwrap())).unwrap();
        (row, bytes)
    });
    rows.collect()
}

/// The verdict, as the facts write it.
fn error(verdict: &Verdict, unemitted: bool) -> Value {
    let mut error = json!({
        "class": verdict.kind.as_str(),
        "retry_same": verdict.retry_within(Verdict::LONGEST_WAIT),
        "fallback": verdict.fallback.by_default(),
        "counts_toward_breaker": verdict.counts_toward_breaker(),
    });
    if unemitted {
        error["retry_if_not_emitted"] = true.into();
    }
    if let Some(delay) = verdict.delay {
        error["delay_ms"] = u64::try_from(delay.as_millis()).unwrap().into();
    }
    error
}

/// What was read, as the facts write it. An id that was made up is none there.
fn observed(
    summary: &Summary,
    dialect: Dialect,
    wanted: &Map<String, Value>,
) -> Map<String, Value> {
    let finish = summary.finish();
    let outcome = summary.outcome();
    // Only of a failure that content came before is it worth saying.
    let unemitted = summary.end() != End::Complete && summary.has_content();
    // In the facts, the marker alone is an end signal, too, even of nothing.
    let complete = match summary.end() {
        End::Complete => true,
        End::Failed => false,
        End::Truncated | End::Empty => summary.terminal_marker(),
    };
    let mut observed = json!({
        "complete": complete,
        "error": outcome.err().map(|verdict| error(&verdict, unemitted)),
        "text": summary.text(),
        // That a whole response failed is no reason of the model's.
        "stop": finish.filter(|it| &*it.raw != "failed").map(|finish| finish.stop.as_str()),
        "raw_stop": finish.map(|finish| &*finish.raw),
        "terminal_marker": summary.terminal_marker(),
        "content_emitted": summary.has_content(),
        "comments": summary.comments(),
    });
    let usage = json!({
        "input_tokens": summary.usage().input,
        "output_tokens": summary.usage().output,
    });
    let made_up = dialect == Dialect::Gemini;
    let calls = summary.tool_calls().iter().map(|call| {
        json!({
            "id": Some(&call.id).filter(|_| !made_up),
            "name": call.name,
            "arguments_raw": call.arguments,
            "valid": call.is_valid(),
        })
    });
    let sequence = finish.and_then(|finish| finish.stop_sequence.as_deref());
    for (key, value) in [
        ("usage", usage),
        ("tool_calls", calls.collect()),
        ("refusal", summary.refusal().into()),
        ("stop_sequence", sequence.into()),
    ] {
        if wanted.contains_key(key) {
            observed[key] = value;
        }
    }
    match observed {
        Value::Object(observed) => observed,
        _ => unreachable!("it was made an object"),
    }
}

#[test]
fn every_stream_reads_as_the_facts_say_wherever_it_is_cut() {
    let mut seen = 0;
    for (row, bytes) in facts() {
        let api = row["api"].as_str().unwrap();
        if LATER.contains(&api) {
            continue;
        }
        seen += 1;
        let dialect: Dialect = api.parse().unwrap();
        let expected = row["expected"].as_object().unwrap();
        let check = |pieces: &[&[u8]], how: &str| {
            for next in [StreamReader::next_item, StreamReader::next_run] {
                let (items, summary) = read_by(next, dialect, pieces.iter().copied());
                let id = &row["id"];
                assert_eq!(
                    &observed(&summary, dialect, expected),
                    expected,
                    "{id} {how}"
                );
                let raw: usize = items.iter().map(|item| item.raw.len()).sum();
                assert!(raw <= bytes.len(), "{id}: bytes out of nowhere");
            }
        };
        check(&[&bytes], "whole");
        for at in 0..=bytes.len() {
            let (before, after) = bytes.split_at(at);
            check(&[before, after], &format!("cut at {at}"));
        }
        check(&bytes.chunks(1).collect::<Vec<_>>(), "byte by byte");
        if let Some(cuts) = row.get("chunk_splits").and_then(Value::as_array) {
            let mut cuts: Vec<_> = cuts
                .iter()
                .map(|at| at.as_u64().unwrap() as usize)
                .collect();
            cuts.insert(0, 0);
            cuts.push(bytes.len());
            let pieces: Vec<_> = cuts.windows(2).map(|at| &bytes[at[0]..at[1]]).collect();
            check(&pieces, "cut as the row says");
        }
    }
    assert_eq!(seen, 42);
}

/// However early the bytes end: never a finish that was not given, never a success.
#[test]
fn a_stream_that_is_cut_off_never_passes_for_a_whole_one() {
    for (row, bytes) in facts() {
        let Ok(dialect) = row["api"].as_str().unwrap().parse::<Dialect>() else {
            continue;
        };
        for at in 0..bytes.len() {
            let (_, summary) = read(dialect, [&bytes[..at]]);
            if summary.finish().is_none() {
                assert!(!summary.is_complete());
                let verdict = summary.outcome().unwrap_err();
                assert_eq!(verdict.fallback, Fallback::Yes, "{} at {at}", row["id"]);
                // Money that is spent is so before any content, too.
                let may_retry = !summary.has_content() && verdict.kind != Kind::QuotaExhausted;
                assert_eq!(verdict.retry_same, may_retry, "{} at {at}", row["id"]);
            } else {
                let stop = summary.finish().unwrap().stop;
                assert_ne!(stop, Stop::Other, "{}", row["id"]);
            }
        }
    }
}
