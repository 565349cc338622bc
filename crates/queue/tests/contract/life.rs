use super::*;
use bytes::Bytes;
use std::time::{SystemTime, UNIX_EPOCH};

pub async fn a_task_is_given_out_once_and_done(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let id = put(store, Entry::new("do it")).await;
    let claimed = one(store).await;
    assert_eq!((claimed.entry.id, claimed.deliveries), (id, 1));
    none(store).await;
    store.finish(&claimed.lease, "done".into()).await.unwrap();
    none(store).await;
    let record = store.inspect(id).await.unwrap().unwrap();
    assert_eq!(record.state, State::Done);
    assert_eq!(record.result.as_deref(), Some(&b"done"[..]));
    assert_eq!(record.payload, None);
}

pub async fn what_was_stored_comes_out_as_it_was(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let bytes: Vec<u8> = (0..=255).collect();
    let plain =
        Entry::new(bytes.clone()).queued_at(UNIX_EPOCH + Duration::from_millis(1_700_000_000_123));
    let full = Entry::new(Bytes::new())
        .session("a session – mit Umlaut äöü, and much longer than any listpack holds by itself")
        .key("=key\r\n\"'")
        .queued_at(UNIX_EPOCH - Duration::from_millis(1));
    let empty = Entry::new("x").session("").key("").queued_at(UNIX_EPOCH);
    for entry in [&plain, &full, &empty] {
        put(store, entry.clone()).await;
    }
    let claimed = store.claim("w", 9, MINUTE).await.unwrap();
    assert_eq!(claimed.len(), 3);
    for entry in [plain, full, empty] {
        let found = claimed.iter().find(|claimed| claimed.entry.id == entry.id);
        assert!(found.unwrap().entry == entry, "{entry:?}");
        let record = store.inspect(entry.id).await.unwrap().unwrap();
        assert_eq!(record.payload.as_ref(), Some(&entry.payload));
        assert_eq!(record.session, entry.session);
        assert_eq!(record.queued_at, entry.queued_at);
        assert_eq!(record.bytes, entry.payload.len() as u64);
    }
    // What comes of it is kept so too.
    for (claimed, result) in claimed.iter().zip([bytes, vec![], vec![0]]) {
        store
            .finish(&claimed.lease, result.clone().into())
            .await
            .unwrap();
        let record = store.inspect(claimed.entry.id).await.unwrap().unwrap();
        assert_eq!(record.result.as_deref(), Some(&result[..]));
    }
}

pub async fn tasks_are_given_out_in_the_order_in_which_they_came(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(put(store, Entry::new("x")).await);
    }
    for some in ids.chunks(3) {
        let claimed = store.claim("w", 3, MINUTE).await.unwrap();
        let found: Vec<_> = claimed.iter().map(|claimed| claimed.entry.id).collect();
        assert_eq!(found, some);
    }
}

pub async fn no_more_is_given_out_than_was_asked_for(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    for _ in 0..5 {
        put(store, Entry::new("x")).await;
    }
    for (most, given) in [(0, 0), (2, 2), (0, 0), (usize::MAX, 3), (1, 0)] {
        let claimed = store.claim("w", most, MINUTE).await.unwrap();
        assert_eq!(claimed.len(), given);
    }
}

pub async fn a_postponed_task_waits_and_is_given_out_again(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let id = put(store, Entry::new("x")).await;
    let first = one(store).await;
    let before = SystemTime::now();
    let wait = Duration::from_secs(1);
    store
        .postpone(&first.lease, wait, true, "busy")
        .await
        .unwrap();
    let record = store.inspect(id).await.unwrap().unwrap();
    assert_eq!(record.state, State::Waiting);
    assert_eq!(record.reason.as_deref(), Some("busy"));
    assert_eq!(record.payload.as_deref(), Some(&b"x"[..]));
    let due_in = record.due_at.unwrap().duration_since(before).unwrap();
    assert!(due_in > wait / 2 && due_in < MINUTE, "{due_in:?}");
    none(store).await;
    tokio::time::sleep(wait + SHORT).await;
    let second = one(store).await;
    assert_eq!((second.entry.id, second.deliveries), (id, 2));
    assert_ne!(second.lease.token, first.lease.token);
}

pub async fn a_task_postponed_for_no_time_is_due_at_once(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let id = put(store, Entry::new("x")).await;
    for delivery in 1..=5 {
        let claimed = one(store).await;
        assert_eq!((claimed.entry.id, claimed.deliveries), (id, delivery));
        store
            .postpone(&claimed.lease, Duration::ZERO, true, "")
            .await
            .unwrap();
    }
    counted(store, [1, 0, 0, 0, 0]).await;
}

pub async fn a_buried_task_is_a_dead_letter_with_its_reason(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let id = put(store, Entry::new("x")).await;
    let claimed = one(store).await;
    store.bury(&claimed.lease, "no such model").await.unwrap();
    none(store).await;
    let record = store.inspect(id).await.unwrap().unwrap();
    assert_eq!(record.state, State::Dead);
    assert_eq!(record.reason.as_deref(), Some("no such model"));
    assert_eq!(record.payload.as_deref(), Some(&b"x"[..]));
    assert!(record.ended_at.is_some() && record.due_at.is_none());
    counted(store, [0, 0, 0, 0, 1]).await;
}

pub async fn a_dead_letter_is_queued_again_as_if_it_were_new(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let id = put(store, Entry::new("x").queued_at(UNIX_EPOCH)).await;
    let first = one(store).await;
    store.bury(&first.lease, "no").await.unwrap();
    assert!(store.retry(id).await.unwrap());
    let record = store.inspect(id).await.unwrap().unwrap();
    assert_eq!((record.state, record.deliveries), (State::Waiting, 0));
    assert_eq!((record.reason, record.ended_at), (None, None));
    let second = one(store).await;
    assert_eq!((second.entry.id, second.deliveries), (id, 1));
    assert_eq!(&second.entry.payload[..], b"x");
    lost(store.finish(&first.lease, Bytes::new())).await;
    store.finish(&second.lease, Bytes::new()).await.unwrap();
}

