//! The queue in a Redis server that fails.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod redis_server;

use buttress_queue::{Entry, RedisStore, Settings, State, Store, StoreError, TaskId};
use bytes::Bytes;
use redis_server::RedisServer;
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};
use tokio::{task::JoinSet, time::sleep};

const MINUTE: Duration = Duration::from_secs(60);

async fn connect(server: &RedisServer) -> RedisStore {
    let store = RedisStore::connect(&server.url(), Settings::new()).await;
    store.unwrap()
}

async fn state(store: &dyn Store, id: TaskId) -> Option<State> {
    store.inspect(id).await.unwrap().map(|record| record.state)
}

/// What a worker may meet while its server is gone.
fn is_gone(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(_))
}

/// Calls until the server is there.
async fn until_there<T>(call: impl AsyncFn() -> Result<T, StoreError>) -> T {
    let begun = SystemTime::now();
    loop {
        match call().await {
            Ok(answer) => return answer,
            Err(error) if is_gone(&error) => {
                assert!(begun.elapsed().unwrap() < MINUTE, "{error:?}");
                sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_in_the_middle_of_everything_loses_nothing() {
    let mut server = RedisServer::start(&["--appendfsync", "always"]);
    let store = Arc::new(connect(&server).await);
    let stop = Arc::new(AtomicBool::new(false));
    // What was acknowledged: tasks that are kept, and such as have ended.
    let kept = Arc::new(Mutex::new(HashSet::new()));
    let ended = Arc::new(Mutex::new(HashMap::new()));

    let mut callers = JoinSet::new();
    for caller in 0..8 {
        let (store, stop, kept) = (Arc::clone(&store), Arc::clone(&stop), Arc::clone(&kept));
        callers.spawn(async move {
            while !stop.load(Relaxed) {
                let entry = Entry::new("x").session(format!("s{}", caller % 4));
                match store.enqueue(entry).await {
                    Ok(answer) => drop(kept.lock().unwrap().insert(answer.id)),
                    Err(error) => assert!(is_gone(&error), "{error:?}"),
                }
                sleep(Duration::from_millis(2)).await;
            }
        });
    }
    for worker in 0..4 {
        let (store, stop, ended) = (Arc::clone(&store), Arc::clone(&stop), Arc::clone(&ended));
        callers.spawn(async move {
            let name = format!("w{worker}");
            let lease = Duration::from_millis(500);
            while !stop.load(Relaxed) {
                sleep(Duration::from_millis(5)).await;
                let Ok(claimed) = store.claim(&name, 5, lease).await else {
                    continue;
                };
                for (at, claimed) in claimed.into_iter().enumerate() {
                    let id = claimed.entry.id;
                    let (end, answer) = match at {
                        0 => (State::Dead, store.bury(&claimed.lease, "no").await),
                        1 => {
                            let wait = Duration::from_millis(10);
                            let answer = store.postpone(&claimed.lease, wait, false, "").await;
                            (State::Waiting, answer)
                        }
                        _ => (State::Done, store.finish(&claimed.lease, "r".into()).await),
                    };
                    match answer {
                        Ok(()) if end != State::Waiting => {
                            let before = ended.lock().unwrap().insert(id, end);
                            assert_eq!(before, None, "it has ended twice");
                        }
                        Ok(()) => {}
                        // It was done before the answer was lost, or took too long.
                        Err(StoreError::Lost) => {}
                        Err(error) => assert!(is_gone(&error), "{error:?}"),
                    }
                }
            }
        });
    }
    for round in 0..12 {
        sleep(Duration::from_millis(150 + 37 * round)).await;
        server.kill();
        sleep(Duration::from_millis(50 * (round % 3))).await;
        server.restart();
    }
    sleep(Duration::from_millis(500)).await;
    stop.store(true, Relaxed);
    callers.join_all().await;

    let kept = kept.lock().unwrap().clone();
    let ended = ended.lock().unwrap().clone();
    assert!(
        kept.len() > 50 && ended.len() > 20,
        "{} {}",
        kept.len(),
        ended.len()
    );
    for (id, end) in &ended {
        assert_eq!(state(&*store, *id).await, Some(*end));
    }
    // Whatever is left is given out, and nothing is left over in the end.
    let begun = SystemTime::now();
    while store.counts().await.unwrap().open() > 0 {
        assert!(begun.elapsed().unwrap() < MINUTE);
        for claimed in store.claim("last", 100, MINUTE).await.unwrap() {
            store.finish(&claimed.lease, Bytes::new()).await.unwrap();
        }
    }
    for id in &kept {
        let state = state(&*store, *id).await;
        assert!(
            matches!(state, Some(State::Done | State::Dead)),
            "{state:?}"
        );
    }
    let counts = store.counts().await.unwrap();
    assert!(counts.done + counts.dead >= kept.len() as u64);
    assert_eq!(counts.bytes, counts.dead);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_is_said_to_be_and_is_used_again_when_it_is_back() {
    let mut server = RedisServer::start(&[]);
    let store = connect(&server).await;
    let id = store.enqueue(Entry::new("x")).await.unwrap().id;
    server.kill();
    for _ in 0..3 {
        let begun = SystemTime::now();
        let refused = store.enqueue(Entry::new("y")).await.unwrap_err();
        assert!(is_gone(&refused), "{refused:?}");
        let refused = store.claim("w", 1, MINUTE).await.unwrap_err();
        assert!(is_gone(&refused), "{refused:?}");
        assert!(begun.elapsed().unwrap() < Duration::from_secs(20));
    }
    let nobody = RedisStore::connect(&server.url(), Settings::new()).await;
    assert!(is_gone(&nobody.unwrap_err()));
    server.restart();
    until_there(async || store.counts().await).await;
    assert_eq!(state(&store, id).await, Some(State::Waiting));
    let claimed = store.claim("w", 9, MINUTE).await.unwrap();
    assert_eq!(claimed.len(), 1);
    store.finish(&claimed[0].lease, Bytes::new()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_that_was_closed_costs_nobody_an_error() {
    let server = RedisServer::start(&[]);
    let store = connect(&server).await;
    for _ in 0..3 {
        server.say(&[b"CLIENT", b"KILL", b"TYPE", b"normal", b"SKIPME", b"yes"]);
        store.enqueue(Entry::new("x")).await.unwrap();
    }
    assert_eq!(store.counts().await.unwrap().waiting, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_is_not_waited_for_for_ever() {
    let server = RedisServer::start(&[]);
    let store = connect(&server).await;
    let signal = |name: &str| {
        let pid = server.pid().to_string();
        let sent = std::process::Command::new("kill")
            .args([name, &pid])
            .status();
        assert!(sent.unwrap().success());
    };
    signal("-STOP");
    let entry = Entry::new("x");
    let begun = SystemTime::now();
    let answer = store.enqueue(entry.clone()).await;
    signal("-CONT");
    assert!(is_gone(&answer.unwrap_err()));
    let waited = begun.elapsed().unwrap();
    assert!(waited < Duration::from_secs(20), "{waited:?}");
    // It may have been stored all the same; asked once more, it is stored once.
    let answer = until_there(async || store.enqueue(entry.clone()).await).await;
    assert_eq!(answer.id, entry.id);
    assert_eq!(store.counts().await.unwrap().waiting, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_out_of_memory_takes_no_more_and_lets_workers_make_room() {
    let server = RedisServer::start(&["--maxmemory-policy", "noeviction"]);
    let store = connect(&server).await;
    let other = Entry::new("x");
    let first = store.enqueue(other.clone()).await.unwrap().id;
    server.say(&[b"CONFIG", b"SET", b"maxmemory", b"20mb"]);
    let mut kept = 1;
    let refused = loop {
        match store.enqueue(Entry::new(vec![b'x'; 100_000])).await {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 1000);
    };
    assert!(
        matches!(refused, StoreError::Full("the server's memory")),
        "{refused:?}"
    );
    assert_eq!(store.counts().await.unwrap().waiting, kept);
    let full = store.enqueue(Entry::new(vec![b'x'; 100_000])).await;
    assert!(matches!(full, Err(StoreError::Full(_))), "{full:?}");
    // Everything that workers do is done.
    let claimed = store.claim("w", 100, MINUTE).await.unwrap();
    assert_eq!(claimed[0].entry.id, first);
    assert!(claimed.len() > 10);
    store.renew(&claimed[0].lease, MINUTE).await.unwrap();
    store
        .postpone(&claimed[1].lease, MINUTE, true, "busy")
        .await
        .unwrap();
    store.bury(&claimed[2].lease, "no").await.unwrap();
    assert!(store.retry(claimed[2].entry.id).await.unwrap());
    for claimed in &claimed[3..] {
        store
            .finish(&claimed.lease, "a result".into())
            .await
            .unwrap();
    }
    store.sweep().await.unwrap();
    assert_eq!(store.counts().await.unwrap().done, claimed.len() as u64 - 3);
    store
        .enqueue(Entry::new(vec![b'x'; 100_000]))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_has_forgotten_its_scripts_is_told_again() {
    let server = RedisServer::start(&[]);
    let store = Arc::new(connect(&server).await);
    for _ in 0..3 {
        server.say(&[b"SCRIPT", b"FLUSH"]);
        let mut callers = JoinSet::new();
        for _ in 0..50 {
            let store = Arc::clone(&store);
            callers.spawn(async move { store.enqueue(Entry::new("x")).await.unwrap() });
        }
        callers.join_all().await;
        server.say(&[b"SCRIPT", b"FLUSH"]);
        let claimed = store.claim("w", 50, MINUTE).await.unwrap();
        assert_eq!(claimed.len(), 50);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_keeps_nothing_for_ever() {
    let server = RedisServer::start(&[]);
    let store = connect(&server).await;
    let leased = store.enqueue(Entry::new("x")).await.unwrap().id;
    store.claim("w", 1, MINUTE).await.unwrap();
    store.enqueue(Entry::new("y")).await.unwrap();
    let postponed = store.claim("w", 1, MINUTE).await.unwrap().remove(0).lease;
    store.postpone(&postponed, MINUTE, true, "").await.unwrap();
    assert!(store.claim("w", 9, MINUTE).await.unwrap().is_empty());
    // As they stand after the clock was set back by a year.
    let year = SystemTime::UNIX_EPOCH.elapsed().unwrap() + Duration::from_secs(365 * 86_400);
    let year = year.as_millis().to_string();
    for (name, id) in [("leases", leased), ("later", postponed.id)] {
        let key = format!("{{agent_retry_queue}}:{name}");
        let id = id.to_string();
        let set = [
            b"ZADD",
            key.as_bytes(),
            b"XX",
            b"CH",
            year.as_bytes(),
            id.as_bytes(),
        ];
        assert_eq!(server.say(&set), ":1");
    }
    assert_eq!(store.claim("w", 9, MINUTE).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_somebody_has_deleted_stops_neither_sweep_nor_list() {
    let server = RedisServer::start(&[]);
    let mut settings = Settings::new();
    settings.max_age = Duration::ZERO;
    settings.keep_results = Duration::ZERO;
    settings.keep_dead = Duration::ZERO;
    let store = RedisStore::connect(&server.url(), settings).await.unwrap();
    // Done, dead, leased for a moment, and waiting.
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(store.enqueue(Entry::new("x")).await.unwrap().id);
    }
    let moment = Duration::from_millis(1);
    let claimed = store.claim("w", 2, MINUTE).await.unwrap();
    let [done, dead] = &claimed[..] else {
        panic!("{claimed:?}");
    };
    store.finish(&done.lease, "y".into()).await.unwrap();
    store.bury(&dead.lease, "no").await.unwrap();
    assert_eq!(store.claim("w", 1, moment).await.unwrap().len(), 1);
    for id in ids {
        let task = format!("{{agent_retry_queue}}:task:{id}");
        assert_eq!(server.say(&[b"DEL", task.as_bytes()]), ":1");
    }
    sleep(Duration::from_millis(20)).await;
    for state in State::ALL {
        assert!(store.list(state, None, 9).await.unwrap().records.is_empty());
    }
    for _ in 0..2 {
        let swept = store.sweep().await.unwrap();
        assert_eq!((swept.buried, swept.removed), (0, 0));
    }
    assert!(store.claim("w", 9, MINUTE).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_has_lost_everything_is_a_queue_that_is_empty() {
    let server = RedisServer::start(&[]);
    let store = connect(&server).await;
    store.enqueue(Entry::new("x")).await.unwrap();
    let lease = store.claim("w", 1, MINUTE).await.unwrap().remove(0).lease;
    server.say(&[b"FLUSHALL"]);
    assert!(matches!(
        store.finish(&lease, Bytes::new()).await,
        Err(StoreError::Lost)
    ));
    assert!(store.claim("w", 1, MINUTE).await.unwrap().is_empty());
    store.enqueue(Entry::new("y")).await.unwrap();
    assert_eq!(store.claim("w", 9, MINUTE).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_can_be_read_and_not_written() {
    let first = RedisServer::start(&[]);
    let id = {
        let store = connect(&first).await;
        store.enqueue(Entry::new("x")).await.unwrap().id
    };
    let master = first.url();
    let port = master
        .trim_end_matches('/')
        .rsplit(':')
        .next()
        .unwrap()
        .to_owned();
    let second = RedisServer::start(&["--replicaof", "127.0.0.1", &port]);
    let store = connect(&second).await;
    let begun = SystemTime::now();
    while state(&store, id).await.is_none() {
        assert!(begun.elapsed().unwrap() < MINUTE);
        sleep(Duration::from_millis(50)).await;
    }
    for refused in [
        store.enqueue(Entry::new("y")).await.map(drop),
        store.claim("w", 1, MINUTE).await.map(drop),
        store.remove(id).await.map(drop),
        store.discard(id).await.map(drop),
    ] {
        assert!(
            matches!(refused, Err(StoreError::ReadOnly(_))),
            "{refused:?}"
        );
    }
    assert_eq!(store.counts().await.unwrap().waiting, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_wants_replicas_and_has_none_can_not_be_written() {
    let server = RedisServer::start(&["--min-replicas-to-write", "1"]);
    let store = connect(&server).await;
    let refused = store.enqueue(Entry::new("x")).await;
    assert!(
        matches!(refused, Err(StoreError::ReadOnly(_))),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_shown_to_the_server_and_to_nobody_else() {
    let server = RedisServer::start(&[]);
    server.say(&[b"CONFIG", b"SET", b"requirepass", b"hunter2"]);
    let url = |password: &str| {
        server
            .url()
            .replace("redis://", &format!("redis://:{password}@"))
    };
    let store = RedisStore::connect(&url("hunter2"), Settings::new())
        .await
        .unwrap();
    store.enqueue(Entry::new("secret text")).await.unwrap();
    let debug = format!("{store:?}");
    assert!(!debug.contains("hunter2"), "{debug}");
    for refused in [
        RedisStore::connect(&url("swordfish"), Settings::new()).await,
        RedisStore::connect(&server.url(), Settings::new()).await,
        RedisStore::connect("redis://:swordfish@/:/", Settings::new()).await,
        RedisStore::connect(&url("hunter2"), Settings::new().name("{}")).await,
    ] {
        let error = refused.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(matches!(error, StoreError::Engine(_)), "{shown}");
        assert!(
            !shown.contains("swordfish") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
