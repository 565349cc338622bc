//! What time does to tasks.

use super::{
    Queue,
    change::bury_any,
    schema::{DEAD, DONE},
};
use crate::{StoreError, Swept};
use buttress_store::sqlite::rusqlite::{self, Connection};
use std::time::Duration;

/// So many at a time, so that nobody who wants to write waits for long.
const MOST: i64 = 256;

pub(super) fn sweep(connection: &Connection, queue: &Queue) -> Result<Swept, StoreError> {
    let now = queue.now();
    let before =
        |span: Duration| now.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX));
    let settings = &queue.settings;
    let mut too_old = connection.prepare_cached(&queue.sql.too_old)?;
    let found = too_old.query_map((before(settings.max_age), MOST), |row| row.get(0))?;
    let found: Vec<i64> = found.collect::<rusqlite::Result<_>>()?;
    for seq in &found {
        bury_any(connection, queue, *seq, "too old")?;
    }
    let mut removed = 0;
    for (state, keep) in [(DONE, settings.keep_results), (DEAD, settings.keep_dead)] {
        let mut kept_enough = connection.prepare_cached(&queue.sql.kept_enough)?;
        removed += kept_enough.execute((state, before(keep), MOST))?;
    }
    Ok(Swept::new(found.len() as u64, removed as u64))
}
