use super::*;
use bytes::Bytes;
use std::collections::HashSet;

pub async fn a_lease_that_ran_out_is_taken_over_and_the_first_is_told(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let id = put(store, Entry::new("x")).await;
    let mut first = store.claim("a", 1, SHORT).await.unwrap();
    let first = first.remove(0);
    ran_out().await;
    let second = one(store).await;
    assert_eq!((second.entry.id, second.deliveries), (id, 2));
    assert_eq!(&second.entry.payload[..], b"x");
    none(store).await;
    lost(store.renew(&first.lease, MINUTE)).await;
    lost(store.postpone(&first.lease, MINUTE, true, "")).await;
    lost(store.bury(&first.lease, "")).await;
    lost(store.finish(&first.lease, Bytes::new())).await;
    store.renew(&second.lease, MINUTE).await.unwrap();
    store.finish(&second.lease, "2".into()).await.unwrap();
    lost(store.finish(&first.lease, "1".into())).await;
    let record = store.inspect(id).await.unwrap().unwrap();
    assert_eq!(record.result.as_deref(), Some(&b"2"[..]));
}

pub async fn a_lease_that_ran_out_is_still_held_if_nobody_took_over(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    put(store, Entry::new("x")).await;
    put(store, Entry::new("x")).await;
    let claimed = store.claim("a", 2, SHORT).await.unwrap();
    ran_out().await;
    store.renew(&claimed[0].lease, MINUTE).await.unwrap();
    store.finish(&claimed[1].lease, Bytes::new()).await.unwrap();
    none(store).await;
}

pub async fn a_lease_is_renewed_from_wherever_and_to_whatever(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let other = &*engine.open(Settings::new()).await;
    let a = put(store, Entry::new("a")).await;
    let b = put(store, Entry::new("b")).await;
    let claimed = store.claim("w", 2, SHORT).await.unwrap();
    let [longer, shorter] = &claimed[..] else {
        panic!("{claimed:?}");
    };
    assert_eq!((longer.entry.id, shorter.entry.id), (a, b));
    other.renew(&longer.lease, MINUTE).await.unwrap();
    other.renew(&shorter.lease, MINUTE).await.unwrap();
    ran_out().await;
    none(store).await;
    other.renew(&shorter.lease, SHORT).await.unwrap();
    ran_out().await;
    let taken = other.claim("v", 9, MINUTE).await.unwrap();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].entry.id, b);
    store.finish(&longer.lease, Bytes::new()).await.unwrap();
    lost(store.finish(&shorter.lease, Bytes::new())).await;
}

pub async fn an_ended_lease_is_lost(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    for end in ["finish", "bury", "postpone", "remove"] {
        let id = put(store, Entry::new("x")).await;
        let lease = one(store).await.lease;
        match end {
            "finish" => store.finish(&lease, Bytes::new()).await.unwrap(),
            "bury" => store.bury(&lease, "").await.unwrap(),
            "postpone" => store.postpone(&lease, MINUTE, true, "").await.unwrap(),
            _ => assert!(store.remove(id).await.unwrap()),
        }
        let before = store.counts().await.unwrap();
        lost(store.renew(&lease, MINUTE)).await;
        lost(store.finish(&lease, Bytes::new())).await;
        lost(store.bury(&lease, "")).await;
        lost(store.postpone(&lease, Duration::ZERO, true, "")).await;
        assert_eq!(store.counts().await.unwrap(), before, "{end}");
    }
}

pub async fn deliveries_count_unless_nothing_was_tried(engine: &impl Engine) {
    let mut settings = Settings::new();
    settings.max_deliveries = 2;
    let store = &*engine.open(settings).await;
    let id = put(store, Entry::new("x")).await;
    for (counts, deliveries) in [(false, 1), (false, 1), (true, 1), (false, 2), (false, 2)] {
        let claimed = one(store).await;
        assert_eq!(claimed.deliveries, deliveries);
        store
            .postpone(&claimed.lease, Duration::ZERO, counts, "")
            .await
            .unwrap();
    }
    assert_eq!(store.inspect(id).await.unwrap().unwrap().deliveries, 1);
}

pub async fn a_task_that_kills_its_workers_becomes_a_dead_letter(engine: &impl Engine) {
    let mut settings = Settings::new();
    settings.max_deliveries = 2;
    let store = &*engine.open(settings).await;
    let id = put(store, Entry::new("x").session("s")).await;
    let next = put(store, Entry::new("y").session("s")).await;
    for delivery in 1..=2 {
        let claimed = store.claim("w", 5, SHORT).await.unwrap();
        assert_eq!(claimed.len(), 1);
        assert_eq!((claimed[0].entry.id, claimed[0].deliveries), (id, delivery));
        ran_out().await;
    }
    // The one behind it is given out at once.
    assert_eq!(one(store).await.entry.id, next);
    let record = store.inspect(id).await.unwrap().unwrap();
    assert_eq!((record.state, record.deliveries), (State::Dead, 2));
    assert_eq!(record.reason.as_deref(), Some("delivered too often"));
    counted(store, [0, 0, 1, 0, 1]).await;
}

pub async fn a_task_that_was_postponed_too_often_becomes_a_dead_letter(engine: &impl Engine) {
    let mut settings = Settings::new();
    settings.max_deliveries = 1;
    let store = &*engine.open(settings).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(put(store, Entry::new("x")).await);
    }
    for claimed in store.claim("w", 9, MINUTE).await.unwrap() {
        store
            .postpone(&claimed.lease, Duration::ZERO, true, "no")
            .await
            .unwrap();
    }
    let fresh = put(store, Entry::new("fresh")).await;
    // Those that are not given out don't stand in the way.
    let found = loop {
        let claimed = store.claim("w", 1, MINUTE).await.unwrap();
        if let Some(claimed) = claimed.into_iter().next() {
            break claimed.entry.id;
        }
    };
    assert_eq!(found, fresh);
    for id in ids {
        assert_eq!(state(store, id).await, Some(State::Dead));
    }
}

pub async fn many_workers_share_the_tasks(engine: &impl Engine) {
    const TASKS: usize = 300;
    let store = engine.open(Settings::new()).await;
    let other = engine.open(Settings::new()).await;
    let mut callers = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let store = Arc::clone(&store);
        callers.spawn(async move {
            let session = format!("s{}", task % 40);
            put(&*store, Entry::new("x").session(session)).await
        });
    }
    let ids: HashSet<_> = callers.join_all().await.into_iter().collect();
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..8 {
        let store = Arc::clone(if worker % 2 == 0 { &store } else { &other });
        workers.spawn(async move {
            let name = format!("w{worker}");
            let mut done = Vec::new();
            loop {
                let claimed = store.claim(&name, 7, MINUTE).await.unwrap();
                if claimed.is_empty() && store.counts().await.unwrap().open() == 0 {
                    return done;
                }
                let mut sessions = HashSet::new();
                for claimed in claimed {
                    assert!(sessions.insert(claimed.entry.session.clone()));
                    assert_eq!(claimed.deliveries, 1);
                    store.finish(&claimed.lease, Bytes::new()).await.unwrap();
                    done.push(claimed.entry.id);
                }
            }
        });
    }
    let done: Vec<TaskId> = workers.join_all().await.into_iter().flatten().collect();
    assert_eq!(done.len(), TASKS);
    assert_eq!(done.into_iter().collect::<HashSet<_>>(), ids);
}
