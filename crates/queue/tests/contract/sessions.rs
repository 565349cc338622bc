use super::*;
use bytes::Bytes;

async fn line(store: &dyn Store, session: &str, tasks: usize) -> Vec<TaskId> {
    let mut ids = Vec::new();
    for _ in 0..tasks {
        ids.push(put(store, Entry::new("x").session(session)).await);
    }
    ids
}

/// The tasks that are given out one after the other, each of which is done.
async fn drained(store: &dyn Store) -> Vec<TaskId> {
    let mut ids = Vec::new();
    loop {
        let claimed = store.claim("w", 100, MINUTE).await.unwrap();
        if claimed.is_empty() {
            return ids;
        }
        for claimed in claimed {
            store.finish(&claimed.lease, Bytes::new()).await.unwrap();
            ids.push(claimed.entry.id);
        }
    }
}

pub async fn only_the_first_of_a_session_is_given_out(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let ids = line(store, "s", 12).await;
    counted(store, [1, 11, 0, 0, 0]).await;
    for id in ids {
        let claimed = store.claim("w", 5, MINUTE).await.unwrap();
        assert_eq!(claimed.len(), 1);
        assert_eq!(claimed[0].entry.id, id);
        none(store).await;
        store.finish(&claimed[0].lease, Bytes::new()).await.unwrap();
    }
    none(store).await;
    // It begins anew.
    let ids = line(store, "s", 2).await;
    assert_eq!(drained(store).await, ids);
}

pub async fn a_task_that_waits_holds_back_those_behind_it(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let ids = line(store, "s", 3).await;
    let lease = one(store).await.lease;
    store.postpone(&lease, MINUTE, true, "").await.unwrap();
    none(store).await;
    counted(store, [1, 2, 0, 0, 0]).await;
    store.retry(ids[0]).await.unwrap();
    let lease = store.claim("w", 9, SHORT).await.unwrap().remove(0).lease;
    ran_out().await;
    // Nor does one whose worker is gone let them by.
    let claimed = store.claim("w", 9, MINUTE).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].entry.id, lease.id);
    store.finish(&claimed[0].lease, Bytes::new()).await.unwrap();
    assert_eq!(drained(store).await, ids[1..]);
}

pub async fn a_task_that_dies_lets_the_next_go_on(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let ids = line(store, "s", 3).await;
    store.bury(&one(store).await.lease, "no").await.unwrap();
    counted(store, [1, 1, 0, 0, 1]).await;
    assert_eq!(drained(store).await, ids[1..]);
}

pub async fn a_task_that_is_removed_leaves_the_others_in_their_order(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let ids = line(store, "s", 6).await;
    assert!(store.remove(ids[0]).await.unwrap());
    counted(store, [1, 4, 0, 0, 0]).await;
    assert!(store.remove(ids[3]).await.unwrap());
    let held = one(store).await;
    assert_eq!(held.entry.id, ids[1]);
    assert!(store.remove(ids[1]).await.unwrap());
    lost(store.finish(&held.lease, Bytes::new())).await;
    assert!(store.remove(ids[5]).await.unwrap());
    assert_eq!(drained(store).await, [ids[2], ids[4]]);
}

pub async fn a_dead_letter_comes_back_behind_its_session(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let ids = line(store, "s", 3).await;
    store.bury(&one(store).await.lease, "no").await.unwrap();
    assert!(store.retry(ids[0]).await.unwrap());
    counted(store, [1, 2, 0, 0, 0]).await;
    assert_eq!(state(store, ids[0]).await, Some(State::Behind));
    assert_eq!(drained(store).await, [ids[1], ids[2], ids[0]]);
}

pub async fn sessions_do_not_hold_back_each_other(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let a = line(store, "a", 3).await;
    let b = line(store, "b", 1).await;
    let alone = put(store, Entry::new("x")).await;
    let claimed = store.claim("w", 9, MINUTE).await.unwrap();
    let found: Vec<_> = claimed.iter().map(|claimed| claimed.entry.id).collect();
    assert_eq!(found, [a[0], b[0], alone]);
}

pub async fn a_session_may_have_any_name(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let long = "s".repeat(5000);
    for name in [
        "",
        "}{",
        "a b\r\n\0",
        "ä",
        "'; DROP TABLE tasks; --",
        "*",
        &long,
    ] {
        let ids = line(store, name, 2).await;
        counted(store, [1, 1, 0, 0, 0]).await;
        let claimed = one(store).await;
        assert_eq!(claimed.entry.session.as_deref(), Some(name));
        store.finish(&claimed.lease, Bytes::new()).await.unwrap();
        assert_eq!(drained(store).await, ids[1..]);
        for id in ids {
            store.remove(id).await.unwrap();
        }
    }
}
