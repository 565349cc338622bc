//! How a task goes from one state into another.

use super::{
    Queue,
    rows::{id_of, number},
    schema::{BEHIND, DEAD, WAITING},
};
use crate::{Enqueued, Entry, Lease, StoreError, TaskId, entry::millis};
use buttress_store::sqlite::rusqlite::{self, Connection, OptionalExtension};
use std::time::Duration;

/// The longest that a lease is held, or a task is put off, at a time. What seems to be later than
/// that is due: the clock was set back.
pub(super) const LONGEST: i64 = 86_400_000;

/// The time so long from now.
pub(super) fn later(now: i64, wait: Duration) -> i64 {
    let wait = i64::try_from(wait.as_millis()).unwrap_or(LONGEST);
    now.saturating_add(wait.min(LONGEST))
}

pub(super) fn enqueue(
    connection: &Connection,
    queue: &Queue,
    entry: &Entry,
) -> Result<Enqueued, StoreError> {
    let sql = &queue.sql;
    if let Some(key) = &entry.key {
        let mut by_key = connection.prepare_cached(&sql.by_key)?;
        let known = by_key.query_row([key], |row| Ok((id_of(row, 0)?, row.get(1)?)));
        match known.optional()? {
            // If this one is refused then, all of this is undone.
            Some((id, DEAD)) if id != entry.id => remove(connection, queue, id).map(drop)?,
            Some((id, _)) => return Ok(Enqueued::new(id, false)),
            None => {}
        }
    }
    has_room(connection, queue, entry.payload.len())?;
    let state = match &entry.session {
        Some(session) if has_open(connection, queue, session)? => BEHIND,
        _ => WAITING,
    };
    let row = (
        &entry.id.to_bytes()[..],
        state,
        queue.now(),
        &entry.session,
        &entry.key,
        millis(entry.queued_at),
        number(entry.payload.len()),
        &entry.payload[..],
        entry.lane.as_deref().unwrap_or_default(),
    );
    let added = connection.prepare_cached(&sql.insert)?.execute(row)?;
    Ok(Enqueued::new(entry.id, added == 1))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "limits, which need not be exact beyond 2^52"
)]
fn has_room(connection: &Connection, queue: &Queue, bytes: usize) -> Result<(), StoreError> {
    let mut held = connection.prepare_cached(&queue.sql.held)?;
    let total = |row: &rusqlite::Row<'_>| Ok((row.get::<_, f64>(0)?, row.get::<_, f64>(1)?));
    let (tasks, taken) = held.query_row([], total)?;
    if tasks >= queue.settings.max_tasks as f64 {
        return Err(StoreError::Full("the most tasks that it may have"));
    }
    if taken + bytes as f64 > queue.settings.max_bytes as f64 {
        return Err(StoreError::Full("the most bytes that it may have"));
    }
    Ok(())
}

fn has_open(connection: &Connection, queue: &Queue, session: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(&queue.sql.has_open)?
        .exists([session])
}

pub(super) fn finish(
    connection: &Connection,
    queue: &Queue,
    lease: &Lease,
    result: &[u8],
) -> Result<(), StoreError> {
    let mut finish = connection.prepare_cached(&queue.sql.finish)?;
    let (id, token) = (lease.id.to_bytes(), token(lease)?);
    let ended = finish.query_row((&id[..], token, queue.now(), result), |row| row.get(0));
    let session: Option<String> = ended.optional()?.ok_or(StoreError::Lost)?;
    move_up(connection, queue, session.as_deref())
}

pub(super) fn postpone(
    connection: &Connection,
    queue: &Queue,
    lease: &Lease,
    wait: Duration,
    counts: bool,
    reason: &str,
) -> Result<(), StoreError> {
    let mut postpone = connection.prepare_cached(&queue.sql.postpone)?;
    let (id, due_at) = (lease.id.to_bytes(), later(queue.now(), wait));
    let row = (&id[..], token(lease)?, due_at, reason, i64::from(!counts));
    held(postpone.execute(row)?)
}

pub(super) fn bury(
    connection: &Connection,
    queue: &Queue,
    lease: &Lease,
    reason: &str,
) -> Result<(), StoreError> {
    let mut bury = connection.prepare_cached(&queue.sql.bury)?;
    let (id, token) = (lease.id.to_bytes(), token(lease)?);
    let ended = bury.query_row((&id[..], token, queue.now(), reason), |row| row.get(0));
    let session: Option<String> = ended.optional()?.ok_or(StoreError::Lost)?;
    move_up(connection, queue, session.as_deref())
}

/// Gives up a task that nobody holds.
pub(super) fn bury_any(
    connection: &Connection,
    queue: &Queue,
    seq: i64,
    reason: &str,
) -> Result<(), StoreError> {
    let mut bury = connection.prepare_cached(&queue.sql.bury_any)?;
    let session: Option<String> = bury.query_row((seq, queue.now(), reason), |row| row.get(0))?;
    move_up(connection, queue, session.as_deref())
}

pub(super) fn retry(
    connection: &Connection,
    queue: &Queue,
    id: TaskId,
) -> Result<bool, StoreError> {
    let (bytes, now) = (id.to_bytes(), queue.now());
    let mut hurry = connection.prepare_cached(&queue.sql.hurry)?;
    if hurry.execute((&bytes[..], now))? == 1 {
        return Ok(true);
    }
    let mut session = connection.prepare_cached(&queue.sql.one)?;
    let session = session
        .query_row([&bytes[..]], |row| row.get(1))
        .optional()?;
    let Some(session): Option<Option<String>> = session else {
        return Ok(false);
    };
    let state = match session {
        Some(session) if has_open(connection, queue, &session)? => BEHIND,
        _ => WAITING,
    };
    let mut revive = connection.prepare_cached(&queue.sql.revive)?;
    Ok(revive.execute((&bytes[..], now, state))? == 1)
}

pub(super) fn remove(
    connection: &Connection,
    queue: &Queue,
    id: TaskId,
) -> Result<bool, StoreError> {
    let mut remove = connection.prepare_cached(&queue.sql.remove)?;
    let bytes = id.to_bytes();
    let removed = remove
        .query_row([&bytes[..]], |row| row.get(0))
        .optional()?;
    let Some(session): Option<Option<String>> = removed else {
        return Ok(false);
    };
    move_up(connection, queue, session.as_deref())?;
    Ok(true)
}

pub(super) fn discard(
    connection: &Connection,
    queue: &Queue,
    id: TaskId,
) -> Result<bool, StoreError> {
    let mut discard = connection.prepare_cached(&queue.sql.discard)?;
    // Nobody stands behind it.
    Ok(discard.execute([&id.to_bytes()[..]])? == 1)
}

/// The next of a session may be given out, unless there is one that was before it.
fn move_up(
    connection: &Connection,
    queue: &Queue,
    session: Option<&str>,
) -> Result<(), StoreError> {
    if let Some(session) = session {
        let mut move_up = connection.prepare_cached(&queue.sql.move_up)?;
        move_up.execute((session, queue.now()))?;
    }
    Ok(())
}

pub(super) fn token(lease: &Lease) -> Result<i64, StoreError> {
    // One that was never given out can't be held.
    i64::try_from(lease.token).map_err(|_| StoreError::Lost)
}

/// A lease that was held changed one task.
pub(super) const fn held(changed: usize) -> Result<(), StoreError> {
    match changed {
        0 => Err(StoreError::Lost),
        _ => Ok(()),
    }
}
