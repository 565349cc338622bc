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
    store.bury(&one(store).await.lease, "").await.unwrap();
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
