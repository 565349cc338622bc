use super::*;
use bytes::Bytes;
use std::time::SystemTime;

const HOUR: Duration = Duration::from_secs(3600);

/// What is swept in all.
async fn swept(store: &dyn Store) -> (u64, u64) {
    let (mut buried, mut removed) = (0, 0);
    loop {
        let swept = store.sweep().await.unwrap();
        if swept == Default::default() {
            return (buried, removed);
        }
        buried += swept.buried;
        removed += swept.removed;
    }
}

fn old() -> Entry {
    Entry::new("x").queued_at(SystemTime::now() - HOUR * 2)
}

pub async fn what_is_too_old_becomes_a_dead_letter(engine: &impl Engine) {
    let mut settings = Settings::new();
    settings.max_age = HOUR;
    let store = &*engine.open(settings).await;
    let later = put(store, old()).await;
    let lease = one(store).await.lease;
    store.postpone(&lease, MINUTE, true, "").await.unwrap();
    let waiting = put(store, old().session("s")).await;
    let behind = put(store, old().session("s")).await;
    let young = put(store, Entry::new("x").session("s")).await;
    assert_eq!(swept(store).await, (3, 0));
    counted(store, [1, 0, 0, 0, 3]).await;
    for id in [later, waiting, behind] {
        let record = store.inspect(id).await.unwrap().unwrap();
        assert_eq!(record.reason.as_deref(), Some("too old"));
        assert!(record.payload.is_some());
    }
    let claimed = one(store).await;
    assert_eq!(claimed.entry.id, young);
    none(store).await;
    // Queued again, it is young.
    assert!(store.retry(later).await.unwrap());
    assert_eq!(swept(store).await, (0, 0));
    assert_eq!(one(store).await.entry.id, later);
}

pub async fn what_is_leased_is_not_too_old(engine: &impl Engine) {
    let mut settings = Settings::new();
    settings.max_age = HOUR;
    let store = &*engine.open(settings).await;
    put(store, old().session("s")).await;
    put(store, old().session("s")).await;
    let claimed = one(store).await;
    assert_eq!(swept(store).await, (1, 0));
    counted(store, [0, 0, 1, 0, 1]).await;
    store
        .postpone(&claimed.lease, Duration::ZERO, true, "")
        .await
        .unwrap();
    assert_eq!(swept(store).await, (1, 0));
    none(store).await;
}

pub async fn what_was_kept_long_enough_is_gone(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let done = put(store, Entry::new("x").key("k")).await;
    let dead = put(store, Entry::new("x").key("K")).await;
    let open = put(store, Entry::new("x")).await;
    let claimed = store.claim("w", 2, MINUTE).await.unwrap();
    store.finish(&claimed[0].lease, Bytes::new()).await.unwrap();
    store.bury(&claimed[1].lease, "").await.unwrap();
    assert_eq!(swept(store).await, (0, 0));
    let mut settings = Settings::new();
    settings.keep_results = Duration::ZERO;
    let results = &*engine.open(settings.clone()).await;
    assert_eq!(swept(results).await, (0, 1));
    assert_eq!(state(store, done).await, None);
    assert_eq!(state(store, dead).await, Some(State::Dead));
    settings.keep_dead = Duration::ZERO;
    let both = &*engine.open(settings).await;
    assert_eq!(swept(both).await, (0, 1));
    assert_eq!(state(store, dead).await, None);
    assert_eq!(state(store, open).await, Some(State::Waiting));
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.bytes, counts.waiting), (1, 1));
    // So are their keys.
    put(store, Entry::new("x").key("k")).await;
    put(store, Entry::new("x").key("K")).await;
}

pub async fn many_are_swept_bit_by_bit(engine: &impl Engine) {
    let mut settings = Settings::new();
    settings.max_age = HOUR;
    let store = engine.open(settings.clone()).await;
    let mut callers = tokio::task::JoinSet::new();
    for task in 0..700 {
        let store = Arc::clone(&store);
        let entry = old();
        let entry = if task % 2 == 0 {
            entry.session("s")
        } else {
            entry
        };
        callers.spawn(async move { put(&*store, entry).await });
    }
    callers.join_all().await;
    assert_eq!(swept(&*store).await, (700, 0));
    counted(&*store, [0, 0, 0, 0, 700]).await;
    settings.keep_dead = Duration::ZERO;
    let store = engine.open(settings).await;
    later().await;
    assert_eq!(swept(&*store).await, (0, 700));
    assert_eq!(store.counts().await.unwrap(), Default::default());
}
