//! The program, while its configuration changes.
#![expect(clippy::unwrap_used, reason = "it is a test, helpers included")]

use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::symlink,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};
use tempfile::TempDir;

const KEY: &str = "the-admins-key";

/// A file with these routes, each with a model of its name.
fn routes(names: &[&str]) -> String {
    let mut file = "[providers.p]\nkind = 'compatible'\nkey_env = 'off'\n\
                    base_url = 'http://127.0.0.1:9/v1'\n"
        .to_owned();
    for name in names {
        file += &format!("[[routes]]\nname = '{name}'\nprovider = 'p'\nmodel = '{name}'\n");
    }
    file
}

/// The same, and a queue in the folder in which it is read.
fn with_queue(routes: &str) -> String {
    format!("queue.url = 'sqlite:queue.db'\n{routes}")
}

/// A folder with this file.
fn folder(file: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("buttress.toml"), file).unwrap();
    folder
}

/// The program. Ends with its owner.
struct Program {
    child: Child,
    address: String,
    log: mpsc::Receiver<String>,
}

impl Program {
    /// Starts it with these words, and reads what it says until it is there.
    fn start(words: &[&str], folder: &Path, said: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_buttress"))
            .env_clear()
            .env("BUTTRESS_ADMIN_KEY", KEY)
            .current_dir(folder)
            .args(words)
            .args(["--log-format", "json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().expect("a greeting").unwrap();
        assert!(first.starts_with(said), "{first}");
        let url = first.split_once("http://").map_or("", |(_, url)| url);
        let address = url.split([',', ' ']).next().unwrap_or_default();
        let address = address.to_owned();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let (told, log) = mpsc::channel();
        thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                // Whoever had enough of it is gone.
                let _ = told.send(line);
            }
        });
        Self {
            child,
            address,
            log,
        }
    }

    fn serve(folder: &Path) -> Self {
        let words = ["serve", "--listen", "127.0.0.1:0"];
        Self::start(&words, folder, "buttress listens on http://")
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args([signal, &pid]).status();
        assert!(told.unwrap().success());
    }

    /// What it logs next with these words.
    fn logs(&self, words: &str) -> String {
        loop {
            let line = self.log.recv_timeout(Duration::from_secs(60));
            let line = line.unwrap_or_else(|_| panic!("{words:?} is not logged"));
            if line.contains(words) {
                return line;
            }
        }
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let (status, answer) = self.send(method, path, body);
        (status, serde_json::from_str(&answer).unwrap())
    }

    fn send(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        write!(
            socket,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\
             authorization: Bearer {KEY}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap();
        (status.parse().unwrap(), body.to_owned())
    }

    /// The routes, each with its circuit.
    fn circuits(&self) -> Vec<(String, String)> {
        let (status, shown) = self.ask("GET", "/readyz", "");
        assert_eq!(status, 200);
        let routes = shown["routes"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let routes = routes.map(|route| (text(&route["route"]), text(&route["circuit"])));
        routes.collect()
    }

    /// Tells it to stop, and what it ends with.
    fn end(mut self) -> Option<i32> {
        self.signal("-TERM");
        self.child.wait().unwrap().code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn circuits<'a>(expected: &[(&'a str, &'a str)]) -> Vec<(String, String)> {
    let owned = |(route, circuit): &(&str, &str)| ((*route).to_owned(), (*circuit).to_owned());
    expected.iter().map(owned).collect()
}

#[test]
fn sighup_reloads_all_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("buttress.toml");
    fs::write(&file, routes(&["a"])).unwrap();
    let program = Program::serve(folder.path());
    let isolate = r#"{"route": "a", "do": "isolate"}"#;
    assert_eq!(program.ask("POST", "/admin/circuit", isolate).0, 200);

    fs::write(&file, routes(&["a", "b"])).unwrap();
    program.signal("-HUP");
    let line = program.logs("\"reloaded\"");
    assert!(line.contains("routes.b added"), "{line}");
    let both = circuits(&[("a", "isolated"), ("b", "closed")]);
    assert_eq!(program.circuits(), both);

    fs::write(
        &file,
        routes(&["a", "b"]).replace("model = 'b'", "modle = 'b'"),
    )
    .unwrap();
    program.signal("-HUP");
    let line = program.logs("SIGHUP");
    for word in [
        "ERROR",
        "not reloaded",
        "buttress.toml:12:1",
        "did you mean `model`?",
    ] {
        assert!(line.contains(word), "{word:?} is not in {line}");
    }
    assert_eq!(program.circuits(), both);
    assert_eq!(program.end(), Some(0));
}

/// Nobody tells it to: it looks.
#[test]
fn a_file_that_changes_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    // As Kubernetes has it: a link to what stands behind another link.
    for (name, routes) in [("one", routes(&["a"])), ("two", routes(&["b"]))] {
        fs::create_dir(path(name)).unwrap();
        fs::write(path(name).join("buttress.toml"), routes).unwrap();
    }
    symlink("one", path("data")).unwrap();
    symlink("data/buttress.toml", path("buttress.toml")).unwrap();
    let words = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--log",
        "buttress_gateway=debug",
    ];
    let program = Program::start(&words, folder.path(), "buttress listens on http://");
    // From now on it knows what was there.
    program.logs("is the same");

    symlink("two", path("next")).unwrap();
    fs::rename(path("next"), path("data")).unwrap();
    let line = program.logs("\"reloaded\"");
    assert!(line.contains("the file has changed"), "{line}");
    assert_eq!(program.circuits(), circuits(&[("b", "closed")]));

    fs::write(path("two/buttress.toml"), "[[routes]").unwrap();
    program.logs("not reloaded");
    // It is told of once: this is the next that there is to tell.
    fs::write(path("two/buttress.toml"), routes(&["c"])).unwrap();
    let next = program.log.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(next.contains("\"reloaded\""), "{next}");
    assert_eq!(program.circuits(), circuits(&[("c", "closed")]));
    assert_eq!(program.end(), Some(0));
}

