//! A real server, of its own.
#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![allow(
    unreachable_pub,
    dead_code,
    reason = "a module of several test programs"
)]

use std::{
    fs::File,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, SystemTime},
};
use tempfile::TempDir;

/// A `redis-server` on a port and in a folder of its own, which is killed at the end.
pub struct RedisServer {
    process: Child,
    port: u16,
    settings: Vec<String>,
    folder: TempDir,
}

impl RedisServer {
    pub fn start(settings: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
        // Somebody else may have the port by the time that the server wants it.
        for _ in 0..20 {
            let port = TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port();
            let mut process = spawn(port, folder.path(), &settings);
            if answers(port, &mut process) {
                return Self {
                    process,
                    port,
                    settings,
                    folder,
                };
            }
            let _ = process.kill();
            let _ = process.wait();
        }
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        panic!("redis-server does not start: {log}");
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// As if its machine had lost it: nothing is written that was not.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again, with what it has kept.
    pub fn restart(&mut self) {
        self.process = spawn(self.port, self.folder.path(), &self.settings);
        assert!(
            answers(self.port, &mut self.process),
            "it does not start again"
        );
    }

    /// Says something to it by another connection, and returns the first line of the answer.
    pub fn say(&self, words: &[&[u8]]) -> String {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        say(&mut socket, words).unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(port: u16, folder: &Path, settings: &[String]) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .unwrap();
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .arg("--dir")
        .arg(folder)
        .args(["--save", "", "--appendonly", "yes"])
        .args(settings)
        .stdin(Stdio::null())
        .stdout(log)
        .spawn()
        .expect("redis-server is needed: in Debian it is in the package of this name")
}

fn answers(port: u16, process: &mut Child) -> bool {
    let deadline = SystemTime::now() + Duration::from_secs(30);
    while SystemTime::now() < deadline {
        if process.try_wait().unwrap().is_some() {
            return false;
        }
        if let Ok(mut socket) = TcpStream::connect(("127.0.0.1", port)) {
            let pong = say(&mut socket, &[b"PING"]);
            if pong.is_ok_and(|answer| answer == "+PONG") {
                return true;
            }
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}

fn say(socket: &mut TcpStream, words: &[&[u8]]) -> std::io::Result<String> {
    let mut request = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        request.extend(format!("${}\r\n", word.len()).as_bytes());
        request.extend(*word);
        request.extend(b"\r\n");
    }
    socket.write_all(&request)?;
    let mut line = Vec::new();
    let mut byte = [0];
    while !line.ends_with(b"\r\n") {
        socket.read_exact(&mut byte)?;
        line.push(byte[0]);
    }
    line.truncate(line.len() - 2);
    Ok(String::from_utf8_lossy(&line).into_owned())
}
