//! What only shows on the wire.

use super::start;
use crate::config::{Config, Options};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Whoever asks before sending is not told to go on.
#[tokio::test]
async fn a_body_that_is_announced_too_large_is_not_asked_for() {
    let options = Options::new(&|_: &str| None);
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let config = Config::sandbox(&options.listen(Some(any))).unwrap();
    let too_large = config.server.max_body + 1;
    let running = start(config).await.unwrap();

    for path in ["/v1/chat/completions", "/v1/messages"] {
        let mut caller = TcpStream::connect(running.address()).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\n\
             content-length: {too_large}\r\n\r\n"
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
