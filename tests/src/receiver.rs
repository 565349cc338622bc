//! A receiver of webhooks, and of traces: each connection brings it one request.

use bytes::Bytes;
use std::{
    collections::{HashMap, VecDeque},
    io,
    net::SocketAddr,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
    time::{sleep, timeout},
};

/// How it answers a request.
#[derive(Clone, Copy, Debug)]
pub enum React {
    /// With this status, and these lines behind it.
    Answer(u16, &'static str),
    /// In so much time, that all is well.
    Late(Duration),
    /// It closes the connection in the middle of the first line.
    HangUp,
    /// All is well, and then more than anybody wants to read.
    Flood,
}

/// What it was told.
#[derive(Clone, Debug)]
pub struct Told {
    pub line: String,
    /// Names in small letters.
    pub headers: HashMap<String, String>,
    pub body: Bytes,
}

#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    told: mpsc::UnboundedReceiver<Told>,
    listening: JoinHandle<()>,
}

impl Receiver {
    /// Reacts to one request after the other so, and to all further ones as to the last.
    pub async fn start(reacts: impl IntoIterator<Item = React>) -> Self {
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        Self::start_at(any, reacts).await
    }

    pub async fn start_at(address: SocketAddr, reacts: impl IntoIterator<Item = React>) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut reacts: VecDeque<_> = reacts.into_iter().collect();
        let (tell, told) = mpsc::unbounded_channel();
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let react = match reacts.len() {
                    0 | 1 => reacts.front().copied(),
                    _ => reacts.pop_front(),
                };
                let react = react.expect("at least one");
                tokio::spawn(serve(stream, react, tell.clone()));
            }
        });
        Self {
            address,
            told,
            listening,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook?token=t", self.address)
    }

    /// What it is told next.
    pub async fn next(&mut self) -> Told {
        let next = timeout(Duration::from_secs(30), self.told.recv()).await;
        next.expect("nobody tells it").expect("it listens")
    }

    /// What it was told and nobody has looked at.
    pub fn more(&mut self) -> Option<Told> {
        self.told.try_recv().ok()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn serve(
    stream: TcpStream,
    react: React,
    tell: mpsc::UnboundedSender<Told>,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers: HashMap<_, _> = lines
        .iter()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length");
    let length = length.map_or(0, |length| length.parse().expect("a number"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let line = lines.into_iter().next().unwrap_or_default();
    let told = Told {
        line,
        headers,
        body: body.into(),
    };
    let _ = tell.send(told);
    let answer = |status: u16, lines: &str| {
        format!("HTTP/1.1 {status} Said\r\n{lines}content-length: 0\r\nconnection: close\r\n\r\n")
    };
    match react {
        React::Answer(status, lines) => {
            stream.write_all(answer(status, lines).as_bytes()).await?;
        }
        React::Late(wait) => {
            sleep(wait).await;
            stream.write_all(answer(200, "").as_bytes()).await?;
        }
        React::HangUp => stream.write_all(b"HTTP/1.1 2").await?,
        React::Flood => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            loop {
                stream.write_all(&[b'x'; 1 << 14]).await?;
            }
        }
    }
    stream.flush().await
}
