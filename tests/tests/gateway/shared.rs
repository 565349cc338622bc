//! What gateways tell each other over a Redis server.

use crate::{OPENAI, redis_server::RedisServer, well};
use buttress::{
    circuit_breaker::{Handle, State},
    retry_after::{GateHandle, GateState, Notice},
};
use buttress_testkit::{Dialect, Provider, Reply, Script};
use buttress_tests::{Gateway, Setup};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::{Instant, sleep, timeout},
};

/// Nothing that is told is heard so late.
const TOO_LONG: Duration = Duration::from_secs(30);
const MINUTES: Duration = Duration::from_secs(300);

/// A gateway before this provider with a key that others may have, too.
fn before(provider: &Provider, server: &RedisServer) -> Setup {
    let url = server.url();
    Setup::new()
        .with(&format!("shared.url = '{url}'"))
        .route("only", Dialect::OpenAi, provider.url())
        .and("retry.max_retries = 0")
        .and("breaker.consecutive_failures = 2")
        .and("breaker.open = '60s'")
        .and("gate.max_wait = '0s'")
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let looks = async {
        while !holds() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let held = timeout(TOO_LONG, looks).await;
    held.unwrap_or_else(|_| panic!("it does not come to: {what}"));
}

async fn until_circuit(circuit: &Handle, state: State) {
    until(state.as_str(), || circuit.state() == state).await;
}

async fn until_gate(gate: &GateHandle, state: &str) {
    until(state, || gate.state().as_str() == state).await;
}

/// Waits until each of them hears the others. What is told before that is heard all the same.
async fn hear(gateways: &[&Gateway]) {
    for teller in gateways {
        let told = teller.route(0).gate_handle();
        told.close_for(Duration::from_secs(60));
        for gateway in gateways {
            until_gate(&gateway.route(0).gate_handle(), "closed").await;
        }
        told.open();
        for gateway in gateways {
            until_gate(&gateway.route(0).gate_handle(), "open").await;
        }
    }
}

/// Waits until what one has told so far has come to the other: what is told is heard in order, and
/// of each look that of the last route last.
async fn all_is_heard(one: &Gateway, other: &Gateway) {
    let [told, heard] = [one, other].map(|gateway| gateway.breaker(1));
    for change in [State::Isolated, State::Closed] {
        match change {
            State::Closed => told.reset(),
            _ => told.isolate(),
        }
        until_circuit(&heard, change).await;
    }
}

fn well_again(provider: &Provider) {
    provider.play(Script::new().forever(Reply::text("Hello.")));
}

#[tokio::test]
async fn a_circuit_that_opens_at_one_opens_at_the_other_and_closes_again() {
    let server = RedisServer::start(&[]);
    let provider = well().await;
    let one = before(&provider, &server).start().await;
    let other = before(&provider, &server).start().await;
    hear(&[&one, &other]).await;

    provider.play(Script::new().forever(Reply::server_error()));
    for _ in 0..2 {
        assert_ne!(one.ask(OPENAI).await.status, 200);
    }
    assert_eq!(one.breaker(0).state(), State::Open);
    let asked = provider.call_count();
    until_circuit(&other.breaker(0), State::Open).await;
    assert_ne!(other.ask(OPENAI).await.status, 200);
    assert_eq!(provider.call_count(), asked, "it has asked nobody");

    // Whoever comes later knows it.
    let late = before(&provider, &server).start().await;
    until_circuit(&late.breaker(0), State::Open).await;

    well_again(&provider);
    other.breaker(0).force_close();
    until_circuit(&one.breaker(0), State::Closed).await;
    until_circuit(&late.breaker(0), State::Closed).await;
    one.ask(OPENAI).await.assert_good("Hello.", "only");

    // What a hand does travels, too, and a hand ends it, wherever that is.
    late.breaker(0).isolate();
    until_circuit(&one.breaker(0), State::Isolated).await;
    until_circuit(&other.breaker(0), State::Isolated).await;
    one.breaker(0).reset();
    until_circuit(&late.breaker(0), State::Closed).await;
    until_circuit(&other.breaker(0), State::Closed).await;
}

#[tokio::test]
async fn a_limit_that_one_meets_closes_the_gates_of_both() {
    let server = RedisServer::start(&[]);
    let provider = well().await;
    let setup = before(&provider, &server).model("second");
    let setup = setup.with("models.'*' = ['only']");
    let (one, other) = (setup.clone().start().await, setup.start().await);
    hear(&[&one, &other]).await;
    let gates = [&one, &other].map(|gateway| gateway.route(0).gate_handle());

    provider.play(Script::new().forever(Reply::rate_limited().retry_after(600)));
    assert_eq!(one.ask(OPENAI).await.status, 429);
    until_gate(&gates[1], "closed").await;
    assert!(matches!(gates[1].state(), GateState::Closed { wait } if wait > MINUTES));
    let asked = provider.call_count();
    assert_eq!(other.ask(OPENAI).await.status, 429);
    assert_eq!(provider.call_count(), asked, "it has asked nobody");
    let second = other.route(1).gate_handle();
    assert_eq!(
        second.state(),
        GateState::Open,
        "another model has another limit"
    );
    gates[0].open();
    until_gate(&gates[1], "open").await;

    // A limit of its own stays what it is, whatever is told.
    gates[1].close_for(2 * MINUTES);
    until_gate(&gates[0], "closed").await;
    gates[0].close_for(Duration::from_secs(60));
    all_is_heard(&one, &other).await;
    assert!(matches!(gates[1].state(), GateState::Closed { wait } if wait > MINUTES));
    gates[0].open();
    all_is_heard(&one, &other).await;
    assert!(matches!(gates[1].state(), GateState::Closed { wait } if wait > MINUTES));
}

#[tokio::test]
async fn a_key_that_one_finds_unusable_is_parked_at_both() {
    let server = RedisServer::start(&[]);
    let provider = well().await;
    let setup = before(&provider, &server).model("second");
    let (one, other) = (setup.clone().start().await, setup.start().await);
    hear(&[&one, &other]).await;
    let gates = [&one, &other].map(|gateway| [0, 1].map(|at| gateway.route(at).gate_handle()));
    let parked = async || {
        for gate in gates.iter().flatten() {
            until_gate(gate, "parked").await;
        }
    };
    let works = async || {
        for gate in gates.iter().flatten() {
            until("the key works", || gate.notice() == Notice::Open).await;
        }
    };

    provider.play(Script::new().forever(Reply::invalid_key()));
    assert_eq!(one.ask(OPENAI).await.status, 401);
    parked().await;
    assert!(gates[1][1].state().wait().is_some(), "not for ever");
    well_again(&provider);
    gates[1][0].unpark();
    works().await;

    // So it is with one that somebody parks until further notice, wherever that ends.
    gates[0][1].park(None);
    parked().await;
    assert_eq!(gates[1][0].state(), GateState::Parked { wait: None });
    gates[1][0].unpark();
    works().await;
    other.ask(OPENAI).await.assert_good("Hello.", "only");
}

#[tokio::test]
async fn a_key_that_one_finds_to_work_again_works_for_both() {
    let server = RedisServer::start(&[]);
    let provider = well().await;
    let one = before(&provider, &server).start().await;
    let other = before(&provider, &server).start().await;
    hear(&[&one, &other]).await;
    let gates = [&one, &other].map(|gateway| gateway.route(0).gate_handle());
    gates[0].heed(Notice::Unusable {
        until: Some(Instant::now() + Duration::from_secs(2)),
    });
    until_gate(&gates[1], "parked").await;
    // Neither has heard so of the other: both may be tried, and one call is enough.
    let tried = async {
        while one.ask(OPENAI).await.status != 200 {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(TOO_LONG, tried).await.expect("it is tried");
    until("the key works", || gates[1].notice() == Notice::Open).await;
    assert_eq!(provider.call_count(), 1);
}

#[tokio::test]
async fn what_is_not_the_same_is_left_alone() {
    let server = RedisServer::start(&[]);
    let provider = well().await;
    let stranger = well().await;
    let one = before(&provider, &server).model("second").start().await;
    let same = before(&provider, &server).model("second").start().await;
    let others = [
        before(&provider, &server).keyed(),
        before(&stranger, &server),
        before(&provider, &server).with("shared.name = 'others'"),
        before(&provider, &server)
            .and("breaker.enabled = false")
            .and("gate.enabled = false"),
    ];
    let mut gateways = Vec::new();
    for setup in others {
        gateways.push(setup.start().await);
    }
    hear(&[&one, &same]).await;
    one.breaker(0).isolate();
    one.route(0).gate_handle().park(None);
    until_circuit(&same.breaker(0), State::Isolated).await;
    until_gate(&same.route(0).gate_handle(), "parked").await;
    all_is_heard(&one, &same).await;
    sleep(Duration::from_millis(500)).await;
    for gateway in gateways {
        assert_eq!(gateway.breaker(0).state(), State::Closed);
        assert_eq!(gateway.route(0).gate_handle().state(), GateState::Open);
        gateway.ask(OPENAI).await.assert_good("Hello.", "only");
    }
}

#[tokio::test]
async fn without_the_server_each_goes_on_alone_and_what_happened_is_told_later() {
    let mut server = RedisServer::start(&[]);
    let provider = well().await;
    let one = before(&provider, &server).start().await;
    let other = before(&provider, &server).start().await;
    hear(&[&one, &other]).await;
    one.breaker(0).isolate();
    until_circuit(&other.breaker(0), State::Isolated).await;

    server.kill();
    // One that starts without it serves as well.
    let late = before(&provider, &server).start().await;
    late.ask(OPENAI).await.assert_good("Hello.", "only");
    one.breaker(0).reset();
    one.ask(OPENAI).await.assert_good("Hello.", "only");
    let other_gate = other.route(0).gate_handle();
    other_gate.close_for(2 * MINUTES);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(other.breaker(0).state(), State::Isolated);

    // What it kept is older than what happened since.
    server.restart();
    for gateway in [&one, &other, &late] {
        until_circuit(&gateway.breaker(0), State::Closed).await;
        until_gate(&gateway.route(0).gate_handle(), "closed").await;
    }
    other_gate.open();
    for gateway in [&one, &late] {
        until_gate(&gateway.route(0).gate_handle(), "open").await;
    }
    hear(&[&one, &other, &late]).await;
}

#[tokio::test]
async fn one_change_is_told_once() {
    let server = RedisServer::start(&[]);
    let provider = well().await;
    let one = before(&provider, &server).start().await;
    let other = before(&provider, &server).start().await;
    let third = before(&provider, &server).start().await;
    hear(&[&one, &other, &third]).await;

    let said = listen(&server);
    one.breaker(0).isolate();
    for gateway in [&other, &third] {
        until_circuit(&gateway.breaker(0), State::Isolated).await;
    }
    sleep(Duration::from_millis(500)).await;
    other.route(0).gate_handle().park(None);
    for gateway in [&one, &third] {
        until_gate(&gateway.route(0).gate_handle(), "parked").await;
    }
    // Nobody has anything to add.
    sleep(Duration::from_secs(1)).await;
    for foreign in [&b"not one of ours"[..], &[0xff; 5000]] {
        server.say(&[b"PUBLISH", CHANNEL.as_bytes(), foreign]);
    }
    third.breaker(0).reset();
    one.route(0).gate_handle().unpark();
    for gateway in [&one, &other, &third] {
        until_gate(&gateway.route(0).gate_handle(), "open").await;
        until_circuit(&gateway.breaker(0), State::Closed).await;
    }
    sleep(Duration::from_secs(1)).await;
    server.say(&[b"PUBLISH", CHANNEL.as_bytes(), b"the end"]);
    let said = said.await.unwrap();
    let told: Vec<_> = said.iter().map(|message| &message["is"]).collect();
    assert_eq!(told, ["isolated", "parked", "well", "well"], "{said:?}");
}

const CHANNEL: &str = "{buttress}:shared:channel";

/// What is said from now on until the end is.
fn listen(server: &RedisServer) -> JoinHandle<Vec<Value>> {
    let mut socket = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    socket.set_read_timeout(Some(TOO_LONG)).unwrap();
    write!(socket, "SUBSCRIBE {CHANNEL}\r\n").unwrap();
    let mut said = BufReader::new(socket).split(b'\n');
    // It listens once that is confirmed, in six lines.
    said.by_ref().take(6).for_each(|line| drop(line.unwrap()));
    spawn_blocking(move || {
        let lines = said.map(|line| line.unwrap());
        let lines = lines.take_while(|line| line != b"the end\r");
        let told = lines.filter(|line| line.starts_with(b"{\""));
        told.map(|line| serde_json::from_slice(&line).unwrap())
            .collect()
    })
}

#[tokio::test]
async fn what_is_shared_follows_the_configuration() {
    let server = RedisServer::start(&[]);
    let provider = well().await;
    let setup = before(&provider, &server);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("buttress.toml");
    fs::write(&file, setup.file()).unwrap();
    let one = Gateway::from_file(&file).await;
    let other = setup.clone().model("second").start().await;
    hear(&[&one, &other]).await;
    other.breaker(0).force_open();
    other.breaker(1).isolate();
    until_circuit(&one.breaker(0), State::Open).await;

    // A route that is new to it, and one whose circuit begins anew: it takes in what is known of
    // them, and that it did begin is no news.
    let changed = setup.and("breaker.probes = 2").model("second");
    fs::write(&file, changed.file()).unwrap();
    one.reload().await.unwrap();
    until_circuit(&one.breaker(1), State::Isolated).await;
    until_circuit(&one.breaker(0), State::Open).await;
    assert_eq!(other.breaker(0).state(), State::Open);

    // And goes on to tell and to hear.
    other.breaker(1).reset();
    until_circuit(&one.breaker(1), State::Closed).await;
    one.breaker(0).force_close();
    until_circuit(&other.breaker(0), State::Closed).await;
}
