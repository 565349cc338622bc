//! `buttress status` and `buttress replay-journey`, as programs: what they show, and end with.
#![expect(clippy::unwrap_used, reason = "it is a test, helpers included")]

use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

const KEY: &str = "the-admins-key";

fn buttress(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_buttress"));
    command.env_clear().current_dir(folder);
    command
}

/// Runs it to its end, with this admin key.
fn run(folder: &Path, key: Option<&str>, words: &[&str]) -> Output {
    let mut command = buttress(folder);
    if let Some(key) = key {
        command.env("BUTTRESS_ADMIN_KEY", key);
    }
    command.args(words).stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn assert_ends(output: &Output, code: i32, said: &[&str]) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    let stream = match code {
        0 => &output.stdout,
        _ => &output.stderr,
    };
    let text = String::from_utf8_lossy(stream);
    for words in said {
        assert!(text.contains(words), "{words:?} is not in {text}");
    }
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

/// A sandbox that asks for the admin key. Ends with its owner.
struct Sandbox {
    child: Child,
    address: String,
}

impl Sandbox {
    fn start(folder: &Path) -> Self {
        let mut child = buttress(folder)
            .env("BUTTRESS_ADMIN_KEY", KEY)
            .args(["--sandbox", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut greeting = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        greeting.read_line(&mut first).unwrap();
        let (_, address) = first.trim().split_once("http://").expect("a URL");
        let address = address.to_owned();
        Self { child, address }
    }

    /// A call, and all of its answer.
    fn ask(&self) -> String {
        let body = r#"{"model": "any", "messages": [{"role": "user", "content": "Hello?"}]}"#;
        let mut socket = TcpStream::connect(&self.address).unwrap();
        let patience = Duration::from_secs(30);
        socket.set_read_timeout(Some(patience)).unwrap();
        write!(
            socket,
            "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_gateway_is_shown_to_whoever_has_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path());
    let status = |key, words: &[&str]| {
        let words = [&["status", &*sandbox.address], words].concat();
        run(folder.path(), key, &words)
    };

    let shown = status(Some(KEY), &[]);
    let said = ["ready", "sandbox-openai", "sandbox-anthropic", "closed"];
    assert_ends(&shown, 0, &said);
    assert_ends(&status(Some(KEY), &["--once"]), 0, &said);

    let json = status(Some(KEY), &["--json"]);
    assert_ends(&json, 0, &[]);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["routes"].as_array().unwrap().len(), 2);

    for key in [None, Some("wrong")] {
        let refused = status(key, &[]);
        let said = [&*sandbox.address, "401", "set BUTTRESS_ADMIN_KEY to"];
        assert_ends(&refused, 1, &said);
        assert!(refused.stdout.is_empty(), "{refused:?}");
    }
}

#[test]
fn a_gateway_that_is_not_there_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = held.local_addr().unwrap().to_string();
    drop(held);
    let status = |words: &[&str]| run(folder.path(), None, &[&["status"], words].concat());
    let said = [&*nowhere, "buttress status http://HOST:PORT"];
    assert_ends(&status(&[&nowhere]), 1, &said);
    assert_ends(&status(&["--no-such-option"]), 2, &[]);
    assert_ends(&status(&["http://"]), 2, &[]);
}

#[test]
fn a_journey_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path());
    // The first call to it fails and is tried again.
    let answer = sandbox.ask();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");

    let words = ["status", &*sandbox.address, "--json"];
    let state = run(folder.path(), Some(KEY), &words);
    assert_ends(&state, 0, &[]);
    fs::write(folder.path().join("state.json"), &state.stdout).unwrap();
    let replayed = run(folder.path(), None, &["replay-journey", "state.json"]);
    let said = ["sandbox-openai", "rate_limited", "limits.max_calls"];
    assert_ends(&replayed, 0, &said);

    // The same by way of a pipe.
    let mut child = buttress(folder.path())
        .arg("replay-journey")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&state.stdout).unwrap();
    drop(stdin);
    let piped = child.wait_with_output().unwrap();
    assert_ends(&piped, 0, &said);
    assert_eq!(piped.stdout, replayed.stdout);
}

#[test]
fn what_is_no_journey_is_not_explained() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("other.log"), "nothing of the kind\n").unwrap();
    let replay = |words: &[&str]| run(folder.path(), None, &[&["replay-journey"], words].concat());
    let none = replay(&["other.log"]);
    assert_ends(&none, 1, &["no journey in other.log"]);
    assert_ends(&replay(&["nowhere.log"]), 1, &["nowhere.log"]);
    assert_ends(&replay(&["--no-such-option"]), 2, &[]);
}
