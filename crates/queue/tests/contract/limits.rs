use super::*;
use bytes::Bytes;

async fn refused(store: &dyn Store, entry: Entry) {
    let id = entry.id;
    let before = store.counts().await.unwrap();
    let answer = store.enqueue(entry).await;
    assert!(matches!(answer, Err(StoreError::Full(_))), "{answer:?}");
    assert!(store.inspect(id).await.unwrap().is_none());
    assert_eq!(store.counts().await.unwrap(), before);
}

pub async fn no_more_tasks_than_may_be_are_kept(engine: &impl Engine) {
    let mut settings = Settings::new();
    settings.max_tasks = 3;
    let store = &*engine.open(settings).await;
    put(store, Entry::new("x").session("s")).await;
    put(store, Entry::new("x").session("s")).await;
    put(store, Entry::new("x")).await;
    refused(store, Entry::new("x")).await;
    refused(store, Entry::new("x").session("s").key("k")).await;
    let claimed = store.claim("w", 2, MINUTE).await.unwrap();
    refused(store, Entry::new("x")).await;
    // A dead letter counts, a result does not.
    store.bury(&claimed[0].lease, "").await.unwrap();
    refused(store, Entry::new("x")).await;
    store.finish(&claimed[1].lease, Bytes::new()).await.unwrap();
    put(store, Entry::new("x").key("k")).await;
    refused(store, Entry::new("x")).await;
    assert!(store.retry(claimed[0].entry.id).await.unwrap());
    refused(store, Entry::new("x")).await;
    assert!(store.remove(claimed[0].entry.id).await.unwrap());
    put(store, Entry::new("x")).await;
}

pub async fn no_more_bytes_than_may_be_are_kept(engine: &impl Engine) {
    let mut settings = Settings::new();
    settings.max_bytes = 10;
    let store = &*engine.open(settings).await;
    let id = put(store, Entry::new("1234567")).await;
    refused(store, Entry::new("1234")).await;
    put(store, Entry::new("123")).await;
    put(store, Entry::new("")).await;
    refused(store, Entry::new("1")).await;
    assert_eq!(store.counts().await.unwrap().bytes, 10);
    let lease = one(store).await.lease;
    assert_eq!(lease.id, id);
    refused(store, Entry::new("1")).await;
    store
        .finish(&lease, "as large as it may be".into())
        .await
        .unwrap();
    assert_eq!(store.counts().await.unwrap().bytes, 3);
    put(store, Entry::new("1234567")).await;
    store.bury(&one(store).await.lease, "").await.unwrap();
    assert_eq!(store.counts().await.unwrap().bytes, 10);
}

pub async fn a_task_is_no_larger_than_may_be(engine: &impl Engine) {
    let mut settings = Settings::new();
    settings.max_task_bytes = 10;
    let store = &*engine.open(settings).await;
    put(store, Entry::new("ten bytes!")).await;
    let large = store.enqueue(Entry::new("eleven byte")).await;
    assert!(
        matches!(
            large,
            Err(StoreError::TooLarge {
                bytes: 11,
                most: 10
            })
        ),
        "{large:?}"
    );
    counted(store, [1, 0, 0, 0, 0]).await;
}

pub async fn a_full_queue_still_knows_what_it_has(engine: &impl Engine) {
    let mut settings = Settings::new();
    settings.max_tasks = 1;
    let store = &*engine.open(settings).await;
    let id = put(store, Entry::new("x").key("k")).await;
    let again = store.enqueue(Entry::new("x").key("k")).await.unwrap();
    assert_eq!((again.id, again.new), (id, false));
    refused(store, Entry::new("x").key("other")).await;
}
