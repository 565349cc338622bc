//! From the configuration to a journal.

use crate::{
    command::{BoxError, in_full},
    config::{self, StoreUrl},
    files::Files,
};
use buttress::journal::{
    JournalLayer, LlmJournal, OnChange, Records, RedisRecords, Sessions, Settings, SqliteRecords,
};
use buttress_queue::Seal;
use std::sync::Arc;

/// A journal, and the layer that records in it.
pub(crate) struct OpenJournal {
    pub(crate) sessions: Sessions,
    pub(crate) layer: JournalLayer<LlmJournal>,
}

/// Opens the journal that is configured. `None` when none is.
pub(crate) async fn open(
    config: &config::Journal,
    files: &mut Files,
) -> Result<Option<OpenJournal>, BoxError> {
    let Some(store) = &config.store else {
        return Ok(None);
    };
    let opened = open_store(store, files).await;
    let opened = opened.map_err(|error| format!("journal {store}: {}", in_full(&*error)))?;
    let mut settings = Settings::new();
    settings.max_age = config.max_age;
    settings.max_answer = config.max_answer;
    let sessions = Sessions::in_store(opened).settings(settings);
    let sessions = match &config.seal_keys {
        Some(keys) => sessions.cipher(Seal::parse(keys.expose())?),
        None => sessions,
    };
    let layer = JournalLayer::new(sessions.clone(), LlmJournal::new())
        .keep_requests(config.keep_requests)
        .on_change(match config.on_change {
            config::OnChange::Branch => OnChange::Branch,
            config::OnChange::Refuse => OnChange::Refuse,
        });
    Ok(Some(OpenJournal { sessions, layer }))
}

async fn open_store(store: &StoreUrl, files: &mut Files) -> Result<Arc<dyn Records>, BoxError> {
    match store {
        StoreUrl::Sqlite(path) => {
            let database = files.open(path).await?;
            Ok(Arc::new(SqliteRecords::new(database).await?))
        }
        StoreUrl::Redis(url) => Ok(Arc::new(RedisRecords::connect(url).await?)),
    }
}
