use super::*;
use bytes::Bytes;

pub async fn the_same_key_is_the_same_task_as_long_as_it_is_kept(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let entry = |text: &'static str| Entry::new(text).key("k");
    let id = put(store, entry("first")).await;
    let again = async || {
        let answer = store.enqueue(entry("second").session("s")).await.unwrap();
        assert_eq!((answer.id, answer.new), (id, false));
    };
    again().await;
    let claimed = one(store).await;
    assert_eq!(&claimed.entry.payload[..], b"first");
    again().await;
    store
        .postpone(&claimed.lease, MINUTE, true, "")
        .await
        .unwrap();
    again().await;
    store.retry(id).await.unwrap();
    store
        .finish(&one(store).await.lease, Bytes::new())
        .await
        .unwrap();
    again().await;
    none(store).await;
    counted(store, [0, 0, 0, 1, 0]).await;

    assert!(store.remove(id).await.unwrap());
    put(store, entry("third")).await;
    put(store, Entry::new("of another key").key("K")).await;
    put(store, Entry::new("of none")).await;
}

pub async fn a_task_that_is_enqueued_twice_is_there_once(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    // As by somebody who was not answered.
    let entry = Entry::new("x").session("s");
    put(store, entry.clone()).await;
    let again = async || {
        let answer = store.enqueue(entry.clone()).await.unwrap();
        assert_eq!((answer.id, answer.new), (entry.id, false));
    };
    again().await;
    counted(store, [1, 0, 0, 0, 0]).await;
    assert_eq!(store.counts().await.unwrap().bytes, 1);
    let lease = one(store).await.lease;
    again().await;
    store.finish(&lease, Bytes::new()).await.unwrap();
    again().await;
    counted(store, [0, 0, 0, 1, 0]).await;
}

pub async fn many_who_enqueue_the_same_key_at_once_store_one_task(engine: &impl Engine) {
    let store = engine.open(Settings::new()).await;
    let other = engine.open(Settings::new()).await;
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..50 {
        let store = Arc::clone(if caller % 2 == 0 { &store } else { &other });
        callers.spawn(async move { store.enqueue(Entry::new("x").key("k")).await.unwrap() });
    }
    let answers = callers.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.new).count(), 1);
    assert!(answers.iter().all(|answer| answer.id == answers[0].id));
    counted(&*store, [1, 0, 0, 0, 0]).await;
}

pub async fn a_dead_letter_gives_way_to_a_task_with_its_key(engine: &impl Engine) {
    let store = &*engine.open(Settings::new()).await;
    let first = Entry::new("first").key("k").session("s").lane("a");
    let id = put(store, first.clone()).await;
    let behind = put(store, Entry::new("x").session("s")).await;
    for _ in 0..2 {
        let lease = one(store).await.lease;
        store
            .postpone(&lease, Duration::ZERO, true, "")
            .await
            .unwrap();
    }
    store.bury(&one(store).await.lease, "bad").await.unwrap();
    // As by somebody who was not answered: it is the dead letter itself.
    let same = store.enqueue(first).await.unwrap();
    assert_eq!((same.id, same.new), (id, false));

    let second = Entry::new("the second").key("k").session("s");
    let new = put(store, second).await;
    assert_eq!(state(store, id).await, None);
    assert_eq!(state(store, new).await, Some(State::Behind));
    counted(store, [1, 1, 0, 0, 0]).await;
    assert_eq!(store.counts().await.unwrap().bytes, 11);
    // From here on it is known by its key.
    let third = store.enqueue(Entry::new("third").key("k")).await.unwrap();
    assert_eq!((third.id, third.new), (new, false));

    let claimed = one(store).await;
    assert_eq!(claimed.entry.id, behind);
    store.finish(&claimed.lease, Bytes::new()).await.unwrap();
    let claimed = one(store).await;
    assert_eq!((claimed.entry.id, claimed.deliveries), (new, 1));
    assert_eq!(&claimed.entry.payload[..], b"the second");
    assert_eq!(claimed.entry.lane, None);
    store.finish(&claimed.lease, Bytes::new()).await.unwrap();
    let done = store.enqueue(Entry::new("fourth").key("k")).await.unwrap();
    assert_eq!(
        (done.id, done.new),
        (new, false),
        "what is done is answered"
    );
}

pub async fn a_dead_letter_stays_if_there_is_no_room_for_another(engine: &impl Engine) {
    let mut settings = Settings::new();
    (settings.max_tasks, settings.max_bytes) = (2, 10);
    let store = &*engine.open(settings).await;
    let id = put(store, Entry::new("12345").key("k")).await;
    store.bury(&one(store).await.lease, "bad").await.unwrap();
    put(store, Entry::new("1234")).await;
    let large = store.enqueue(Entry::new("1234567").key("k")).await;
    assert!(matches!(large, Err(StoreError::Full(_))), "{large:?}");
    assert_eq!(state(store, id).await, Some(State::Dead));
    counted(store, [1, 0, 0, 0, 1]).await;
    // It makes room for what takes its place.
    put(store, Entry::new("123456").key("k")).await;
    counted(store, [2, 0, 0, 0, 0]).await;
    assert_eq!(store.counts().await.unwrap().bytes, 10);
}

pub async fn many_who_enqueue_the_key_of_a_dead_letter_store_one_task(engine: &impl Engine) {
    let store = engine.open(Settings::new()).await;
    let other = engine.open(Settings::new()).await;
    put(&*store, Entry::new("x").key("k")).await;
    store.bury(&one(&*store).await.lease, "").await.unwrap();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..50 {
        let store = Arc::clone(if caller % 2 == 0 { &store } else { &other });
        callers.spawn(async move { store.enqueue(Entry::new("x").key("k")).await.unwrap() });
    }
    let answers = callers.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.new).count(), 1);
    assert!(answers.iter().all(|answer| answer.id == answers[0].id));
    counted(&*store, [1, 0, 0, 0, 0]).await;
}
