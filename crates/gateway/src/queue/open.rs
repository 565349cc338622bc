//! From the configuration to a queue.

use crate::{
    command::{BoxError, in_full},
    config::{self, StoreUrl},
};
use buttress_queue::{Queue, RedisStore, Seal, Settings, SqliteStore, Store};
use std::sync::Arc;

/// Opens the queue that is configured. `None` when none is.
pub(crate) async fn open(config: &config::Queue) -> Result<Option<Queue>, BoxError> {
    let Some(store) = &config.store else {
        return Ok(None);
    };
    let opened = open_store(store, settings(config)).await;
    let opened = opened.map_err(|error| format!("queue {store}: {}", in_full(&*error)))?;
    let queue = Queue::from(opened);
    Ok(Some(match &config.seal_keys {
        Some(keys) => queue.cipher(Seal::parse(keys.expose())?),
        None => queue,
    }))
}

async fn open_store(store: &StoreUrl, settings: Settings) -> Result<Arc<dyn Store>, BoxError> {
    match store {
        StoreUrl::Sqlite(path) => {
            let path = path.clone();
            let open = move || SqliteStore::open(path, settings);
            Ok(Arc::new(tokio::task::spawn_blocking(open).await??))
        }
        StoreUrl::Redis(url) => Ok(Arc::new(RedisStore::connect(url, settings).await?)),
    }
}

fn settings(config: &config::Queue) -> Settings {
    let mut settings = Settings::new().name(&config.name);
    settings.max_deliveries = config.max_deliveries;
    settings.max_tasks = config.max_tasks;
    settings.max_bytes = config.max_bytes as u64;
    settings.max_age = config.max_age;
    settings.keep_results = config.keep_results;
    settings.keep_dead = config.keep_dead;
    settings
}
