//! What other programs push to a plain list of the queue's name.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod redis_server;

use buttress_queue::{Claimed, Entry, Intake, RedisStore, Settings, State, Store, StoreError};
use bytes::Bytes;
use redis_server::RedisServer;
use std::{
    collections::HashSet,
    time::{Duration, UNIX_EPOCH},
};
use tokio::task::JoinSet;

const MINUTE: Duration = Duration::from_secs(60);
const LIST: &[u8] = b"agent_retry_queue";

fn pushed(session: &str, at: u32) -> String {
    format!(
        r#"{{"session_id": "{session}", "messages": [{{"role": "user", "content": "{at}"}}],
            "task_context": {{}}, "queued_at": {at}.25}}"#
    )
}

/// By which command, and how many items are in the list then.
fn push(server: &RedisServer, command: &str, item: impl AsRef<[u8]>) -> String {
    server.say(&[command.as_bytes(), LIST, item.as_ref()])
}

async fn connect(server: &RedisServer, settings: Settings) -> RedisStore {
    RedisStore::connect(&server.url(), settings).await.unwrap()
}

/// All that is given out, until nothing is, each done.
async fn drained(store: &RedisStore) -> Vec<Claimed> {
    let mut all = Vec::new();
    loop {
        let claimed = store.claim("w", 100, MINUTE).await.unwrap();
        if claimed.is_empty() {
            return all;
        }
        for claimed in claimed {
            store.finish(&claimed.lease, Bytes::new()).await.unwrap();
            all.push(claimed);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_push_is_given_out_as_it_was_pushed() {
    let server = RedisServer::start(&[]);
    let store = connect(&server, Settings::new()).await;
    let text = pushed("s", 1_700_000_000);
    assert_eq!(push(&server, "RPUSH", &text), ":1");
    let claimed = store.claim("w", 1, MINUTE).await.unwrap().remove(0);
    assert_eq!(claimed.entry.payload, text.as_bytes());
    assert_eq!(claimed.entry.session.as_deref(), Some("s"));
    let at = UNIX_EPOCH + Duration::from_millis(1_700_000_000_250);
    assert_eq!(claimed.entry.queued_at, at);
    assert_eq!(server.say(&[b"LLEN", LIST]), ":0");
    assert_eq!(store.take_over().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_end_they_push_at_the_oldest_is_first() {
    let server = RedisServer::start(&[]);
    let store = connect(&server, Settings::new()).await;
    for command in ["RPUSH", "LPUSH"] {
        // More than are taken over at once.
        for at in 0..300 {
            push(&server, command, pushed("s", 1_700_000_000 + at));
        }
        let order: Vec<_> = drained(&store)
            .await
            .iter()
            .map(|one| one.entry.queued_at)
            .collect();
        assert_eq!(order.len(), 300, "{command}");
        assert!(order.is_sorted(), "{command}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_understood_is_a_dead_letter_with_its_text() {
    let server = RedisServer::start(&[]);
    let mut settings = Settings::new();
    settings.max_task_bytes = 2000;
    let store = connect(&server, settings).await;
    let large = pushed(&"s".repeat(2000), 1);
    let odd: [&[u8]; 4] = [b"", b"hello", b"{\"messages\": [\xff]}", large.as_bytes()];
    for item in odd {
        push(&server, "RPUSH", item);
    }
    push(&server, "RPUSH", pushed("s", 1_700_000_000));
    assert_eq!(drained(&store).await.len(), 1);
    let page = store.list(State::Dead, None, 10).await.unwrap();
    let mut found = HashSet::new();
    for record in page.records {
        let record = store.inspect(record.id).await.unwrap().unwrap();
        found.insert((record.payload.unwrap().to_vec(), record.reason.unwrap()));
    }
    let reasons = [
        "not understood",
        "not understood",
        "not understood",
        "too large",
    ];
    let expected = odd.into_iter().zip(reasons);
    let expected = expected.map(|(item, reason)| (item.to_vec(), reason.to_owned()));
    assert_eq!(found, expected.collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_leaves_the_rest_where_it_is() {
    let server = RedisServer::start(&[]);
    let mut settings = Settings::new();
    settings.max_tasks = 2;
    let store = connect(&server, settings).await;
    for at in 0..5 {
        push(&server, "RPUSH", pushed("", 1_700_000_000 + at));
    }
    let full = store.take_over().await;
    assert!(matches!(full, Err(StoreError::Full(_))), "{full:?}");
    assert_eq!(server.say(&[b"LLEN", LIST]), ":3");
    // Those that are claimed are given out, whatever becomes of the others.
    let order: Vec<_> = drained(&store)
        .await
        .iter()
        .map(|one| one.entry.queued_at)
        .collect();
    assert_eq!(order.len(), 5);
    assert!(order.is_sorted());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_take_over_at_once_take_each_item_once() {
    let server = RedisServer::start(&[]);
    let store = connect(&server, Settings::new()).await;
    for at in 0..300 {
        // Of some there are two that are alike.
        push(
            &server,
            "LPUSH",
            pushed(&format!("s{}", at % 7), 1_700_000_000 + at / 2 * 2),
        );
    }
    let mut workers = JoinSet::new();
    for _ in 0..8 {
        let store = connect(&server, Settings::new()).await;
        workers.spawn(async move {
            let mut taken = 0;
            while let Ok(some @ 1..) = store.take_over().await {
                taken += some;
            }
            taken
        });
    }
    workers.join_all().await;
    while store.take_over().await.unwrap() > 0 {}
    assert_eq!(server.say(&[b"LLEN", LIST]), ":0");
    assert_eq!(store.counts().await.unwrap().open(), 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_known_is_not_queued_again() {
    let server = RedisServer::start(&[]);
    let store = connect(&server, Settings::new()).await;
    for _ in 0..3 {
        push(
            &server,
            "RPUSH",
            r#"{"messages": [], "idempotency_key": "k"}"#,
        );
    }
    assert_eq!(drained(&store).await.len(), 1);
    assert_eq!(server.say(&[b"LLEN", LIST]), ":0");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_over_may_be_changed_on_its_way() {
    let server = RedisServer::start(&[]);
    let sealed = |text: Bytes| Bytes::from([b"sealed ", &text[..]].concat());
    let intake = Intake::new(move |text| match text.starts_with(b"{") {
        true => Ok(Entry::new(sealed(text)).session("s")),
        false => Err(Box::new(Entry::new(sealed(text)))),
    });
    let store = connect(&server, Settings::new()).await.intake(intake);
    push(&server, "RPUSH", "{}");
    push(&server, "RPUSH", "?");
    assert_eq!(&drained(&store).await[0].entry.payload[..], b"sealed {}");
    let dead = store
        .list(State::Dead, None, 1)
        .await
        .unwrap()
        .records
        .remove(0);
    let dead = store.inspect(dead.id).await.unwrap().unwrap();
    assert_eq!(dead.payload.as_deref(), Some(&b"sealed ?"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn something_else_of_that_name_is_left_alone() {
    let server = RedisServer::start(&[]);
    let store = connect(&server, Settings::new()).await;
    server.say(&[b"SET", LIST, b"mine"]);
    store.enqueue(Entry::new("x")).await.unwrap();
    assert_eq!(drained(&store).await.len(), 1);
    assert!(store.take_over().await.is_err());
    assert_eq!(server.say(&[b"STRLEN", LIST]), ":4");
}
