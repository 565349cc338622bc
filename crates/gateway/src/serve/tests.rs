//! What only shows on the wire.

use super::{Running, start};
use crate::config::{Config, Options, StoreUrl};
use buttress_client::Secret;
use buttress_queue::Task;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A gateway, and one byte more than it takes.
async fn gateway() -> (Running, usize) {
    let options = Options::new(&|_: &str| None);
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let config = Config::sandbox(&options.listen(Some(any))).unwrap();
    let too_large = config.server.max_body + 1;
    (start(config).await.unwrap(), too_large)
}

/// Whoever sends all before it reads gets to know why it was refused.
#[tokio::test]
async fn a_body_that_is_too_large_may_be_sent_to_its_end() {
    let (running, too_large) = gateway().await;
    let mut caller = TcpStream::connect(running.address()).await.unwrap();
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\n\
         content-type: application/json\r\ncontent-length: {too_large}\r\n\r\n"
    );
    caller.write_all(head.as_bytes()).await.unwrap();
    caller.write_all(&vec![b'x'; too_large]).await.unwrap();
    let mut answer = String::new();
    caller.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert_eq!(running.stop().await.unwrap(), 0);
}

/// Whoever asks before sending is not told to go on.
#[tokio::test]
async fn a_body_that_is_announced_too_large_is_not_asked_for() {
    let (running, too_large) = gateway().await;
    for path in ["/v1/chat/completions", "/v1/messages"] {
        let mut caller = TcpStream::connect(running.address()).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n\
             content-type: application/json\r\ncontent-length: {too_large}\r\n\r\n"
        );
        caller.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        // To its end: the connection is closed.
        caller.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
    }
    assert_eq!(running.stop().await.unwrap(), 0);
}

/// The task may be answered hours later, and a stop does not wait for that.
#[tokio::test]
async fn whoever_waits_for_a_task_does_not_hold_up_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(&|_: &str| None);
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut config = Config::sandbox(&options.listen(Some(any))).unwrap();
    config.queue.store = Some(StoreUrl::Sqlite(folder.path().join("queue.db")));
    config.queue.work = false;
    let running = start(config).await.unwrap();
    let queue = running.app().queue.clone().unwrap();
    let task = Task::parse(br#"{"messages": [1]}"#).unwrap();
    let id = queue.enqueue(task).await.unwrap().id;

    let mut waiter = TcpStream::connect(running.address()).await.unwrap();
    let head = format!(
        "GET /v1/queue/{id} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n"
    );
    waiter.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    while !answer.contains("event: state\n") {
        let mut part = [0; 1024];
        let read = waiter.read(&mut part).await.unwrap();
        assert_ne!(read, 0, "{answer}");
        answer.push_str(std::str::from_utf8(&part[..read]).unwrap());
    }
    assert_eq!(running.stop().await.unwrap(), 0, "nobody was cut off");
    waiter.read_to_string(&mut answer).await.unwrap();
    // As whole as an answer can be.
    assert!(answer.ends_with("\r\n0\r\n\r\n"), "{answer}");
}

/// The queue, the announcements of the webhook and the journal.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_in_which_all_is_kept_is_opened_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.db");
    let options = Options::new(&|_: &str| None);
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut config = Config::sandbox(&options.listen(Some(any))).unwrap();
    config.queue.store = Some(StoreUrl::Sqlite(path.clone()));
    config.queue.webhook.url = Some("http://127.0.0.1:9/".to_owned());
    config.queue.webhook.secret = Some(Secret::new("0123456789abcdef0123456789abcdef"));
    // Spelled otherwise.
    let other = folder.path().join(".").join("all.db");
    config.journal.store = Some(StoreUrl::Sqlite(other));
    let running = start(config).await.unwrap();
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    let open = open.filter_map(|file| std::fs::read_link(file.unwrap().path()).ok());
    // By its writer, and by its reader.
    assert_eq!(open.filter(|file| *file == path).count(), 2);
    running.stop().await.unwrap();
}
