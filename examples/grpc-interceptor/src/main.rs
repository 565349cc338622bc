//! An interceptor that carries a call's deadline and its attempts from server to server.
//!
//! ```text
//! caller ──carry──▶ front ──carry──▶ back
//!             welcome         welcome
//! ```
//!
//! The `Call` of a request lives in its extensions, which do not leave the process. `carry` writes
//! it into the metadata of each attempt, and `welcome` reads it there at the other end. So the
//! front server gives the back server what is left of its own caller's time, and its retry begins
//! nothing that could not be of use any more.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use buttress::core::grpc::{self, GrpcStatus};
use buttress::retry::{Buffered, ReplayBody, RetryLayer, grpc::PREVIOUS_ATTEMPTS};
use buttress::{Call, Carried, Context, Event};
use example_greeter::{
    Flaky, GreetReply, GreetRequest, greeter_client::GreeterClient, greeter_server::Greeter,
    pushback, serve,
};
use std::time::Duration;
use tonic::service::{Interceptor, InterceptorLayer};
use tonic::{Code, Request, Response, Status, body::Body, transport::Channel};
use tower::{BoxError, ServiceBuilder, util::BoxCloneSyncService};

/// Client side: tells the server what the call knows. Below retry, so that it sees each attempt.
fn carry(mut request: Request<()>) -> Result<Request<()>, Status> {
    let Some(call) = request.extensions().get::<Call>().cloned() else {
        return Ok(request);
    };
    let before = call.attempts();
    if before > 0 {
        let metadata = request.metadata_mut().as_mut();
        metadata.insert(PREVIOUS_ATTEMPTS, before.into());
    }
    if let Some(deadline) = call.deadline() {
        // Time left, and not a point in time: clocks differ.
        let now = tokio::time::Instant::now();
        request.set_timeout(deadline.saturating_duration_since(now));
    }
    call.record(Event::Attempt);
    Ok(request)
}

/// Server side: gives the request a call of its own, which must be over when its caller's is.
fn welcome(server: &'static str) -> impl Interceptor + Clone + Send + Sync + 'static {
    move |mut request: Request<()>| {
        let before = request.metadata().get(PREVIOUS_ATTEMPTS.as_str());
        let before = before
            .and_then(|before| before.to_str().ok())
            .unwrap_or("0");
        let left = grpc::timeout(request.metadata().as_ref()).unwrap_or(Duration::MAX);
        println!("           {server} is called, attempts before: {before}, time left: {left:?}");
        request.extensions_mut().insert(Call::new().within(left));
        Ok(request)
    }
}

type Client = GreeterClient<BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Status>>;

/// A client that retries this often. See the example `tonic-client` for the layers that belong
/// there beside retry.
fn client(url: String, retries: u32) -> Result<Client, BoxError> {
    let service = ServiceBuilder::new()
        .map_response(|response: http::Response<_>| response.map(Body::new))
        .map_err(Status::from_error)
        .layer(
            RetryLayer::standard()
                .max_retries(retries)
                .classify(GrpcStatus::new())
                .replay(Buffered::new())
                .observe(Carried::new()),
        )
        .layer(InterceptorLayer::new(carry))
        .map_request(|request: http::Request<ReplayBody<Body>>| request.map(Body::new))
        .map_err(BoxError::from)
        .service(Channel::from_shared(url)?.connect_lazy());
    Ok(GreeterClient::new(BoxCloneSyncService::new(service)))
}

/// A server that asks another one, on behalf of its caller.
struct Front(Client);

#[tonic::async_trait]
impl Greeter for Front {
    async fn greet(&self, request: Request<GreetRequest>) -> Result<Response<GreetReply>, Status> {
        let call = request
            .extensions()
            .get::<Call>()
            .cloned()
            .unwrap_or_default();
        let mut onward = Request::new(request.into_inner());
        onward.extensions_mut().insert(call.clone());
        let result = self.0.clone().greet(onward).await;
        println!("What front did for it:\n{}", call.journey());
        result
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    run().await
}

async fn run() -> Result<(), BoxError> {
    println!("The back server asks for a wait that the caller has time for:");
    assert_eq!(greet(300).await??, "Hello Ann.");
    println!("It asks for more than that, so nobody waits:");
    let error = greet(3000).await?.expect_err("no time is left for it");
    assert_eq!(error.code(), Code::Unavailable);
    Ok(())
}

/// Asks a front server, whose back server is unavailable at first and asks for this wait.
async fn greet(wait: u32) -> Result<Result<String, Status>, BoxError> {
    let back = Flaky::new([pushback(Code::Unavailable, wait)]);
    let back = serve(back, welcome("back")).await?;
    // Only one in a row of servers may retry, or their attempts multiply.
    let front = serve(Front(client(back, 3)?), welcome("front")).await?;
    let mut client = client(front, 0)?;

    let name = "Ann".to_owned();
    let mut request = Request::new(GreetRequest { name });
    let call = Call::new().within(Duration::from_secs(2));
    request.extensions_mut().insert(call);
    let result = client.greet(request).await;
    match &result {
        Ok(reply) => println!("=> {}\n", reply.get_ref().greeting),
        Err(status) => println!("=> {:?}: {}\n", status.code(), status.message()),
    }
    Ok(result.map(|reply| reply.into_inner().greeting))
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn runs() {
        super::run().await.unwrap();
    }
}
