use super::{CONNECT, client, in_time, tcp};
use crate::StoreError;
use futures_core::Stream;
use redis::{aio::PubSubStream, io::tcp::socket2::TcpKeepalive};
use std::{fmt, future::poll_fn, pin::Pin, time::Duration};
use tokio::time::timeout;

/// How long nothing may be heard before the server is asked whether it is there.
const SILENCE: Duration = Duration::from_secs(10);

/// What is said on a channel of a server, by a connection of its own.
///
/// It ends when the connection is lost, and is not made anew: what was said meanwhile is lost, so
/// whoever listens has more to do than to listen on.
pub struct Subscription {
    said: PubSubStream,
}

impl Subscription {
    /// Listens on a channel of the server at this address, as
    /// [`Server::connect`](super::Server::connect) takes it.
    ///
    /// # Errors
    /// As [`Server::connect`](super::Server::connect).
    pub async fn open(url: &str, channel: &str) -> Result<Self, StoreError> {
        // Only who says something notices that nobody is there. The system does that here.
        let alive = TcpKeepalive::new()
            .with_time(SILENCE)
            .with_interval(SILENCE);
        let client = client(url, tcp().set_keepalive(alive))?;
        let connected = timeout(CONNECT, client.get_async_pubsub()).await;
        let mut connection =
            connected.map_err(|elapsed| StoreError::Unavailable(elapsed.into()))??;
        in_time(connection.subscribe(channel)).await?;
        Ok(Self {
            said: connection.into_on_message(),
        })
    }

    /// The next message. `None` once the connection is lost.
    ///
    /// # Cancellation
    /// No message is lost.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        let said = poll_fn(|context| Pin::new(&mut self.said).poll_next(context)).await?;
        Some(said.get_payload_bytes().to_vec())
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}