pub async fn a_waiting_task_is_made_due_and_no_other(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let id = put(store, Entry::new("x").session("s")).await;
    let behind = put(store, Entry::new("x").session("s")).await;
    assert!(store.retry(id).await.unwrap());
    let claimed = one(store).await;
    assert!(!store.retry(id).await.unwrap(), "it is leased");
    assert!(!store.retry(behind).await.unwrap());
    store
        .postpone(&claimed.lease, MINUTE, true, "")
        .await
        .unwrap();
    none(store).await;
    assert!(store.retry(id).await.unwrap());
    let claimed = one(store).await;
    assert_eq!(claimed.entry.id, id);
    store.finish(&claimed.lease, Bytes::new()).await.unwrap();
    assert!(!store.retry(id).await.unwrap(), "it is done");
}

pub async fn a_task_is_removed_wherever_it_stands(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    for stands in ["waiting", "later", "behind", "leased", "done", "dead"] {
        let first = put(store, Entry::new("x").session("s")).await;
        let mut id = first;
        match stands {
            "waiting" => {}
            "behind" => id = put(store, Entry::new("x").session("s")).await,
            "leased" => drop(one(store).await),
            "later" => {
                let lease = one(store).await.lease;
                store.postpone(&lease, MINUTE, true, "").await.unwrap();
            }
            "done" => {
                let lease = one(store).await.lease;
                store.finish(&lease, "y".into()).await.unwrap();
            }
            _ => store.bury(&one(store).await.lease, "").await.unwrap(),
        }
        if stands != "dead" {
            assert!(!store.discard(id).await.unwrap(), "{stands}");
        }
        assert!(store.remove(id).await.unwrap(), "{stands}");
        assert!(!store.remove(id).await.unwrap(), "{stands}");
        assert!(store.inspect(id).await.unwrap().is_none(), "{stands}");
        if id != first {
            store.remove(first).await.unwrap();
        }
        let counts = store.counts().await.unwrap();
        assert_eq!(counts, Default::default(), "{stands}");
        none(store).await;
    }
}

pub async fn a_dead_letter_is_discarded_and_no_other_task(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let entry = || Entry::new("x").session("s").key("k");
    let id = put(store, entry()).await;
    store.bury(&one(store).await.lease, "").await.unwrap();
    // It is waiting again, and has the next of its session behind it.
    assert!(store.retry(id).await.unwrap());
    let behind = put(store, Entry::new("y").session("s")).await;
    assert!(!store.discard(id).await.unwrap());
    store.bury(&one(store).await.lease, "").await.unwrap();
    assert!(store.discard(id).await.unwrap());
    assert!(!store.discard(id).await.unwrap());
    assert!(store.inspect(id).await.unwrap().is_none());
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.dead, counts.waiting, counts.bytes), (0, 1, 1));
    assert_eq!(one(store).await.entry.id, behind);
    // Its key is free.
    assert_ne!(put(store, entry()).await, id);
}

pub async fn nothing_is_done_to_a_task_that_is_not_there(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let id = TaskId::new(SystemTime::now());
    assert!(store.inspect(id).await.unwrap().is_none());
    assert!(!store.retry(id).await.unwrap());
    assert!(!store.remove(id).await.unwrap());
    assert!(!store.discard(id).await.unwrap());
    for token in [0, 1, u64::MAX] {
        let lease = &buttress_queue::Lease::new(id, token);
        lost(store.renew(lease, MINUTE)).await;
        lost(store.finish(lease, Bytes::new())).await;
        lost(store.bury(lease, "")).await;
        lost(store.postpone(lease, MINUTE, true, "")).await;
    }
    assert_eq!(store.counts().await.unwrap(), Default::default());
    let swept = store.sweep().await.unwrap();
    assert_eq!((swept.buried, swept.removed), (0, 0));
}

pub async fn ten_megabytes_are_a_task_like_any_other(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let payload = vec![b'x'; 10 << 20];
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(put(store, Entry::new(payload.clone())).await);
    }
    let mut found = Vec::new();
    while found.len() < 5 {
        // However many fit into one answer.
        let claimed = store.claim("w", 5, MINUTE).await.unwrap();
        assert!(!claimed.is_empty());
        for claimed in claimed {
            assert!(claimed.entry.payload == payload);
            store
                .finish(&claimed.lease, payload.clone().into())
                .await
                .unwrap();
            found.push(claimed.entry.id);
        }
    }
    assert_eq!(found, ids);
    let record = store.inspect(ids[0]).await.unwrap().unwrap();
    assert!(record.result.unwrap() == payload);
    assert_eq!(store.counts().await.unwrap().bytes, 0);
}

pub async fn what_is_in_a_queue_is_there_when_it_is_opened_again(engine: &impl Engine) {
    let store = engine.open(Settings::new()).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(put(&*store, Entry::new("x")).await);
    }
    let claimed = store.claim("w", 3, MINUTE).await.unwrap();
    store.finish(&claimed[0].lease, "r".into()).await.unwrap();
    store.bury(&claimed[1].lease, "no").await.unwrap();
    drop(store);
    let store = &*engine.open(Settings::new()).await;
    let expected = [State::Done, State::Dead, State::Leased, State::Waiting];
    for (id, expected) in ids.into_iter().zip(expected) {
        assert_eq!(state(store, id).await, Some(expected));
    }
    store.finish(&claimed[2].lease, Bytes::new()).await.unwrap();
}
