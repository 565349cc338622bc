//! The program as it is started: what it prints, serves, and ends with.
#![expect(clippy::unwrap_used, reason = "it is a test, helpers included")]

use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

/// The program, where it finds neither a file nor a key.
fn buttress(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_buttress"));
    command.env_clear().current_dir(directory);
    command
}

/// The program while it serves. Ends with its owner.
struct Serving {
    child: Child,
    greeting: String,
}

impl Serving {
    /// Starts the sandbox.
    fn sandbox(directory: &Path) -> Self {
        Self::start(&mut buttress(directory), "buttress.toml")
    }

    /// Starts it, and reads its greeting up to a line with these words.
    fn start(command: &mut Command, words: &str) -> Self {
        let mut child = command
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut greeting = String::new();
        while !greeting.contains(words) {
            greeting.push_str(&lines.next().expect("a greeting").unwrap());
            greeting.push('\n');
        }
        Self { child, greeting }
    }

    /// Where it listens: `127.0.0.1:port`.
    fn address(&self) -> &str {
        let (_, rest) = self.greeting.split_once("http://").expect("a URL");
        rest.split_whitespace().next().unwrap()
    }

    /// The requests that the greeting proposes to make.
    fn proposals(&self) -> Vec<Proposal> {
        let text = self.greeting.replace("\\\n", " ");
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| line.starts_with("curl "));
        lines.map(Proposal::read).collect()
    }

    /// What it has logged, when it has ended.
    fn log(&mut self) -> String {
        let mut log = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut log).unwrap();
        log
    }

    fn terminate(&self) {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(told.unwrap().success());
    }

    /// What it ends with, within a few seconds.
    fn end(&mut self) -> Option<i32> {
        for _ in 0..1000 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("it does not end");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A line for `curl`, as a shell would read it.
#[derive(Clone)]
struct Proposal {
    path: String,
    headers: Vec<String>,
    body: Value,
}

impl Proposal {
    fn read(line: &str) -> Self {
        let mut words = Vec::new();
        for (place, part) in line.split('\'').enumerate() {
            match place % 2 {
                0 => words.extend(part.split_whitespace().map(str::to_owned)),
                _ => words.push(part.to_owned()),
            }
        }
        let after = |option| {
            let options = words.windows(2).filter(move |pair| pair[0] == option);
            options.map(|pair| pair[1].clone())
        };
        let url = words.iter().find(|word| word.starts_with("http://"));
        let path = url.expect("a URL").splitn(4, '/').nth(3).expect("a path");
        Self {
            path: format!("/{path}"),
            headers: after("-H").collect(),
            body: serde_json::from_str(&after("-d").next().expect("data")).expect("JSON"),
        }
    }

    fn stream(mut self, stream: bool) -> Self {
        self.body["stream"] = stream.into();
        self
    }

    /// Makes the request, without waiting for its answer.
    fn send(&self, address: &str) -> TcpStream {
        let Self {
            path,
            headers,
            body,
        } = self;
        let headers: String = headers
            .iter()
            .map(|header| format!("{header}\r\n"))
            .collect();
        let body = body.to_string();
        let mut socket = TcpStream::connect(address).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        write!(
            socket,
            "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        socket
    }
}

/// All of an answer, as it is on the wire.
fn read(mut socket: TcpStream) -> String {
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

#[track_caller]
fn assert_recovered(answer: &str) {
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    for header in ["route: ", "attempts: ", "waited-ms: "] {
        assert!(
            answer.contains(&format!("\r\nx-buttress-{header}")),
            "{answer}"
        );
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn without_anything_it_is_a_sandbox_that_recovers() {
    let directory = tempfile::tempdir().unwrap();
    let serving = Serving::sandbox(directory.path());
    assert!(serving.greeting.contains("THIS IS A SANDBOX"));
    let proposals = serving.proposals();
    let paths: Vec<_> = proposals.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(paths, ["/v1/chat/completions", "/v1/messages"]);

    let ask = |proposal: Proposal| read(proposal.send(serving.address()));
    // The very first call fails, and is tried again after the second that was asked for.
    let first = ask(proposals[0].clone());
    assert_recovered(&first);
    assert!(first.contains("\r\nx-buttress-attempts: 2\r\n"), "{first}");
    let (_, waited) = first.split_once("\r\nx-buttress-waited-ms: ").unwrap();
    let waited: u32 = waited.lines().next().unwrap().parse().unwrap();
    assert!((1000..=1500).contains(&waited), "{waited}");

    // As printed, and the other way.
    for (proposal, word, end) in [
        (&proposals[0], "chat.completion", "data: [DONE]"),
        (&proposals[1], "\"message\"", "event: message_stop"),
    ] {
        let whole = ask(proposal.clone().stream(false));
        assert_recovered(&whole);
        assert!(whole.contains("\r\ncontent-type: application/json\r\n"));
        assert!(whole.contains(word) && whole.contains("sandbox"), "{whole}");
        let streamed = ask(proposal.clone().stream(true));
        assert_recovered(&streamed);
        assert!(streamed.contains("\r\ncontent-type: text/event-stream"));
        assert!(
            streamed.contains(word) && streamed.contains(end),
            "{streamed}"
        );
    }
}

#[test]
fn a_recovered_call_is_one_line_of_the_log() {
    let directory = tempfile::tempdir().unwrap();
    for format in ["text", "json"] {
        let mut command = buttress(directory.path());
        let mut serving = Serving::start(command.args(["--log-format", format]), "buttress.toml");
        let mut proposal = serving.proposals()[0].clone().stream(true);
        proposal.headers.push("x-request-id: my-call".to_owned());
        let answer = read(proposal.send(serving.address()));
        assert!(
            answer.contains("\r\nx-buttress-request-id: my-call\r\n"),
            "{answer}"
        );
        serving.terminate();
        assert_eq!(serving.end(), Some(0));
        let log = serving.log();
        let mut lines = log.lines().filter(|line| line.contains("my-call"));
        let line = lines.next().expect("a line");
        assert_eq!(lines.next(), None, "{log}");
        assert!(line.contains("recovered"), "{line}");
        assert!(!log.contains("sandbox: no model was asked"), "{log}");
        if format == "json" {
            let line: Value = serde_json::from_str(line).unwrap();
            let fields = &line["fields"];
            assert_eq!(fields["stream"], "complete");
            assert_eq!(fields["attempts"], 2);
            assert!(fields["journey"].as_str().unwrap().contains("rate_limited"));
        }
    }
}

#[test]
fn a_level_that_is_none_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let run = |command: &mut Command| command.output().unwrap();
    let mut command = buttress(directory.path());
    let output = run(command.args(["check", "--log", "nonsense"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("is no level"), "{output:?}");
    let mut command = buttress(directory.path());
    let output = run(command.arg("check").env("BUTTRESS_LOG", "nonsense"));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn told_to_stop_it_lets_calls_finish_and_ends_well() {
    let directory = tempfile::tempdir().unwrap();
    let mut serving = Serving::sandbox(directory.path());
    let address = serving.address().to_owned();
    let proposal = serving.proposals()[0].clone().stream(true);

    // The first one waits for its retry, and is not over when the program is told.
    let socket = proposal.send(&address);
    thread::sleep(Duration::from_millis(300));
    serving.terminate();
    let answer = read(socket);
    assert_recovered(&answer);
    assert!(answer.contains("data: [DONE]"), "{answer}");
    assert_eq!(serving.end(), Some(0));
    assert!(TcpStream::connect(&address).is_err());
}

#[test]
fn told_to_stop_twice_it_does_not_wait() {
    let directory = tempfile::tempdir().unwrap();
    let mut serving = Serving::sandbox(directory.path());
    let address = serving.address().to_owned();
    let socket = serving.proposals()[0].send(&address);
    thread::sleep(Duration::from_millis(200));
    serving.terminate();
    // Two signals at the same time are one.
    thread::sleep(Duration::from_millis(200));
    serving.terminate();
    assert_eq!(serving.end(), Some(1));
    drop(socket);
}

#[test]
fn calls_that_outlast_the_grace_are_cut_off_and_told_of() {
    let directory = tempfile::tempdir().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let file = format!(
        "[server]\nshutdown_grace = \"100ms\"\n\
         [providers.silent]\nkind = \"compatible\"\nkey_env = \"off\"\n\
         base_url = \"http://{}/v1\"\n\
         [[routes]]\nprovider = \"silent\"\nmodel = \"any\"\n",
        silent.local_addr().unwrap()
    );
    std::fs::write(directory.path().join("buttress.toml"), file).unwrap();
    let mut serving = Serving::start(&mut buttress(directory.path()), "SERVED BY");
    let call = Proposal {
        path: "/v1/chat/completions".to_owned(),
        headers: Vec::new(),
        body: json!({"model": "any", "messages": [{"role": "user", "content": "Hello?"}]}),
    };
    let caller = call.send(serving.address());
    // It is under way: the provider has it, and says nothing.
    let asked = silent.accept().unwrap();
    serving.terminate();
    assert_eq!(serving.end(), Some(1));
    let log = serving.log();
    assert!(log.contains("calls were cut off"), "{log}");
    drop((caller, asked));
}

/// It listens for signals before it waits for anything, such as a store that says nothing.
#[test]
fn told_to_stop_while_it_starts_it_ends_well() {
    let directory = tempfile::tempdir().unwrap();
    for args in [&["serve", "--listen", "127.0.0.1:0"][..], &["worker"]] {
        let store = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("redis://{}", store.local_addr().unwrap());
        let child = buttress(directory.path())
            .args(args)
            .env("OPENAI_API_KEY", "k")
            .env("BUTTRESS_QUEUE_URL", url)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut serving = Serving {
            child: child.unwrap(),
            greeting: String::new(),
        };
        let silent = store.accept().unwrap();
        serving.terminate();
        assert_eq!(serving.end(), Some(0), "{args:?}");
        assert!(serving.log().contains("before it had started"));
        drop(silent);
    }
}

#[test]
fn a_file_and_keys_in_the_environment_are_served() {
    const KEY: &str = "sk-not-to-be-seen";
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("buttress.toml");

    let mut command = buttress(directory.path());
    let by_keys = Serving::start(command.env("OPENAI_API_KEY", KEY), "SERVED BY");
    std::fs::write(file, "[[routes]]\nprovider = 'openai'\nmodel = 'gpt-4.1'\n").unwrap();
    let mut command = buttress(directory.path());
    let by_file = Serving::start(command.env("OPENAI_API_KEY", KEY), "SERVED BY");
    assert!(by_file.greeting.contains("openai/gpt-4.1"));
    for serving in [by_keys, by_file] {
        assert!(!serving.greeting.contains("SANDBOX"));
        assert!(!serving.greeting.contains(KEY));
        let mut socket = TcpStream::connect(serving.address()).unwrap();
        let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        socket.write_all(request).unwrap();
        assert!(read(socket).ends_with("\r\n\r\nok\n"));
    }
}

#[test]
fn it_ends_with_what_is_documented() {
    let directory = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| buttress(directory.path()).args(args).output().unwrap();
    let code = |output: &Output| output.status.code();

    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = held.local_addr().unwrap().to_string();
    let output = run(&["--listen", &taken]);
    assert_eq!(code(&output), Some(1));
    assert!(text(&output.stderr).contains(&taken), "{output:?}");
    drop(held);

    let output = run(&["--config", "nowhere.toml"]);
    assert_eq!(code(&output), Some(1));
    assert!(text(&output.stderr).contains("nowhere.toml"), "{output:?}");
    assert_eq!(code(&run(&["--no-such-option"])), Some(2));
    for args in [["--help"], ["--version"]] {
        assert_eq!(code(&run(&args)), Some(0));
    }
}

/// What waits in a queue is for real providers.
#[test]
fn without_a_key_a_queue_is_looked_into_and_not_worked_at() {
    let directory = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let mut command = buttress(directory.path());
        let command = command.env("BUTTRESS_QUEUE_URL", "sqlite:queue.db");
        command.args(args).output().unwrap()
    };
    let output = run(&["worker"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("a worker has nobody to ask"),
        "{output:?}"
    );
    assert!(!directory.path().join("queue.db").exists());
    let output = run(&["queue", "list"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");

    std::fs::remove_file(directory.path().join("queue.db")).unwrap();
    let mut command = buttress(directory.path());
    let command = command.env("BUTTRESS_QUEUE_URL", "sqlite:queue.db");
    let serving = Serving::start(command, "buttress.toml");
    assert!(serving.greeting.contains("THIS IS A SANDBOX"));
    assert!(!directory.path().join("queue.db").exists());
}

#[test]
fn a_file_is_checked() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.toml");
    let check = |source: &str| {
        std::fs::write(&file, source).unwrap();
        let mut command = buttress(directory.path());
        command.args(["check", "a.toml"]).output().unwrap()
    };

    let output = check("[[routes]]\nprovider = \"openai\"\nmodle = \"gpt-4.1\"\n");
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    // The line, the field, and the fix.
    for word in ["a.toml:3", "modle", "did you mean `model`?"] {
        assert!(said.contains(word), "{word:?} is not in {said}");
    }
    assert!(
        !said.contains('\u{1b}'),
        "no colours where nobody sees them"
    );

    let output = check("[[routes]]\nprovider = \"ollama\"\nmodel = \"llama3.3\"\n");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text(&output.stdout).contains("no errors"));

    let mut command = buttress(directory.path());
    let output = command
        .args(["check", "--json", "a.toml"])
        .output()
        .unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["ok"], json!(true));
}
