//! Leases: how they are taken, and held.

use super::{
    Queue,
    change::{LONGEST, bury_any, held, later, token},
    rows::{id_of, number},
};
use crate::{Claimed, Entry, Lease, StoreError, entry::time, lanes::Wanted};
use buttress_store::sqlite::rusqlite::{self, Connection, Row};
use std::time::Duration;

/// So many lanes are looked at beyond those that are named.
const MOST_LANES: usize = 256;

/// A task that may be given out: when it was due, its number, how often it was given out, its lane.
type Found = (i64, i64, u32, String);

pub(super) fn claim(
    connection: &Connection,
    queue: &Queue,
    mut wanted: Wanted<'_>,
    worker: &str,
    lease: Duration,
) -> Result<Vec<Claimed>, StoreError> {
    let mut claimed = Vec::new();
    // What was begun already is finished first.
    for which in [ran_out, due] {
        while !wanted.is_over() {
            // A task that moves up as one is buried is due then, and not before.
            let now = queue.now();
            let mut any = false;
            for (_, seq, deliveries, lane) in which(connection, queue, &wanted, now)? {
                if wanted.of(&lane) == 0 {
                    continue;
                }
                any = true;
                if deliveries >= queue.settings.max_deliveries {
                    bury_any(connection, queue, seq, "delivered too often")?;
                    continue;
                }
                let mut take = connection.prepare_cached(&queue.sql.lease)?;
                let row = (seq, later(now, lease), worker);
                claimed.push(take.query_row(row, taken)?);
                wanted.took(&lane);
            }
            if !any {
                break;
            }
        }
    }
    Ok(claimed)
}

/// Those whose lease has run out: no more than workers had.
fn ran_out(
    connection: &Connection,
    queue: &Queue,
    _: &Wanted<'_>,
    now: i64,
) -> rusqlite::Result<Vec<Found>> {
    let mut ran_out = connection.prepare_cached(&queue.sql.ran_out)?;
    let found = ran_out.query_map((now, now.saturating_add(LONGEST)), |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    found.collect()
}

/// Those that are due: the first ones of all lanes of which any are wanted, in their order.
fn due(
    connection: &Connection,
    queue: &Queue,
    wanted: &Wanted<'_>,
    now: i64,
) -> rusqlite::Result<Vec<Found>> {
    let mut lanes = connection.prepare_cached(&queue.sql.lanes)?;
    let mut due = connection.prepare_cached(&queue.sql.due)?;
    let most = number(wanted.named() + MOST_LANES);
    let mut found = Vec::new();
    for lane in lanes.query_map([most], |row| row.get(0))? {
        let lane: String = lane?;
        let most = number(wanted.of(&lane));
        if most == 0 {
            continue;
        }
        let row = (now, now.saturating_add(LONGEST), most, &lane);
        let of_lane = due.query_map(row, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, lane.clone()))
        })?;
        for task in of_lane {
            found.push(task?);
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn taken(row: &Row<'_>) -> rusqlite::Result<Claimed> {
    let id = id_of(row, 0)?;
    let payload: Vec<u8> = row.get(4)?;
    let entry = Entry {
        id,
        session: row.get(1)?,
        lane: Some(row.get(7)?).filter(|lane: &String| !lane.is_empty()),
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
