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

use self::greeter_server::Greeter;
use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    net::Ipv4Addr,
    sync::{Mutex, PoisonError},
};
use tokio::net::TcpListener;
use tonic::{
    Code, Request, Response, Status,
    body::Body,
    codegen::{Service, http},
    server::NamedService,
    transport::{Server, server::TcpIncoming},
};

/// Greets, after it has failed in these ways, one for each call.
#[derive(Debug, Default)]
pub struct Flaky {
    failures: Mutex<VecDeque<Status>>,
}

impl Flaky {
    /// Fails in these ways first.
    #[must_use]
    pub fn new(failures: impl IntoIterator<Item = Status>) -> Self {
        Self {
            failures: Mutex::new(failures.into_iter().collect()),
        }
    }
}

#[tonic::async_trait]
impl Greeter for Flaky {
    async fn greet(&self, request: Request<GreetRequest>) -> Result<Response<GreetReply>, Status> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        match failures.pop_front() {
            Some(failure) => Err(failure),
            None => Ok(Response::new(GreetReply {
                greeting: format!("Hello {}.", request.into_inner().name),
            })),
        }
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

/// Serves this service on a free port of 127.0.0.1, for as long as the runtime lasts.
/// Gives its URL.
///
/// # Errors
/// The system has no port to give.
pub async fn serve<S>(service: S) -> io::Result<String>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
        + NamedService
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = Server::builder().add_service(service);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    Ok(url)
}
