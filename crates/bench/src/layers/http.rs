//! The stack over HTTP requests, where a copy of a request is what costs most.

use super::{
    bare::{Bare, Error},
    peers::KeepClone,
};
use crate::table::{Answer::Given, Subject};
use ::http::{Method, Request, Response, header};
use buttress_circuit_breaker::CircuitBreakerLayer;
use buttress_core::http::HttpStatus;
use buttress_fallback::{ByVerdict, FallbackLayer, Http, Policy};
use buttress_retry::RetryLayer;
use buttress_retry_after::{GateLayer, RetryAfterLayer};
use bytes::Bytes;
use http_body_util::Full;
use tower::{Service, ServiceBuilder};
use tower_resilience::{
    circuitbreaker, fallback,
    retry::{self, RetryLayer as PeerRetryLayer},
};

type Ask = Request<Full<Bytes>>;
type Answer = Response<Full<Bytes>>;

pub(super) fn subjects() -> Vec<Subject> {
    let bare = Bare::<Error>::new();
    let retry = RetryLayer::http();
    vec![
        healthy("bare service", bare),
        healthy("retry", ServiceBuilder::new().layer(retry).service(bare)),
        healthy(
            "fallback(retry(gate(breaker)))",
            stack(ByVerdict::new(HttpStatus::new())),
        ),
        healthy("the same, the answer signed", stack(Http::new())),
        healthy(
            "tower: retry, a policy that clones",
            ServiceBuilder::new().retry(KeepClone).service(bare),
        ),
        healthy(
            "tower-resilience: retry",
            ServiceBuilder::new()
                .layer(PeerRetryLayer::<Ask, Answer, Error>::builder().build())
                .service(bare),
        ),
        healthy("tower-resilience: fallback(retry(breaker))", peer(bare)),
    ]
}

fn stack<P>(policy: P) -> impl Service<Ask, Response = Answer, Error = Error>
where
    P: Policy<Ask, Answer, Error> + Clone,
{
    let status = HttpStatus::new();
    ServiceBuilder::new()
        .layer(FallbackLayer::new(Bare::<Error>::new()).policy(policy))
        .layer(RetryLayer::http())
        .layer(GateLayer::standard().classify(status))
        .layer(CircuitBreakerLayer::standard().classify(status))
        .layer(RetryAfterLayer::new())
        .service(Bare::<Error>::new())
}

fn peer(bare: Bare<Error>) -> impl Service<Ask> {
    type Refused = circuitbreaker::CircuitBreakerError<Error>;
    let value = || Response::new(Full::default());
    let breaker = circuitbreaker::CircuitBreakerLayer::builder().build();
    ServiceBuilder::new()
        .layer(fallback::FallbackLayer::<Ask, Answer, Refused>::value_fn(
            value,
        ))
        .layer(retry::RetryLayer::<Ask, Answer, Refused>::builder().build())
        .layer(breaker.expect("settings in range"))
        .service(bare)
}

fn healthy<S>(name: &'static str, service: S) -> Subject
where
    S: Service<Ask> + 'static,
{
    Subject::service(name, Given, service, ask)
}

/// What a client sends to a model, and how it comes to be: from its parts, each time.
fn ask() -> Ask {
    let mut request = Request::new(Full::new(Bytes::from_static(b"{}")));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = ::http::Uri::from_static("/v1/chat/completions");
    let headers = request.headers_mut();
    let fields = [
        (header::HOST, "api.example.com"),
        (header::CONTENT_TYPE, "application/json"),
        (header::ACCEPT, "text/event-stream"),
        (header::USER_AGENT, "bench/1"),
        (header::AUTHORIZATION, "Bearer 0123456789abcdef"),
    ];
    for (name, value) in fields {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    request
}
