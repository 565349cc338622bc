//! Who is named is told when a task of the queue has ended.

use crate::OPENAI;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use buttress::queue::{Counts, Settings, SqliteStore, Store, TaskId};
use buttress_testkit::{Dialect, Provider, Reply};
use buttress_tests::{
    Gateway, Setup,
    receiver::{React, Receiver, Told},
    wire::Open,
};
use ring::hmac;
use serde_json::Value;
use std::{
    net::SocketAddr,
    path::Path,
    time::{Duration, SystemTime},
};
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};

/// What every variable of the environment is set to.
const SECRET: &[u8] = b"the-callers-key";
const FINE: React = React::Answer(204, "");

/// A gateway with a queue in this file, which tells of it at this address.
async fn gateway(provider: &Provider, file: &Path, url: &str) -> Gateway {
    Setup::new()
        .route("only", Dialect::OpenAi, provider.url())
        .with("limits.max_calls = 1")
        .with("queue.backoff = '1s'")
        .with(&format!("queue.url = 'sqlite:{}'", file.display()))
        .with(&format!("queue.webhook.url = '{url}'"))
        .start()
        .await
}

/// Fails once, and then answers so.
async fn provider(then: Reply) -> Provider {
    let script = Provider::openai()
        .reply(Reply::server_error())
        .forever(then);
    script.start().await.unwrap()
}

async fn json(mut open: Open) -> Value {
    let mut body = Vec::new();
    while let Some(piece) = open.piece().await.expect("a whole answer") {
        body.extend_from_slice(&piece);
    }
    serde_json::from_slice(&body).expect("JSON")
}

/// Asks for what can't be answered now. The name of its task.
async fn queued(gateway: &Gateway) -> String {
    let answer = json(gateway.open(OPENAI).await).await;
    assert_eq!(answer["buttress"]["queued_for_retry"], true, "{answer}");
    answer["buttress"]["id"]
        .as_str()
        .expect("a name")
        .to_owned()
}

async fn looked_up(gateway: &Gateway, id: &str) -> Value {
    let open = gateway.get(&format!("/v1/queue/{id}"), &[]).await;
    json(open.expect("an answer")).await
}

