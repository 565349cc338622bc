//! The queue in an SQLite file.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod contract;

use buttress_queue::{Settings, SqliteStore, Store};
use std::sync::Arc;
use tempfile::TempDir;

struct Sqlite(TempDir);

impl contract::Engine for Sqlite {
    /// Each step waits for the disk.
    const SEQUENCES: u32 = 15;

    async fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    async fn open(&self, settings: Settings) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(self.0.path().join("queue.db"), settings).unwrap())
    }
}

contract!(Sqlite);
