//! Leases: how they are taken, and held.

use super::{
    Queue,
    change::{LONGEST, bury_any, held, later, token},
    rows::{id_of, number},
};
use crate::{Claimed, Entry, Lease, StoreError, entry::time};
use buttress_store::sqlite::rusqlite::{self, Connection, Row};
use std::time::Duration;

pub(super) fn claim(
    connection: &Connection,
    queue: &Queue,
    worker: &str,
    most: usize,
    lease: Duration,
) -> Result<Vec<Claimed>, StoreError> {
    let mut claimed = Vec::new();
    // What was begun already is finished first.
    for which in [&queue.sql.ran_out, &queue.sql.due] {
        while claimed.len() < most {
            // A task that moves up as one is buried is due then, and not before.
            let now = queue.now();
            let found = due(connection, which, now, most - claimed.len())?;
            if found.is_empty() {
                break;
            }
            for (seq, deliveries) in found {
                if deliveries >= queue.settings.max_deliveries {
                    bury_any(connection, queue, seq, "delivered too often")?;
                    continue;
                }
                let mut take = connection.prepare_cached(&queue.sql.lease)?;
                let row = (seq, later(now, lease), worker);
                claimed.push(take.query_row(row, taken)?);
            }
        }
    }
    Ok(claimed)
}

fn due(
    connection: &Connection,
    which: &str,
    now: i64,
    most: usize,
) -> rusqlite::Result<Vec<(i64, u32)>> {
    let mut due = connection.prepare_cached(which)?;
    let found = due.query_map((now, now.saturating_add(LONGEST), number(most)), |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    found.collect()
}

fn taken(row: &Row<'_>) -> rusqlite::Result<Claimed> {
    let id = id_of(row, 0)?;
    let payload: Vec<u8> = row.get(4)?;
    let entry = Entry {
        id,
        session: row.get(1)?,
        key: row.get(2)?,
        queued_at: time(row.get(3)?),
        payload: payload.into(),
    };
    let token: i64 = row.get(5)?;
    let lease = Lease::new(id, token.unsigned_abs());
    Ok(Claimed::new(entry, lease, row.get(6)?))
}

pub(super) fn renew(
    connection: &Connection,
    queue: &Queue,
    lease: &Lease,
    time: Duration,
) -> Result<(), StoreError> {
    let mut renew = connection.prepare_cached(&queue.sql.renew)?;
    let (id, until) = (lease.id.to_bytes(), later(queue.now(), time));
    held(renew.execute((&id[..], token(lease)?, until))?)
}
