//! Every row of the facts about failing answers and about waits.

use crate::{Answer, Provider, Verdict, classify, delay};
use http::{HeaderMap, HeaderName};
use serde_json::Value;
use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

fn rows(file: &str) -> Vec<Value> {
    let facts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/facts");
    let text = fs::read_to_string(facts.join(file)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

struct Row {
    id: String,
    status: Option<u16>,
    headers: HeaderMap,
    body: Vec<u8>,
    now: SystemTime,
}

impl Row {
    fn read(row: &Value) -> Self {
        let mut headers = HeaderMap::new();
        for (name, value) in row["headers"].as_object().into_iter().flatten() {
            let name: HeaderName = name.parse().unwrap();
            let values = match value {
                Value::Array(values) => values.iter().collect(),
                value => vec![value],
            };
            for value in values {
                headers.append(&name, value.as_str().unwrap().trim().parse().unwrap());
            }
        }
        Self {
            id: row["id"].as_str().unwrap().to_owned(),
            status: row["status"]
                .as_u64()
                .map(|status| status.try_into().unwrap()),
            headers,
            body: match &row["body"] {
                Value::Null => Vec::new(),
                Value::String(text) => text.clone().into_bytes(),
                value => value.to_string().into_bytes(),
            },
            now: row["now"].as_str().map_or(SystemTime::UNIX_EPOCH, |now| {
                buttress_retry_after::rfc3339(now).unwrap()
            }),
        }
    }

    fn classify(&self, provider: Provider) -> Result<(), Verdict> {
        let answer = Answer::new(0, &self.headers, &self.body);
        classify(provider, &answer.status(self.status).at(self.now))
    }
}

fn millis(wait: Option<Duration>) -> Option<u64> {
    wait.map(|wait| u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap())
}

#[test]
fn every_failing_answer_means_what_the_facts_say() {
    let mut wrong = Vec::new();
    let rows = rows("errors.jsonl");
    assert_eq!(rows.len(), 175);
    for row in &rows {
        let provider: Provider = row["provider"].as_str().unwrap().parse().unwrap();
        let expected = &row["expected"];
        let row = Row::read(row);
        let Err(verdict) = row.classify(provider) else {
            wrong.push(format!("{}: taken for healthy", row.id));
            continue;
        };
        let retry = verdict.retry_within(Verdict::LONGEST_WAIT);
        let delay = millis(verdict.delay);
        let mut is = |what: &str, got: &Value, wanted: &Value| {
            if got != wanted {
                wrong.push(format!("{}: {what} is {got}, not {wanted}", row.id));
            }
        };
        is("class", &verdict.kind.as_str().into(), &expected["class"]);
        is("retry_same", &retry.into(), &expected["retry_same"]);
        is(
            "fallback",
            &verdict.fallback.by_default().into(),
            &expected["fallback"],
        );
        let counts = verdict.counts_toward_breaker();
        is(
            "counts_toward_breaker",
            &counts.into(),
            &expected["counts_toward_breaker"],
        );
        match &expected["delay_ms"] {
            // No word from the server: one's own back-off.
            Value::Object(_) => is("delay_ms", &delay.into(), &Value::Null),
            Value::Null => is("delay_ms", &delay.filter(|_| retry).into(), &Value::Null),
            wanted => is("delay_ms", &delay.into(), wanted),
        }
        if let Some(hint) = expected.get("hint_ms") {
            is("hint_ms", &delay.into(), hint);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_wait_is_read_as_the_facts_say() {
    let mut wrong = Vec::new();
    let rows = rows("delays.jsonl");
    assert_eq!(rows.len(), 140);
    for row in &rows {
        let expected = &row["expected_delay_ms"];
        let row = Row::read(row);
        let told = delay(row.status, &row.headers, &row.body, row.now);
        let got = Value::from(millis(told));
        if got != *expected {
            wrong.push(format!("{}: {got}, not {expected}", row.id));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
