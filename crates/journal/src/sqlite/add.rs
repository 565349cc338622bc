//! How records come, and how they go.

use super::{
    look::is_changed,
    rows::{millis, number},
};
use crate::{Entry, StoreError};
use buttress_store::sqlite::rusqlite::{Connection, OptionalExtension};

/// A session, as far as it counts when one more record comes.
struct Session {
    id: i64,
    records: u64,
    bytes: u64,
    branch: u32,
}

pub(super) fn add(
    connection: &Connection,
    entry: &Entry,
    (max_records, max_bytes): (u64, u64),
) -> Result<u32, StoreError> {
    let key = &entry.key;
    let at = millis(entry.at);
    let mut session = open(connection, &key.session, at)?;
    let (given, step) = (key.step.is_given(), number(key.step.number()));
    let digest = &key.digest.as_bytes()[..];
    let mut nth = key.nth;
    if entry.again {
        let mut count = connection.prepare_cached(
            "SELECT COUNT(*) FROM agent_journal
            WHERE session = ?1 AND given = ?2 AND step = ?3 AND digest = ?4",
        )?;
        nth = count.query_row((session.id, given, step, digest), |row| row.get(0))?;
    }
    let mut there = connection.prepare_cached(
        "SELECT number, bytes FROM agent_journal
        WHERE session = ?1 AND given = ?2 AND step = ?3 AND digest = ?4 AND nth = ?5",
    )?;
    let there = there.query_row((session.id, given, step, digest, nth), |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
    });
    match there.optional()? {
        Some((there, bytes)) if entry.replaces => {
            let mut delete =
                connection.prepare_cached("DELETE FROM agent_journal WHERE number = ?1")?;
            delete.execute([there])?;
            session.records = session.records.saturating_sub(1);
            session.bytes = session.bytes.saturating_sub(bytes);
        }
        Some(_) => return Ok(nth),
        None => {}
    }
    let bytes = entry.bytes() as u64;
    if session.records >= max_records {
        return Err(StoreError::Full("the most records of a session"));
    }
    if session.bytes.saturating_add(bytes) > max_bytes {
        return Err(StoreError::Full("the most bytes of a session"));
    }
    let changed = is_changed(connection, key)?;
    session.branch += u32::from(changed);
    let about = &entry.about;
    connection
        .prepare_cached(
            "INSERT INTO agent_journal (session, given, step, digest, nth, branch, recorded_at,
                model, route, input, output, streamed, bytes, request, answer)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?
        .execute((
            session.id,
            given,
            step,
            digest,
            nth,
            session.branch,
            at,
            about.model.as_deref(),
            about.route.as_deref(),
            about.input.map(number),
            about.output.map(number),
            entry.streamed,
            number(bytes),
            entry.request.as_deref(),
            &entry.answer[..],
        ))?;
    connection
        .prepare_cached(
            "UPDATE agent_journal_sessions SET last_at = MAX(last_at, ?2), records = ?3,
                bytes = ?4, branch = ?5, since = CASE WHEN ?6 THEN ?7 ELSE since END
            WHERE id = ?1",
        )?
        .execute((
            session.id,
            at,
            number(session.records + 1),
            number(session.bytes + bytes),
            session.branch,
            changed,
            step,
        ))?;
    Ok(nth)
}

fn open(connection: &Connection, name: &str, at: i64) -> Result<Session, StoreError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO agent_journal_sessions (name, first_at, last_at) VALUES (?1, ?2, ?2)
        ON CONFLICT (name) DO NOTHING",
    )?;
    insert.execute((name, at))?;
    let mut session = connection.prepare_cached(
        "SELECT id, records, bytes, branch FROM agent_journal_sessions WHERE name = ?1",
    )?;
    let session = session.query_row([name], |row| {
        Ok(Session {
            id: row.get(0)?,
            records: row.get::<_, i64>(1)?.cast_unsigned(),
            bytes: row.get::<_, i64>(2)?.cast_unsigned(),
            branch: row.get(3)?,
        })
    });
    Ok(session?)
}

pub(super) fn remove(connection: &Connection, name: &str) -> Result<bool, StoreError> {
    connection
        .prepare_cached(
            "DELETE FROM agent_journal
            WHERE session = (SELECT id FROM agent_journal_sessions WHERE name = ?1)",
        )?
        .execute([name])?;
    let removed = connection
        .prepare_cached("DELETE FROM agent_journal_sessions WHERE name = ?1")?
        .execute([name])?;
    Ok(removed > 0)
}

/// So many records at a time, so that nobody who wants to write waits for long.
const MOST: usize = 256;

pub(super) fn sweep(connection: &Connection, before: i64) -> Result<u64, StoreError> {
    let mut oldest = connection.prepare_cached(
        "SELECT id FROM agent_journal_sessions WHERE last_at <= ?1 ORDER BY last_at LIMIT 1",
    )?;
    let mut delete = connection.prepare_cached(
        "DELETE FROM agent_journal WHERE number IN
            (SELECT number FROM agent_journal WHERE session = ?1 ORDER BY number LIMIT ?2)",
    )?;
    let mut end = connection.prepare_cached("DELETE FROM agent_journal_sessions WHERE id = ?1")?;
    let mut removed = 0;
    while removed < MOST {
        let session = oldest.query_row([before], |row| row.get::<_, i64>(0));
        let Some(session) = session.optional()? else {
            break;
        };
        let left = MOST - removed;
        let deleted = delete.execute((session, left as i64))?;
        removed += deleted;
        if deleted < left {
            end.execute([session])?;
        } else {
            break;
        }
    }
    Ok(removed as u64)
}