async fn ends(gateway: &Gateway, id: &str) {
    while !["done", "dead"].contains(&looked_up(gateway, id).await["state"].as_str().unwrap()) {
        sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until all announcements have come to an end.
async fn all_told(file: &Path) -> Counts {
    let settings = Settings::new().name("agent_retry_queue:webhooks");
    let store = SqliteStore::open(file, settings).unwrap();
    let over = async {
        loop {
            let counts = store.counts().await.unwrap();
            if counts.open() == 0 {
                return counts;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let over = timeout(Duration::from_secs(20), over).await;
    over.expect("an announcement is left")
}

/// What it says, once it is clear that it is from whom it should be.
fn verified(told: &Told) -> Value {
    assert_eq!(told.line, "POST /hook?token=t HTTP/1.1");
    assert_eq!(told.headers["content-type"], "application/json");
    let (id, sent) = (
        &told.headers["webhook-id"],
        &told.headers["webhook-timestamp"],
    );
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let age = now.unwrap().as_secs().abs_diff(sent.parse().unwrap());
    assert!(age < 300, "{sent}");
    let signature = told.headers["webhook-signature"].strip_prefix("v1,");
    let signature = STANDARD.decode(signature.unwrap()).unwrap();
    let signed = [id.as_bytes(), b".", sent.as_bytes(), b".", &told.body].concat();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    hmac::verify(&key, &signed, &signature).expect("the right signature");
    serde_json::from_slice(&told.body).unwrap()
}

#[tokio::test]
async fn an_answer_is_told_as_who_looks_it_up_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("queue.db");
    let provider = provider(Reply::text("At last.")).await;
    let mut receiver = Receiver::start([FINE]).await;
    let gateway = gateway(&provider, &file, &receiver.url()).await;
    let id = queued(&gateway).await;

    let told = receiver.next().await;
    let message = verified(&told);
    assert_eq!(message["type"], "task.done");
    assert_eq!(message["data"], looked_up(&gateway, &id).await);
    assert_eq!(message["data"]["id"], id);
    assert_eq!(message["timestamp"], message["data"]["ended_at"]);
    assert!(message["data"]["result"].to_string().contains("At last."));
    assert_eq!(all_told(&file).await.done, 1);
    assert_eq!(gateway.stop().await, 0);
    assert!(receiver.more().is_none());
}

#[tokio::test]
async fn a_dead_letter_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("queue.db");
    let provider = provider(Reply::context_too_long()).await;
    let mut receiver = Receiver::start([FINE]).await;
    let gateway = gateway(&provider, &file, &receiver.url()).await;
    let id = queued(&gateway).await;

    let message = verified(&receiver.next().await);
    assert_eq!(message["type"], "task.dead");
    assert_eq!(message["data"], looked_up(&gateway, &id).await);
    assert!(message["data"]["reason"].is_string(), "{message}");
    assert_eq!(message["data"]["result"]["status"], 400);
    assert_eq!(all_told(&file).await.done, 1);
}

#[tokio::test]
async fn a_receiver_that_misbehaves_is_told_again_until_it_has_understood() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("queue.db");
    let provider = provider(Reply::text("At last.")).await;
    let reacts = [
        React::HangUp,
        React::Answer(307, "location: /hook?token=t\r\n"),
        React::Answer(503, "retry-after: 1\r\n"),
        React::Flood,
    ];
    let count = reacts.len();
    let mut receiver = Receiver::start(reacts).await;
    let gateway = gateway(&provider, &file, &receiver.url()).await;
    queued(&gateway).await;

    let mut names = Vec::new();
    for _ in 0..count {
        let told = receiver.next().await;
        assert_eq!(verified(&told)["type"], "task.done");
        names.push(told.headers["webhook-id"].clone());
    }
    names.dedup();
    assert_eq!(names.len(), 1, "one message, told several times: {names:?}");
    assert_eq!(all_told(&file).await.done, 1);
    assert_eq!(gateway.stop().await, 0);
    assert!(receiver.more().is_none(), "the flood was a yes");
}

#[tokio::test]
async fn a_receiver_that_is_gone_for_good_is_told_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("queue.db");
    let provider = provider(Reply::text("At last.")).await;
    let mut receiver = Receiver::start([React::Answer(410, "")]).await;
    let gateway = gateway(&provider, &file, &receiver.url()).await;
    queued(&gateway).await;
    receiver.next().await;
    let counts = all_told(&file).await;
    assert_eq!((counts.done, counts.dead), (1, 0));
    drop(gateway);
    assert!(receiver.more().is_none());
}

#[tokio::test]
async fn a_slow_receiver_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("queue.db");
    let provider = provider(Reply::text("At last.")).await;
    let late = React::Late(Duration::from_millis(1500));
    let mut receiver = Receiver::start([late]).await;
    let gateway = gateway(&provider, &file, &receiver.url()).await;
    queued(&gateway).await;
    verified(&receiver.next().await);
    assert_eq!(all_told(&file).await.done, 1);
    assert!(receiver.more().is_none(), "once is enough");
}

/// The receiver is down when the task ends, and the process when the receiver is back.
#[tokio::test]
async fn an_announcement_outlives_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("queue.db");
    let reserved = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = reserved.local_addr().unwrap();
    drop(reserved);
    let url = format!("http://{address}/hook?token=t");
    let provider = provider(Reply::text("At last.")).await;

    let first = gateway(&provider, &file, &url).await;
    let id = queued(&first).await;
    ends(&first, &id).await;
    first.stop().await;

    let mut receiver = Receiver::start_at(address, [FINE]).await;
    let second = gateway(&provider, &file, &url).await;
    let message = verified(&receiver.next().await);
    assert_eq!(message["type"], "task.done");
    assert_eq!(message["data"]["id"], id);
    assert!(id.parse::<TaskId>().is_ok());
    assert_eq!(all_told(&file).await.done, 1);
    second.stop().await;
    assert!(receiver.more().is_none());
}
