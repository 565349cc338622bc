//! The gRPC service that the examples call: it greets, after it has failed as it was told.
//!
//! `generated.rs` is what tonic-prost-build 0.14 makes of `proto/greeter.proto`. It is checked in,
//! so that neither `protoc` nor a compiler of protocols has to be built to run an example:
//!
//! ```text
//! let files = protox::compile(["proto/greeter.proto"], ["proto"])?;
//! tonic_prost_build::configure().out_dir("src").compile_fds(files)?;
//! ```

#[rustfmt::skip]
#[allow(
    missing_docs,
    clippy::allow_attributes_without_reason,
    clippy::exhaustive_structs,
    reason = "it is written by a program"
)]
mod generated;

pub use self::generated::{GreetReply, GreetRequest, greeter_client, greeter_server};

use self::greeter_server::{Greeter, GreeterServer};
use std::{
    collections::VecDeque,
    io,
    net::Ipv4Addr,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::net::TcpListener;
use tonic::{
    Code, Request, Response, Status,
    service::Interceptor,
    transport::{Server, server::TcpIncoming},
};

/// Greets, after it has failed as it was told.
#[derive(Debug, Default)]
pub struct Flaky {
    failures: Mutex<VecDeque<Status>>,
    delay: Duration,
}

impl Flaky {
    /// Fails in these ways first, one for each call.
    #[must_use]
    pub fn new(failures: impl IntoIterator<Item = Status>) -> Self {
        Self {
            failures: Mutex::new(failures.into_iter().collect()),
            delay: Duration::ZERO,
        }
    }

    /// Takes this much time for each answer.
    #[must_use]
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

#[tonic::async_trait]
impl Greeter for Flaky {
    async fn greet(&self, request: Request<GreetRequest>) -> Result<Response<GreetReply>, Status> {
        tokio::time::sleep(self.delay).await;
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = failures.pop_front() {
            return Err(failure);
        }
        let greeting = format!("Hello {}.", request.into_inner().name);
        Ok(Response::new(GreetReply { greeting }))
    }
}

/// A failure that asks for this much time before the next attempt (gRFC A6).
#[must_use]
pub fn pushback(code: Code, millis: u32) -> Status {
    let mut status = Status::new(code, "failing as told");
    let metadata = status.metadata_mut();
    metadata.insert("grpc-retry-pushback-ms", millis.into());
    status
}

/// Serves on a free port of 127.0.0.1, for as long as the runtime lasts. The interceptor sees each
/// request first. Gives the URL.
///
/// # Errors
/// The system has no port to give.
pub async fn serve(
    greeter: impl Greeter,
    interceptor: impl Interceptor + Clone + Send + Sync + 'static,
) -> io::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let service = GreeterServer::with_interceptor(greeter, interceptor);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = Server::builder().add_service(service);
    tokio::spawn(server.serve_with_incoming(incoming));
    Ok(url)
}