#[test]
fn who_may_change_things_may_have_it_reload() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("buttress.toml");
    fs::write(&file, routes(&["a"])).unwrap();
    let program = Program::serve(folder.path());
    let reload = || program.ask("POST", "/admin/reload", "{}");
    assert_eq!(program.ask("POST", "/admin/reload", "{\"now\": 1}").0, 400);

    let other = format!("server.max_connections = 9\n{}", routes(&["b"]));
    fs::write(&file, other).unwrap();
    let (status, said) = reload();
    assert_eq!(status, 200);
    assert_eq!(said["reloaded"], true);
    let changed = &said["changed"];
    assert_eq!(changed[0], "routes.b added", "{said}");
    assert_eq!(said["at_restart"][0], "server.max_connections", "{said}");

    fs::write(&file, "server.listen = 8080\n").unwrap();
    let (status, said) = reload();
    assert_eq!(status, 422);
    let error = said["error"].as_str().unwrap();
    assert!(error.contains("buttress.toml:1:17"), "{error}");
    assert_eq!(program.circuits(), circuits(&[("b", "closed")]));
    assert_eq!(program.end(), Some(0));
}

/// There is nothing to read again, and it goes on.
#[test]
fn without_a_file_sighup_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::serve(folder.path());
    program.signal("-HUP");
    program.logs("did not come from a file");
    let (status, said) = program.ask("POST", "/admin/reload", "{}");
    assert_eq!(status, 409, "{said}");
    assert_eq!(program.circuits().len(), 2);
    assert_eq!(program.end(), Some(0));
}

#[test]
fn a_worker_reloads_as_well() {
    let folder = folder(&with_queue(&routes(&["a"])));
    let program = Program::start(&["worker"], folder.path(), "buttress works at the queue");
    let changed = with_queue(&routes(&["b"]));
    fs::write(folder.path().join("buttress.toml"), changed).unwrap();
    program.signal("-HUP");
    let line = program.logs("\"reloaded\"");
    assert!(line.contains("routes.a removed"), "{line}");
    assert_eq!(program.end(), Some(0));
}

#[test]
fn a_worker_can_be_watched_and_serves_nothing_else() {
    let folder = folder(&with_queue(&routes(&["a"])));
    let words = ["worker", "--listen", "127.0.0.1:0"];
    let program = Program::start(&words, folder.path(), "buttress works at the queue");
    assert_eq!(program.send("GET", "/healthz", "").0, 200);
    assert_eq!(program.circuits(), [("a".to_owned(), "closed".to_owned())]);
    let (status, metrics) = program.send("GET", "/metrics", "");
    assert_eq!(status, 200);
    assert!(metrics.contains("\nbuttress_queue_tasks{"), "{metrics}");
    for (method, path) in [
        ("GET", "/"),
        ("POST", "/v1/chat/completions"),
        ("POST", "/admin/reload"),
        ("GET", "/v1/queue/1"),
    ] {
        let (status, said) = program.send(method, path, "{}");
        assert_eq!(status, 404, "{path}");
        assert!(said.contains("no calls"), "{said}");
    }
    assert_eq!(program.end(), Some(0));
}

#[test]
fn a_worker_that_cant_listen_does_not_begin() {
    let folder = folder(&with_queue(&routes(&["a"])));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = Command::new(env!("CARGO_BIN_EXE_buttress"))
        .env_clear()
        .current_dir(folder.path())
        .args(["worker", "--listen", &address])
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(
        said.contains(&format!("can't listen on {address}")),
        "{said}"
    );
}

#[test]
fn a_worker_can_be_watched_while_it_stops() {
    // Nobody answers, so that the request is queued.
    let dead = format!("queue.work = false\n{}", with_queue(&routes(&["a"])));
    let folder = folder(&dead);
    let gateway = Program::serve(folder.path());
    let body = r#"{"model": "a", "messages": [{"role": "user", "content": "Hello?"}]}"#;
    let (_, said) = gateway.send("POST", "/v1/chat/completions", body);
    assert!(said.contains(r#""queued_for_retry":true"#), "{said}");
    assert_eq!(gateway.end(), Some(0));

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let asks_it = with_queue(&routes(&["a"]).replace("127.0.0.1:9", &address));
    fs::write(folder.path().join("buttress.toml"), asks_it).unwrap();
    let words = ["worker", "--listen", "127.0.0.1:0"];
    let worker = Program::start(&words, folder.path(), "buttress works at the queue");
    let _asked = silent.accept().unwrap();
    assert_eq!(worker.send("GET", "/readyz", "").0, 200);
    worker.signal("-TERM");
    worker.logs("\"stopping\"");
    let (status, _) = worker.send("GET", "/readyz", "");
    assert_eq!(status, 503);
    for path in ["/healthz", "/metrics"] {
        assert_eq!(worker.send("GET", path, "").0, 200, "{path}");
    }
    assert_eq!(worker.end(), Some(1), "told twice");
}
