use super::*;
use bytes::Bytes;
use std::time::{SystemTime, UNIX_EPOCH};

pub async fn each_state_is_told(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let entry = || Entry::new("xyz").session("s");
    let id = put(store, entry()).await;
    let behind = put(store, entry()).await;
    let look = async |id| store.inspect(id).await.unwrap().unwrap();
    let near = |time: Option<SystemTime>, to: SystemTime| {
        let time = time.unwrap();
        let off = time
            .duration_since(to)
            .unwrap_or_else(|before| before.duration());
        off < Duration::from_secs(20)
    };
    let now = SystemTime::now();

    let record = look(id).await;
    assert_eq!((record.id, record.state), (id, State::Waiting));
    assert_eq!((record.deliveries, record.bytes), (0, 3));
    assert!(near(record.due_at, now) && record.ended_at.is_none());
    assert_eq!((record.position, record.reason), (Some(0), None));
    assert_eq!(record.session.as_deref(), Some("s"));
    assert_eq!((record.payload, record.result), (Some("xyz".into()), None));

    let record = look(behind).await;
    assert_eq!(record.state, State::Behind);
    assert_eq!((record.due_at, record.position), (None, None));

    let lease = one(store).await.lease;
    let record = look(id).await;
    assert_eq!((record.state, record.deliveries), (State::Leased, 1));
    assert!(near(record.due_at, now + MINUTE));
    assert_eq!(record.position, None);
    store.renew(&lease, MINUTE * 3).await.unwrap();
    assert!(near(look(id).await.due_at, now + MINUTE * 3));

    store
        .postpone(&lease, MINUTE * 5, true, "why")
        .await
        .unwrap();
    let record = look(id).await;
    assert_eq!((record.state, record.deliveries), (State::Waiting, 1));
    assert!(near(record.due_at, now + MINUTE * 5));
    assert_eq!(record.reason.as_deref(), Some("why"));
    assert!(store.retry(id).await.unwrap());
    assert!(near(look(id).await.due_at, now));

    store
        .finish(&one(store).await.lease, "r".into())
        .await
        .unwrap();
    let record = look(id).await;
    assert_eq!((record.state, record.deliveries), (State::Done, 2));
    assert!(near(record.ended_at, now) && record.due_at.is_none());
    assert_eq!((record.payload, record.result), (None, Some("r".into())));

    assert_eq!(look(behind).await.state, State::Waiting);
    store.bury(&one(store).await.lease, "bad").await.unwrap();
    let record = look(behind).await;
    assert_eq!((record.state, record.bytes), (State::Dead, 3));
    assert!(near(record.ended_at, now) && record.due_at.is_none());
    assert_eq!(record.reason.as_deref(), Some("bad"));
    let debug = format!("{record:?} {store:?}");
    assert!(!debug.contains("xyz"), "{debug}");
}

pub async fn positions_are_exact(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let position = async |id| store.inspect(id).await.unwrap().unwrap().position;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(put(store, Entry::new("x")).await);
    }
    later().await;
    for (at, id) in ids.iter().enumerate() {
        assert_eq!(position(*id).await, Some(at as u64));
    }
    for gone in [3, 4, 19] {
        assert!(store.remove(ids[gone]).await.unwrap());
    }
    assert_eq!(position(ids[2]).await, Some(2));
    assert_eq!(position(ids[5]).await, Some(3));
    assert_eq!(position(ids[18]).await, Some(16));
    let claimed = store.claim("w", 4, MINUTE).await.unwrap();
    assert_eq!(claimed[3].entry.id, ids[5]);
    assert_eq!(position(ids[6]).await, Some(0));
    assert_eq!(position(ids[18]).await, Some(12));
    assert!(store.remove(ids[6]).await.unwrap());
    assert_eq!(position(ids[18]).await, Some(11));
    // One that comes again comes last, and one that waits comes later still.
    store
        .postpone(&claimed[0].lease, Duration::ZERO, true, "")
        .await
        .unwrap();
    assert_eq!(position(ids[0]).await, Some(12));
    later().await;
    store
        .postpone(&claimed[1].lease, MINUTE, true, "")
        .await
        .unwrap();
    assert_eq!(position(ids[1]).await, Some(13));
    store
        .postpone(&claimed[2].lease, MINUTE * 2, true, "")
        .await
        .unwrap();
    assert_eq!(position(ids[2]).await, Some(14));
    assert_eq!(position(ids[18]).await, Some(11));
}

pub async fn tasks_are_listed_page_by_page(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let mut ids = Vec::new();
    for (at, second) in [5, 1, 9, 3, 7, 7, 2].into_iter().enumerate() {
        let mut entry = Entry::new("abc").session(format!("s{at}"));
        entry.id = TaskId::new(UNIX_EPOCH + Duration::from_secs(second));
        ids.push(put(store, entry).await);
    }
    ids.sort();
    for most in [1, 2, 3, 7, 100] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = store.list(State::Waiting, after, most).await.unwrap();
            assert!(page.records.len() <= most);
            found.extend(page.records);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let names: Vec<_> = found.iter().map(|record| record.id).collect();
        assert_eq!(names, ids);
        assert!(
            found
                .iter()
                .all(|record| record.payload.is_none() && record.bytes == 3)
        );
        assert!(
            found
                .iter()
                .all(|record| record.session.is_some() && record.due_at.is_some())
        );
    }
    let none = store.list(State::Waiting, None, 0).await.unwrap();
    assert!(none.records.is_empty() && none.next.is_none());

    let claimed = store.claim("w", 3, MINUTE).await.unwrap();
    store.finish(&claimed[0].lease, "r".into()).await.unwrap();
    store.bury(&claimed[1].lease, "no").await.unwrap();
    put(store, Entry::new("x").session("s2")).await;
    for (state, tasks) in State::ALL.into_iter().zip([4, 1, 1, 1, 1]) {
        let page = store.list(state, None, 100).await.unwrap();
        assert_eq!(page.records.len(), tasks, "{state}");
        for record in page.records {
            assert_eq!(record.state, state);
            let whole = store.inspect(record.id).await.unwrap().unwrap();
            let told = |record: &buttress_queue::Record| {
                (
                    record.due_at,
                    record.ended_at,
                    record.deliveries,
                    record.reason.clone(),
                )
            };
            assert_eq!(told(&record), told(&whole));
            assert!(record.result.is_none() && record.position.is_none());
        }
    }
}

pub async fn the_oldest_that_is_open_is_told(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let at = |seconds: u64| UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds);
    let oldest = async || store.counts().await.unwrap().oldest;
    assert_eq!(oldest().await, None);
    for second in [2, 1, 3, 4] {
        let entry = Entry::new("x").session("s").queued_at(at(second));
        put(store, entry).await;
    }
    assert_eq!(oldest().await, Some(at(1)));
    for (second, expected) in [(2, Some(1)), (1, Some(3)), (3, Some(4)), (4, None)] {
        let claimed = one(store).await;
        assert_eq!(claimed.entry.queued_at, at(second));
        assert_eq!(oldest().await, Some(at(expected.unwrap_or(4).min(second))));
        if second == 1 {
            store.bury(&claimed.lease, "").await.unwrap();
        } else {
            store.finish(&claimed.lease, Bytes::new()).await.unwrap();
        }
        assert_eq!(oldest().await, expected.map(at));
    }
}
