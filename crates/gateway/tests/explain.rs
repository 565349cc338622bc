//! `buttress explain`, as a program: every row of the facts goes in, and the verdict that the
//! facts expect comes out.
#![expect(clippy::unwrap_used, reason = "it is a test, helpers included")]

use serde_json::{Value, json};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
};

fn facts(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/facts")
        .join(file)
}

fn rows(file: &str) -> Vec<Value> {
    objects(&fs::read_to_string(facts(file)).unwrap())
}

fn objects(lines: &str) -> Vec<Value> {
    let lines = lines.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn explain(args: &[&str], input: &[u8]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_buttress"))
        .arg("explain")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = program.stdin.take().unwrap();
    thread::scope(|scope| {
        // What it prints has to be read while it reads.
        scope.spawn(move || stdin.write_all(input));
        program.wait_with_output().unwrap()
    })
}

/// What it printed, given that all could be read.
fn explained(args: &[&str], input: &[u8]) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = explain(args, input);
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(status.success() && stderr.is_empty(), "{status}: {stderr}");
    String::from_utf8(stdout).unwrap()
}

#[test]
fn every_failing_answer_is_explained_as_the_facts_say() {
    let rows = rows("errors.jsonl");
    assert_eq!(rows.len(), 175);
    let printed = explained(&["--json"], &fs::read(facts("errors.jsonl")).unwrap());
    let printed = objects(&printed);
    assert_eq!(printed.len(), rows.len());
    for (row, printed) in rows.iter().zip(printed) {
        let expected = &row["expected"];
        // Where the facts give a range, no wait was asked for.
        let delay = Some(&expected["delay_ms"]).filter(|delay| delay.is_number());
        let expected = json!({
            "id": row["id"],
            "class": expected["class"],
            "retry_same": expected["retry_same"],
            "fallback": expected["fallback"],
            "counts_toward_breaker": expected["counts_toward_breaker"],
            "delay_ms": delay,
        });
        assert_eq!(printed, expected);
    }
}

#[test]
fn every_wait_is_told_as_the_facts_say() {
    let rows = rows("delays.jsonl");
    assert_eq!(rows.len(), 140);
    let file = facts("delays.jsonl");
    let printed = explained(&["--delays", "--json", file.to_str().unwrap()], b"");
    let expected = rows
        .iter()
        .map(|row| json!({ "id": row["id"], "delay_ms": row["expected_delay_ms"] }));
    assert_eq!(objects(&printed), expected.collect::<Vec<_>>());
}

#[test]
fn every_stream_is_summed_up_as_the_facts_say() {
    let mut seen = 0;
    for row in rows("streams.jsonl") {
        let api = row["api"].as_str().unwrap();
        if !["openai.chat", "anthropic.messages", "openai.responses"].contains(&api) {
            continue;
        }
        seen += 1;
        let transcript = fs::read(facts(row["file"].as_str().unwrap())).unwrap();
        let printed = explained(&["--stream", "--api", api, "--json"], &transcript);
        // Without a name the dialect is told by its looks.
        assert_eq!(
            explained(&["--stream", "--json"], &transcript),
            printed,
            "{}",
            row["id"]
        );
        let printed: Value = serde_json::from_str(&printed).unwrap();
        for (field, expected) in row["expected"].as_object().unwrap() {
            assert_eq!(printed[field], *expected, "{}: {field}", row["id"]);
        }
    }
    assert_eq!(seen, 35);
}

#[test]
fn what_people_read_has_a_paragraph_for_each_row() {
    let rows = rows("errors.jsonl");
    let printed = explained(&[], &fs::read(facts("errors.jsonl")).unwrap());
    let paragraphs: Vec<_> = printed.split("\n\n").collect();
    assert_eq!(paragraphs.len(), rows.len());
    for (row, paragraph) in rows.iter().zip(paragraphs) {
        let class = row["expected"]["class"].as_str().unwrap();
        let id = row["id"].as_str().unwrap();
        let begins = paragraph.starts_with(&format!("{id}: "));
        assert!(
            begins && paragraph.contains(&format!("means     {class}: ")),
            "{paragraph}"
        );
        assert!(
            paragraph.lines().all(|line| line.len() < 100),
            "{paragraph}"
        );
    }
}

/// Rather nobody than the wrong one.
#[test]
fn headers_never_speak_of_another_provider() {
    let rows = rows("errors.jsonl");
    let nameless = rows.iter().map(|row| {
        let mut row = row.clone();
        row.as_object_mut().unwrap().remove("provider");
        row.to_string() + "\n"
    });
    let printed = explained(&[], nameless.collect::<String>().as_bytes());
    let mut told = 0;
    for (row, paragraph) in rows.iter().zip(printed.split("\n\n")) {
        let head = paragraph.lines().next().unwrap();
        if let Some((_, guess)) = head.split_once(" from ")
            && let Some(guess) = guess.strip_suffix(", by its headers")
        {
            told += 1;
            assert_eq!(guess, row["provider"].as_str().unwrap(), "{head}");
        }
    }
    assert!(told > 30, "{told}");
}

/// The same answers as `curl -i` would have printed them, with the provider told by name.
#[test]
fn what_curl_printed_means_the_same_as_a_row() {
    let wanted = ["anthropic", "openai", "proxy"];
    let wanted = |row: &&Value| {
        let provider = row["provider"].as_str().unwrap();
        wanted.contains(&provider) && row["status"].is_number() && row.get("now").is_none()
    };
    let rows = rows("errors.jsonl");
    let mut seen = 0;
    for row in rows.iter().filter(wanted) {
        seen += 1;
        let mut printed = format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/2 {} \r\n", row["status"]);
        for (name, value) in row["headers"].as_object().unwrap() {
            printed += &format!("{name}: {}\r\n", value.as_str().unwrap());
        }
        printed += "\r\n";
        printed += &match &row["body"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            body => body.to_string(),
        };
        let provider = row["provider"].as_str().unwrap();
        let printed = explained(&["--json", "--provider", provider], printed.as_bytes());
        let printed: Value = serde_json::from_str(&printed).unwrap();
        for field in ["class", "retry_same", "fallback", "counts_toward_breaker"] {
            assert_eq!(
                printed[field], row["expected"][field],
                "{}: {field}",
                row["id"]
            );
        }
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn a_bad_line_does_not_keep_the_rest_from_being_read() {
    let input = b"{\"id\": \"a\", \"status\": 529}\nno\n{\"id\": \"c\", \"status\": 401}\n";
    let Output {
        status,
        stdout,
        stderr,
    } = explain(&["--json"], input);
    assert_eq!(status.code(), Some(1));
    let told = String::from_utf8(stderr).unwrap();
    assert!(told.starts_with("buttress: line 2: "), "{told}");
    let printed = objects(str::from_utf8(&stdout).unwrap());
    let classes: Vec<_> = printed
        .iter()
        .map(|printed| printed["class"].as_str())
        .collect();
    assert_eq!(classes, [Some("overloaded"), None, Some("auth")]);
    assert_eq!(printed[1]["id"], Value::Null);
    assert!(printed[1]["error"].is_string());
}

#[test]
fn a_name_that_is_not_known_is_a_wrong_command_line() {
    for args in [["--provider", "nobody"], ["--api", "openai.nothing"]] {
        let output = explain(&args, b"");
        assert_eq!(output.status.code(), Some(2));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("expected"), "{told}");
    }
}
