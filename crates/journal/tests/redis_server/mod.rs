//! A real server, of its own.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// A `redis-server` on a port and in a folder of its own, which is killed at the end.
pub(crate) struct RedisServer {
    process: Child,
    port: u16,
    settings: Vec<String>,
    folder: TempDir,
}

impl RedisServer {
    pub(crate) fn start(settings: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
        // Somebody else may have the port by the time that the server wants it.
        for _ in 0..20 {
            let socket = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = socket.local_addr().unwrap().port();
            drop(socket);
            let process = spawn(port, &folder, &settings);
            let mut server = Self {
                process,
                port,
                settings: settings.clone(),
                folder: TempDir::new().unwrap(),
            };
            if server.answers() {
                server.folder = folder;
                return server;
            }
        }
        panic!("redis-server does not start: is it installed?");
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// As if its machine had lost it, and it came back.
    pub(crate) fn kill_and_restart(&mut self) {
        self.kill();
        self.process = spawn(self.port, &self.folder, &self.settings);
        assert!(self.answers(), "it does not start again");
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    fn answers(&mut self) -> bool {
        for _ in 0..500 {
            let mut answer = [0; 7];
            let ping = TcpStream::connect(("127.0.0.1", self.port)).and_then(|mut socket| {
                socket.set_read_timeout(Some(Duration::from_secs(5)))?;
                socket.write_all(b"PING\r\n")?;
                socket.read_exact(&mut answer)
            });
            match ping {
                Ok(()) if answer == *b"+PONG\r\n" => return true,
                _ if self.process.try_wait().is_ok_and(|ended| ended.is_some()) => return false,
                _ => thread::sleep(Duration::from_millis(10)),
            }
        }
        false
    }
}

fn spawn(port: u16, folder: &TempDir, settings: &[String]) -> Child {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--save", "", "--port"])
        .arg(port.to_string())
        .arg("--dir")
        .arg(folder.path())
        .args(settings)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is installed")
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
