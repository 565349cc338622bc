//! A plain HTTP client that recovers: retry, a gate for rate limits and a circuit breaker around
//! hyper-util's client.
//!
//! Nothing in here is of a language model. The requests have a body that can be read only once,
//! as those that a proxy passes on: retry remembers what it sends, up to 64 KiB.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

mod error;

use self::error::Error;
use buttress::circuit_breaker::{CircuitBreakerLayer, Settings};
use buttress::core::{http::AtEnd, http::HttpStatus};
use buttress::retry::{Backoff, Buffered, RetryLayer};
use buttress::retry_after::{GateLayer, RetryAfterLayer};
use buttress::timeout::{AnyData, DeadlineLayer, ToEnd};
use buttress::{AttemptLayer, Call, Carried, Carry, Cause};
use buttress_testkit::{Provider, Received, Reply, Script};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper_util::{client::legacy, rt::TokioExecutor};
use std::{convert::Infallible, time::Duration};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt};

/// A body that is read once and gone.
type Once = UnsyncBoxBody<Bytes, Infallible>;

const OPEN_FOR: Duration = Duration::from_secs(1);

/// What a call goes through, outermost first.
fn client(
    breaker: CircuitBreakerLayer,
) -> Result<
    impl Service<
        Request<Once>,
        Response = Response<impl Body<Data = Bytes, Error: Into<BoxError>>>,
        Error = Error,
    > + Clone,
    BoxError,
> {
    let backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1))?;
    Ok(ServiceBuilder::new()
        // The whole call, all its attempts and waits taken together, and the body of the answer:
        // without a scope a deadline ends where the head is there.
        .layer(DeadlineLayer::new(Duration::from_secs(30)).scope(ToEnd::new(AnyData::new())))
        .layer(
            RetryLayer::http()
                .backoff(backoff)
                .replay(Buffered::new())
                .observe(Carried::new()),
        )
        // Below retry, so that each attempt asks it anew. A 429 closes it for all callers, not
        // just for the one who got it.
        .layer(GateLayer::http().observe(Carried::new()))
        // An answer that breaks off is a failure too: judged at the end of its body.
        .layer(
            breaker
                .judge(AtEnd::new(HttpStatus::new()))
                .observe(Carried::new()),
        )
        // Below all who judge, since it reads the headers for them.
        .layer(RetryAfterLayer::new())
        // Here a call goes out.
        .layer(AttemptLayer::new())
        // A foreign error becomes one that knows its verdict. Where nobody has to match on it,
        // `BoxError::from` will do.
        .map_err(Error::Http)
        .service(legacy::Client::builder(TokioExecutor::new()).build_http()))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    run().await
}

async fn run() -> Result<(), BoxError> {
    let server = Provider::openai().any_path().start().await?;
    let settings = Settings::standard().consecutive_failures(3);
    let breaker = CircuitBreakerLayer::new(settings.open_for(OPEN_FOR).successes_to_close(1))?;
    let handle = breaker.handle();
    let client = client(breaker)?;
    let store = async || store(client.clone(), server.url()).await;

    let well = Reply::raw(200).body("stored");
    println!("The server is down, until the breaker opens:");
    let down = Script::new().times(3, Reply::server_error());
    server.play(down.forever(well.clone()));
    let error = store().await.expect_err("the breaker is open");
    assert!(matches!(error, Error::Rejected(rejected) if rejected.cause == Cause::CircuitOpen));

    println!("While it is open, nobody waits for an error:");
    store().await.expect_err("the breaker is open");
    assert_eq!(server.call_count(), 3);

    println!("Later, a probe finds the server well:");
    tokio::time::sleep(OPEN_FOR).await;
    assert_eq!(store().await?, "stored");
    println!("=> the breaker is {}\n", handle.state());

    println!("The server limits the rate, then a connection breaks:");
    let limited = Script::new().then(Reply::rate_limited().retry_after(1));
    server.play(limited.then(Reply::reset()).forever(well));
    assert_eq!(store().await?, "stored");
    assert_eq!(server.call_count(), 7);

    // Each body could be read only once, and still:
    let whole = |call: &Received| call.body() == "a long story";
    assert!(server.calls().iter().all(whole));
    println!("=> all {} calls had their whole body", server.call_count());
    Ok(())
}

/// Sends a body piece by piece, and tells how that went.
async fn store<S, B>(client: S, url: String) -> Result<Bytes, Error>
where
    S: Service<Request<Once>, Response = Response<B>, Error = Error>,
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    let pieces = ["a ", "long ", "story"].map(|piece| Ok(Frame::data(Bytes::from(piece))));
    let body = StreamBody::new(futures_util::stream::iter(pieces)).boxed_unsync();
    let mut request = Request::post(url).body(body).expect("a URL");
    let call = Call::new();
    request.set_call(call.clone());
    let result = async {
        let body = client.oneshot(request).await?.into_body().collect().await;
        body.map(|body| body.to_bytes())
            .map_err(|error| Error::Body(error.into()))
    };
    let result = result.await;
    println!("{}", call.journey());
    match &result {
        Ok(answer) => println!("=> {answer:?}\n"),
        Err(error) => println!("=> {error}\n"),
    }
    result
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn runs() {
        super::run().await.unwrap();
    }
}
