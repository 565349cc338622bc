//! A Redis server, or one that speaks as it does.
//!
//! What has several steps is a [`Script`]: it runs as a whole or not at all, and the server keeps
//! it in its log as a whole.

mod fault;
mod promise;
mod script;
mod subscription;

pub use self::{
    promise::Promise,
    script::{Call, Script},
    subscription::Subscription,
};
pub use ::redis;

use crate::StoreError;
use redis::{
    Client, Cmd, ErrorKind, IntoConnectionInfo, RedisResult, ServerErrorKind, Value,
    aio::{ConnectionManager, ConnectionManagerConfig},
    io::tcp::TcpSettings,
};
use std::{fmt, time::Duration};
use tokio::time::timeout;

/// How long a connection may take to be there.
const CONNECT: Duration = Duration::from_secs(2);
/// How long an answer may take.
const RESPONSE: Duration = Duration::from_secs(5);
/// How long one request may take, with a new connection if it needs one.
const REQUEST: Duration = Duration::from_secs(8);

/// A server, over one connection that all share and that is made anew when it is lost.
///
/// No request takes longer than 8 seconds: it is answered, or fails as
/// [`Unavailable`](StoreError::Unavailable). Once the server is back, so are all who use it.
#[derive(Clone)]
pub struct Server {
    manager: ConnectionManager,
}

impl Server {
    /// Connects to `redis://[[user]:password@]host[:port][/database]`, to `unix:///path`, or with
    /// the feature `redis-tls` to `rediss://…`, whose certificate the system has to trust.
    ///
    /// # Errors
    /// The URL says nothing that is understood, or the server can't be reached or lets nobody in.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let client = client(url, tcp())?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(RESPONSE))
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(Duration::from_millis(500))
            .set_pipeline_buffer_size(1024);
        let manager = ConnectionManager::new_with_config(client, config);
        let manager = in_time(manager).await?;
        Ok(Self { manager })
    }

    /// Sends one command.
    ///
    /// # Errors
    /// The server can't be reached, does not answer in time, or refuses.
    ///
    /// # Cancellation
    /// What was sent may be done.
    pub async fn send(&self, command: &Cmd) -> Result<Value, StoreError> {
        in_time(self.query(command)).await
    }

    /// Runs a script.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancellation
    /// As [`send`](Self::send).
    pub async fn run(&self, call: Call<'_>) -> Result<Value, StoreError> {
        in_time(self.evaluate(&call)).await
    }

    /// Runs a script that does no harm when it runs twice: once more when the connection is lost,
    /// as it is when a server or what stands before it has closed one that was idle.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancellation
    /// As [`send`](Self::send).
    pub async fn run_again(&self, call: Call<'_>) -> Result<Value, StoreError> {
        in_time(async {
            match self.evaluate(&call).await {
                Err(error) if error.is_connection_dropped() => self.evaluate(&call).await,
                answer => answer,
            }
        })
        .await
    }

    async fn query(&self, command: &Cmd) -> RedisResult<Value> {
        command.query_async(&mut self.manager.clone()).await
    }

    async fn evaluate(&self, call: &Call<'_>) -> RedisResult<Value> {
        match self.query(&call.command).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                call.script.load_async(&mut self.manager.clone()).await?;
                self.query(&call.command).await
            }
            answer => answer,
        }
    }
}

fn client(url: &str, tcp: TcpSettings) -> RedisResult<Client> {
    #[cfg(feature = "redis-tls")]
    crypto();
    let info = url.into_connection_info()?;
    Client::open(info.set_tcp_settings(tcp))
}

async fn in_time<T>(request: impl Future<Output = RedisResult<T>>) -> Result<T, StoreError> {
    match timeout(REQUEST, request).await {
        Ok(answer) => Ok(answer?),
        Err(elapsed) => Err(StoreError::Unavailable(elapsed.into())),
    }
}

/// The client of the server takes whatever the process uses for TLS, so there has to be something.
#[cfg(feature = "redis-tls")]
fn crypto() {
    use rustls::crypto::{CryptoProvider, ring};
    if CryptoProvider::get_default().is_none() {
        // Somebody else may have been faster.
        let _ = ring::default_provider().install_default();
    }
}

/// A host that has vanished is noticed when what was sent is not received.
fn tcp() -> TcpSettings {
    let settings = TcpSettings::default().set_nodelay(true);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(RESPONSE);
    settings
}

/// Without the URL, which may hold a password.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}
