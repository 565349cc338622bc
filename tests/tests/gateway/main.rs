//! What the gateway does beside recovering: who may ask it, for what, and how it ends.

mod accounted;
mod asking;
mod gemini;
mod journal;
mod limits;
mod live;
mod metrics;
mod models;
mod passing;
mod preflight;
mod queue;
#[path = "../../../crates/queue/tests/redis_server/mod.rs"]
mod redis_server;
mod reload;
mod shared;
mod stopping;
mod traces;
mod webhook;

use buttress_testkit::{Dialect, Provider, Reply};
use buttress_tests::{Answer, Gateway, Mode, Setup, wire::Open};
use std::io;

/// One way to ask for each dialect.
const OPENAI: Mode = mode(Dialect::OpenAi, false);
const ANTHROPIC: Mode = mode(Dialect::Anthropic, false);
const BOTH: [Mode; 2] = [OPENAI, ANTHROPIC];

const fn mode(dialect: Dialect, stream: bool) -> Mode {
    Mode {
        caller: dialect,
        provider: dialect,
        stream,
    }
}

/// A gateway before a provider that is well.
async fn before(provider: &Provider) -> Setup {
    Setup::new().route("only", Dialect::OpenAi, provider.url())
}

async fn well() -> Provider {
    let provider = Provider::openai().forever(Reply::text("Hello."));
    provider.start().await.expect("a port")
}

/// What a caller of this mode reads.
async fn read(mode: Mode, open: io::Result<Open>) -> Answer {
    Answer::read(mode, open.expect("an answer")).await
}

/// Asks in this mode, with this body.
async fn post(gateway: &Gateway, mode: Mode, body: impl Into<bytes::Bytes>) -> Answer {
    read(mode, gateway.post(mode.caller.path(), &[], body).await).await
}
