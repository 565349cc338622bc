//! What callers of the gateway get when providers fail, over sockets: the answer, the upstream
//! calls that it took, and the waits between them.
//!
//! Where a test says `in_all_modes`, callers of each dialect ask providers of their own and of
//! another one, for a stream and for a whole answer. Not each before each: what can differ by the
//! pair is asked of all of them in `pairs`.

mod breaks;
mod budget;
mod circuits;
mod continuations;
mod corrections;
mod http2;
mod leaving;
mod limits;
mod outages;
mod pairs;
mod requests;
mod shapes;
mod silence;
mod streams;

use buttress_testkit::{Builder, Provider, Reply};
use buttress_tests::{Gateway, Mode, Setup, assert_waits, last_call};
use std::{convert::identity, time::Duration};

/// Something that a provider does every time.
async fn always(mode: Mode, reply: Reply) -> Provider {
    start(mode.scripted().forever(reply)).await
}

/// A provider that is well.
async fn well(mode: Mode) -> Provider {
    always(mode, Reply::text("From the backup.")).await
}

async fn start(provider: Builder) -> Provider {
    provider.start().await.expect("a port")
}

/// One route, called `only`.
fn one(mode: Mode, provider: &Provider) -> Setup {
    Setup::new().route("only", mode.provider, provider.url())
}

/// Two routes, called `first` and `second`.
fn two(mode: Mode, first: &Provider, second: &Provider) -> Setup {
    Setup::new()
        .route("first", mode.provider, first.url())
        .route("second", mode.provider, second.url())
}

/// What a failing service is called.
fn broken(mode: Mode) -> &'static str {
    mode.caller("server_error", "api_error")
}

/// What an overloaded one is called, and its status.
fn overloaded(mode: Mode) -> (u16, &'static str) {
    let (openai, anthropic) = ("service_unavailable_error", "overloaded_error");
    mode.caller((503, openai), (529, anthropic))
}

/// What fails once is tried again after the first back-off, by a gateway that is set up so.
async fn assert_mended(mode: Mode, reply: Reply, set_up: impl FnOnce(Setup) -> Setup) {
    let script = mode.scripted().reply(reply);
    let provider = start(script.then(Reply::text("At last."))).await;
    let gateway = set_up(one(mode, &provider)).start().await;

    let answer = gateway.ask(mode).await;
    answer.assert_good("At last.", "only");
    assert_eq!(answer.attempts(), 2);
    assert_eq!(answer.waited(), Duration::from_millis(40));
    assert_waits(&provider, [40..=40]);
}

/// Nothing was seen, so it is tried again, until there were enough attempts.
async fn assert_tried_again(mode: Mode, reply: Reply) {
    assert_mended(mode, reply.clone(), identity).await;

    let provider = always(mode, reply).await;
    let gateway = one(mode, &provider).start().await;
    let answer = gateway.ask(mode).await;
    answer.assert_given_up(502, broken(mode));
    assert_eq!(answer.attempts(), 4);
    assert_eq!(answer.waited(), Duration::from_millis(280));
    assert_waits(&provider, [40..=40, 80..=80, 160..=160]);
    answer.assert_at_once_after(last_call(&provider));
}

/// The key of the one route is left alone: the next caller hears the same of it without waiting,
/// and in words of our own.
async fn assert_parked(gateway: &Gateway, mode: Mode, (status, error): (u16, &str)) {
    let answer = gateway.ask(mode).await;
    answer.assert_given_up(status, error);
    let told = answer.told_error()["error"]["message"].to_string();
    assert!(told.contains("left alone for now"), "{told}");
    assert!((58..=60).contains(&answer.retry_after().expect("a wait")));
    assert_eq!((answer.attempts(), answer.waited()), (0, Duration::ZERO));
}
