//! From the configuration to a queue.

use crate::{
    command::{BoxError, in_full},
    config::{self, StoreUrl},
    files::Files,
};
use buttress::replay::lane_of;
use buttress_queue::{Intake, Queue, RedisStore, Seal, Settings, SqliteStore, Store};
use std::{sync::Arc, time::Duration};

/// Opens the queue that is configured. `None` when none is.
pub(crate) async fn open(
    config: &config::Queue,
    files: &mut Files,
) -> Result<Option<Queue>, BoxError> {
    let Some(store) = &config.store else {
        return Ok(None);
    };
    let opened = open_store(store, settings(config), config.default_model.clone(), files).await;
    let opened = opened.map_err(|error| format!("queue {store}: {}", in_full(&*error)))?;
    let queue = Queue::from(opened);
    Ok(Some(match &config.seal_keys {
        Some(keys) => queue.cipher(Seal::parse(keys.expose())?),
        None => queue,
    }))
}

/// Opens the queue of what the webhook has to be told yet, in the same store. `None` when no queue
/// is configured.
pub(crate) async fn open_announcements(
    config: &config::Queue,
    files: &mut Files,
) -> Result<Option<Queue>, BoxError> {
    const DAY: Duration = Duration::from_secs(86_400);
    let Some(store) = &config.store else {
        return Ok(None);
    };
    // They are small, and go away by themselves: there is room for as many as there are tasks.
    let mut settings = Settings::new().name(format!("{}:webhooks", config.name));
    settings.max_tasks = 1_000_000_000_000;
    settings.max_bytes = 1 << 50;
    settings.max_deliveries = 1000;
    settings.max_age = 3 * DAY;
    settings.keep_results = DAY;
    settings.keep_dead = DAY;
    let opened = open_store(store, settings, None, files).await;
    let opened = opened.map_err(|error| format!("queue {store}: {}", in_full(&*error)))?;
    Ok(Some(Queue::from(opened)))
}

/// What other programs push is asked of this model, where it names none.
async fn open_store(
    store: &StoreUrl,
    settings: Settings,
    model: Option<String>,
    files: &mut Files,
) -> Result<Arc<dyn Store>, BoxError> {
    match store {
        StoreUrl::Sqlite(path) => {
            let database = files.open(path).await?;
            Ok(Arc::new(SqliteStore::new(database, settings).await?))
        }
        StoreUrl::Redis(url) => {
            let intake = Intake::in_lane(move |task| lane_of(task, model.as_deref()));
            let store = RedisStore::connect(url, settings).await?;
            Ok(Arc::new(store.intake(intake)))
        }
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
