//! The queue in a real Redis server.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod contract;
mod redis_server;

use buttress_queue::{RedisStore, Settings, Store};
use redis_server::RedisServer;
use std::sync::{
    Arc, Mutex, Weak,
    atomic::{AtomicU32, Ordering},
};

/// A queue of its own in a server that all tests share.
struct Redis {
    server: Arc<RedisServer>,
    queue: String,
}

impl contract::Engine for Redis {
    const SEQUENCES: u32 = 150;

    async fn new() -> Self {
        static SERVER: Mutex<Weak<RedisServer>> = Mutex::new(Weak::new());
        static QUEUES: AtomicU32 = AtomicU32::new(0);
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
