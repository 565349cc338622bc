//! A tonic client whose calls recover: the layers around its channel.
//!
//! A channel is a service of `http::Request`s, so the same layers go around it as around any
//! other client. What gRPC has of its own is read by `GrpcStatus` (a status in the head or in
//! the trailers, and the wait that a server asks for), and written by `PreviousAttempts` and
//! `Grpc` (how many attempts there were, and how much time is left).
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

mod errors;

use self::errors::{foreign, status};
use buttress::circuit_breaker::{CircuitBreakerLayer, Settings};
use buttress::core::{grpc::GrpcStatus, http::AtEnd};
use buttress::retry::grpc::{PreviousAttempts, TrailersLayer};
use buttress::retry::{Backoff, Buffered, ReplayBody, RetryLayer};
use buttress::retry_after::{GateLayer, RetryAfterLayer};
use buttress::timeout::{DeadlineLayer, Grpc};
use buttress::{AttemptLayer, Call, Carried, Cause, Rejected};
use example_greeter::{Flaky, GreetRequest, greeter_client::GreeterClient, pushback, serve};
use http::{Request, Response};
use std::{error::Error, time::Duration};
use tonic::{Code, Status, body::Body, transport::Channel};
use tower::{BoxError, ServiceBuilder, util::BoxCloneSyncService};

/// A channel with its layers, as a type that can be named.
type Recovering = BoxCloneSyncService<Request<Body>, Response<Body>, Status>;

/// How long a call may take, all its attempts and waits taken together.
const DEADLINE: Duration = Duration::from_secs(3);

/// What a call goes through, outermost first.
fn recovering(channel: Channel) -> Result<Recovering, BoxError> {
    let deadline = DeadlineLayer::new(DEADLINE).set_by(Grpc::new());
    let backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1))?;
    let breaker = CircuitBreakerLayer::new(Settings::standard().consecutive_failures(3))?;

    let service = ServiceBuilder::new()
        .map_response(|response: Response<_>| response.map(Body::new))
        // What a layer refused becomes a status of gRPC's, for whoever matches on those.
        .map_err(status)
        // Ends the call in time, and tells all below, so that they begin nothing in vain.
        .layer(deadline)
        .layer(
            RetryLayer::standard()
                .backoff(backoff)
                .classify(GrpcStatus::new())
                // Tonic's bodies can be read only once; what was sent of one is remembered.
                .replay(PreviousAttempts::new(Buffered::new()))
                .observe(Carried::new()),
        )
        // RESOURCE_EXHAUSTED closes it, for all callers.
        .layer(
            GateLayer::standard()
                .classify(GrpcStatus::new())
                .observe(Carried::new()),
        )
        // A call that has begun well may still fail, which its trailers tell.
        .layer(
            breaker
                .judge(AtEnd::new(GrpcStatus::new()))
                .observe(Carried::new()),
        )
        // Below all who judge: reads `RetryInfo` in the details of a status.
        .layer(RetryAfterLayer::new())
        // Below that: brings a status out of the trailers where there is no message before.
        .layer(TrailersLayer::new())
        // Tells the server what is left of the time, which is less with each attempt.
        .layer(deadline.limit(None))
        // Here a call goes out.
        .layer(AttemptLayer::new())
        .map_request(|request: Request<ReplayBody<Body>>| request.map(Body::new))
        // Foreign errors go through here before any layer sees them.
        .map_err(foreign)
        .service(channel);
    Ok(BoxCloneSyncService::new(service))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    run().await
}

async fn run() -> Result<(), BoxError> {
    println!("The server is unavailable, then it has reached a limit:");
    let unavailable = pushback(Code::Unavailable, 100);
    let limited = pushback(Code::ResourceExhausted, 200);
    let mut client = client_of(Flaky::new([unavailable, limited])).await?;
    assert_eq!(greet(&mut client, "Ann").await?, "Hello Ann.");

    println!("The server is down, until the breaker opens:");
    let down = vec![Status::unavailable("down"); 10];
    let mut client = client_of(Flaky::new(down)).await?;
    let error = greet(&mut client, "Bob").await.expect_err("it is down");
    assert_eq!(error.code(), Code::Unavailable);
    let source = error.source().and_then(|source| source.downcast_ref());
    assert!(source.is_some_and(|refused: &Rejected| refused.cause == Cause::CircuitOpen));

    println!("The server is too slow for a caller, which is not its fault:");
    let mut client = client_of(Flaky::new([]).delay(2 * DEADLINE)).await?;
    let error = greet(&mut client, "Eve").await.expect_err("it is slow");
    assert_eq!(error.code(), Code::DeadlineExceeded);
    Ok(())
}

/// Makes a call and tells how that went.
async fn greet(client: &mut GreeterClient<Recovering>, name: &str) -> Result<String, Status> {
    let name = name.to_owned();
    let mut request = tonic::Request::new(GreetRequest { name });
    // What a request of tonic's has in its extensions, its `http::Request` has as well.
    let call = Call::new();
    request.extensions_mut().insert(call.clone());
    let result = client.greet(request).await;
    println!("{}", call.journey());
    match &result {
        Ok(reply) => println!("=> {}\n", reply.get_ref().greeting),
        Err(status) => println!("=> {:?}: {}\n", status.code(), status.message()),
    }
    result.map(|reply| reply.into_inner().greeting)
}

/// A client of this server, with layers of its own.
async fn client_of(server: Flaky) -> Result<GreeterClient<Recovering>, BoxError> {
    // Shows what each attempt tells the server.
    let show = |request: tonic::Request<()>| {
        let header = |name| {
            request
                .metadata()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let before = header("grpc-previous-rpc-attempts").unwrap_or("0");
        let left = header("grpc-timeout").unwrap_or("any time");
        println!("           server: attempts before: {before}, time left: {left}");
        Ok(request)
    };
    let url = serve(server, show).await?;
    let channel = Channel::from_shared(url)?.connect_lazy();
    Ok(GreeterClient::new(recovering(channel)?))
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn runs() {
        super::run().await.unwrap();
    }
}
