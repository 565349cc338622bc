//! The queue in a real Redis server.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod contract;
mod redis_server;

use buttress_queue::{Entry, RedisStore, Settings, Store};
use redis_server::RedisServer;
use std::{
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

static QUEUES: AtomicU32 = AtomicU32::new(0);

/// A queue of its own in a server that all tests share.
struct Redis {
    server: Arc<RedisServer>,
    queue: String,
}

impl contract::Engine for Redis {
    const SEQUENCES: u32 = 150;

    async fn new() -> Self {
        static SERVER: Mutex<Weak<RedisServer>> = Mutex::new(Weak::new());
        let mut shared = SERVER.lock().unwrap();
        let server = shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(RedisServer::start(&[]));
            *shared = Arc::downgrade(&server);
            server
        });
        let queue = format!("queue-{}", QUEUES.fetch_add(1, Ordering::Relaxed));
        Self { server, queue }
    }

    async fn open(&self, settings: Settings) -> Arc<dyn Store> {
        let settings = settings.name(&self.queue);
        Arc::new(
            RedisStore::connect(&self.server.url(), settings)
                .await
                .unwrap(),
        )
    }
}

contract!(Redis);

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_holds_no_more_than_fits_into_memory() {
    use contract::Engine;

    let engine = Redis::new().await;
    let store = engine.open(Settings::new()).await;
    for _ in 0..6 {
        let entry = Entry::new(vec![b'x'; 10 << 20]);
        store.enqueue(entry).await.unwrap();
    }
    for given in [4, 2, 0] {
        let claimed = store.claim("w", 100, contract::MINUTE).await.unwrap();
        assert_eq!(claimed.len(), given);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_kept_of_a_lane_that_is_empty() {
    use contract::Engine;

    let engine = Redis::new().await;
    let store = engine.open(Settings::new()).await;
    let keys = |pattern: &str| {
        let pattern = format!("{{{}}}:{pattern}", engine.queue);
        let count = b"return #redis.call('KEYS', ARGV[1])";
        engine
            .server
            .say(&[b"EVAL", count, b"0", pattern.as_bytes()])
    };
    let fields = || {
        let meta = format!("{{{}}}:meta", engine.queue);
        engine.server.say(&[b"HLEN", meta.as_bytes()])
    };
    let done = async |lane: String| {
        store.enqueue(Entry::new("x").lane(lane)).await.unwrap();
        let claimed = contract::one(&*store).await;
        store.finish(&claimed.lease, "".into()).await.unwrap();
    };
    done("first".to_owned()).await;
    let before = (keys("ready*"), keys("gaps*"), fields());
    for lane in 0..20 {
        done(lane.to_string()).await;
        // One that is taken out before it was read.
        let entry = Entry::new("x").lane(lane.to_string());
        let id = store.enqueue(entry).await.unwrap().id;
        assert!(store.remove(id).await.unwrap());
    }
    assert_eq!((keys("ready*"), keys("gaps*"), fields()), before);
    assert_eq!(keys("ready*"), ":0");
}

/// One in a cluster of one, where a script may use the keys of one slot only.
struct Cluster(Redis);

impl contract::Engine for Cluster {
    const SEQUENCES: u32 = 20;

    async fn new() -> Self {
        static SERVER: Mutex<Weak<RedisServer>> = Mutex::new(Weak::new());
        let mut shared = SERVER.lock().unwrap();
        let server = shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(RedisServer::start(&["--cluster-enabled", "yes"]));
            let added = server.say(&[b"CLUSTER", b"ADDSLOTSRANGE", b"0", b"16383"]);
            assert_eq!(added, "+OK");
            while server.say(&[b"SET", b"a", b"b"]) != "+OK" {
                thread::sleep(Duration::from_millis(20));
            }
            *shared = Arc::downgrade(&server);
            server
        });
        let queue = format!("queue-{}", QUEUES.fetch_add(1, Ordering::Relaxed));
        Self(Redis { server, queue })
    }

    async fn open(&self, settings: Settings) -> Arc<dyn Store> {
        self.0.open(settings).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_keys_are_in_one_slot_of_a_cluster() {
    use contract::Engine;

    let cluster = Cluster::new().await;
    contract::any_sequence_does_what_a_model_does(&cluster).await;
    contract::what_was_kept_long_enough_is_gone(&Cluster::new().await).await;
    let store = cluster.open(Settings::new()).await;
    let list = cluster.0.queue.as_bytes();
    let server = &cluster.0.server;
    assert_eq!(server.say(&[b"RPUSH", list, b"{\"messages\": []}"]), ":1");
    assert_eq!(
        store.claim("w", 1, contract::MINUTE).await.unwrap().len(),
        1
    );
}
