//! What a Redis server that flushes its log every second may lose when it is killed.

use crate::redis_server::RedisServer;
use buttress_queue::{Entry, RedisStore, Settings, Store, TaskId};
use futures_util::{StreamExt, stream};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{task::JoinSet, time::sleep};

/// While a flush takes its time, the server answers before it has written, for two seconds at
/// most; by its clock, that counts whole ones.
const WRITTEN_WITHIN: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn with_everysec_a_server_that_is_killed_loses_the_last_seconds_at_most() {
    let mut server = RedisServer::start(&["--appendfsync", "everysec"]);
    let store = RedisStore::connect(&server.url(), Settings::new()).await;
    let store = Arc::new(store.expect("it is there"));
    let (mut kept, mut lost) = (0, 0);
    for round in 0..crate::setting("BUTTRESS_SERVER_KILLS", 4) {
        let mut callers = JoinSet::new();
        for _ in 0..16 {
            let store = Arc::clone(&store);
            callers.spawn(async move {
                let mut kept: Vec<(TaskId, SystemTime)> = Vec::new();
                // Until it is gone.
                while let Ok(enqueued) = store.enqueue(Entry::new(vec![b'x'; 4000])).await {
                    kept.push((enqueued.id, SystemTime::now()));
                }
                kept
            });
        }
        sleep(Duration::from_millis(1500 + 173 * (round % 7))).await;
        let killed = SystemTime::now();
        server.kill();
        let acknowledged = callers.join_all().await;
        server.restart();
        while store.counts().await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
        let looks = acknowledged.into_iter().flatten().map(async |(id, at)| {
            let found = store.inspect(id).await.expect("it is there");
            (at, found.is_some())
        });
        let mut looks = stream::iter(looks).buffer_unordered(64);
        while let Some((at, is_there)) = looks.next().await {
            kept += 1;
            if !is_there {
                lost += 1;
                let age = killed.duration_since(at).unwrap_or_default();
                assert!(
                    age < WRITTEN_WITHIN,
                    "lost {age:?} after it was acknowledged"
                );
            }
        }
        server.say(&[b"FLUSHALL"]);
    }
    println!("redis, everysec: {kept} acknowledged, {lost} lost with the server");
    assert!(kept > 1000);
}
