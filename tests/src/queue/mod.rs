//! Processes that work with one queue, and tell all that they do: what the proof that it loses
//! nothing is made of.

mod event;
mod job;
mod order;

pub use self::{
    event::{End, Event, What, now},
    job::{Job, Plan},
    order::{Death, Lane, Order, Role},
};

use buttress_queue::{RedisStore, Settings, SqliteStore, Store, StoreError};
use std::sync::Arc;

/// The queue at `sqlite:PATH` or `redis://…`.
///
/// # Errors
/// It can't be opened.
pub async fn open(url: &str, settings: Settings) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match url.strip_prefix("sqlite:") {
        Some(path) => Arc::new(SqliteStore::open(path, settings)?),
        None => Arc::new(RedisStore::connect(url, settings).await?),
    })
}
