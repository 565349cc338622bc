//! What is told of records.

use super::rows::{self, RECORD, SESSION, number};
use crate::{Found, Key, Page, Record, SessionInfo, StoreError};
use buttress_store::sqlite::rusqlite::{
    Connection, OptionalExtension,
    types::{ToSql, ToSqlOutput, Value},
};
use std::sync::Arc;

pub(super) fn find(connection: &Connection, key: &Key) -> Result<Found, StoreError> {
    let sql = format!(
        "SELECT {RECORD}, request, answer FROM agent_journal
        WHERE session = (SELECT id FROM agent_journal_sessions WHERE name = ?1)
            AND given = ?2 AND step = ?3 AND digest = ?4 AND nth = ?5"
    );
    let mut find = connection.prepare_cached(&sql)?;
    let (given, step) = (key.step.is_given(), number(key.step.number()));
    let digest = &key.digest.as_bytes()[..];
    let row = (&*key.session, given, step, digest, key.nth);
    let found = find.query_row(row, |row| rows::record(row, &key.session));
    match found.optional()? {
        Some(record) => Ok(Found::Record(Box::new(record))),
        None if is_changed(connection, key)? => Ok(Found::Changed),
        None => Ok(Found::Nothing),
    }
}

/// Whether another request stands at this given step of the history that is current, and this one
/// nowhere.
pub(super) fn is_changed(connection: &Connection, key: &Key) -> Result<bool, StoreError> {
    if !key.step.is_given() {
        return Ok(false);
    }
    let mut changed = connection.prepare_cached(
        "SELECT MAX(r.digest = ?3), MAX(r.branch = s.branch OR r.step < s.since)
        FROM agent_journal_sessions s JOIN agent_journal r ON r.session = s.id
        WHERE s.name = ?1 AND r.given AND r.step = ?2",
    )?;
    let digest = &key.digest.as_bytes()[..];
    let row = (&*key.session, number(key.step.number()), digest);
    let found = changed.query_row(row, |row| {
        Ok((
            row.get::<_, Option<bool>>(0)?,
            row.get::<_, Option<bool>>(1)?,
        ))
    })?;
    Ok(found == (Some(false), Some(true)))
}

pub(super) fn sessions(
    connection: &Connection,
    after: &str,
    most: usize,
) -> Result<Page<SessionInfo, Arc<str>>, StoreError> {
    let sql = format!(
        "SELECT {SESSION} FROM agent_journal_sessions WHERE name > ?1 ORDER BY name LIMIT ?2"
    );
    let mut sessions = connection.prepare_cached(&sql)?;
    let sessions = sessions.query_map((after, Most(most)), rows::session)?;
    let items: Vec<_> = sessions.collect::<Result<_, _>>()?;
    Ok(Page::full(items, most, |info: &SessionInfo| {
        Arc::clone(&info.id)
    }))
}

pub(super) fn session(
    connection: &Connection,
    name: &str,
) -> Result<Option<SessionInfo>, StoreError> {
    let sql = format!("SELECT {SESSION} FROM agent_journal_sessions WHERE name = ?1");
    let mut session = connection.prepare_cached(&sql)?;
    Ok(session.query_row([name], rows::session).optional()?)
}

pub(super) fn records(
    connection: &Connection,
    session: &Arc<str>,
    after: Option<u64>,
    most: usize,
    whole: bool,
) -> Result<Page<Record, u64>, StoreError> {
    let bodies = if whole {
        "request, answer"
    } else {
        "NULL, NULL"
    };
    let sql = format!(
        "SELECT {RECORD}, {bodies} FROM agent_journal
        WHERE session = (SELECT id FROM agent_journal_sessions WHERE name = ?1) AND number > ?2
        ORDER BY number LIMIT ?3"
    );
    let mut records = connection.prepare_cached(&sql)?;
    let row = (&**session, number(after.unwrap_or_default()), Most(most));
    let records = records.query_map(row, |row| rows::record(row, session))?;
    let items: Vec<_> = records.collect::<Result<_, _>>()?;
    Ok(Page::full(items, most, |record: &Record| record.number))
}

/// As many as this.
struct Most(usize);

impl ToSql for Most {
    fn to_sql(&self) -> buttress_store::sqlite::rusqlite::Result<ToSqlOutput<'_>> {
        let most = i64::try_from(self.0).unwrap_or(i64::MAX);
        Ok(ToSqlOutput::Owned(Value::Integer(most)))
    }
}
