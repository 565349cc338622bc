//! A plain HTTP/1.1 client: one connection for each request, closed when it is dropped.

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use std::{io, net::SocketAddr};
use tokio::{net::TcpStream, task::JoinHandle, time::Instant};

/// An answer whose head is there.
#[derive(Debug)]
pub struct Open {
    pub status: u16,
    pub headers: HeaderMap,
    /// When the request was sent, and when the head of the answer came.
    pub sent: Instant,
    pub head: Instant,
    body: Incoming,
    _connection: Connection,
}

/// Ends with its owner, and with it the socket.
#[derive(Debug)]
struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends a request, and waits for the head of its answer.
///
/// # Cancellation
/// Closes the connection.
pub async fn send(address: SocketAddr, request: Request<Full<Bytes>>) -> io::Result<Open> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let connection = Connection(tokio::spawn(async move {
        let _ = connection.await;
    }));
    let sent = Instant::now();
    let response = sender.send_request(request).await;
    let (head, body) = response.map_err(io::Error::other)?.into_parts();
    Ok(Open {
        status: head.status.as_u16(),
        headers: head.headers,
        sent,
        head: Instant::now(),
        body,
        _connection: connection,
    })
}

impl Open {
    /// The next piece of the body; none at its end.
    ///
    /// # Errors
    /// It was cut off.
    pub async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}
