//! What stands in a row.

use super::schema::{BEHIND, DEAD, DONE, LEASED, WAITING};
use crate::{Record, State, TaskId, entry::time};
use buttress_store::sqlite::rusqlite::{self, Row, types::Type};
use std::time::SystemTime;

pub(super) fn id_of(row: &Row<'_>, column: usize) -> rusqlite::Result<TaskId> {
    row.get(column).map(TaskId::from_bytes)
}

pub(super) const fn code(state: State) -> i64 {
    match state {
        State::Waiting => WAITING,
        State::Behind => BEHIND,
        State::Leased => LEASED,
        State::Done => DONE,
        State::Dead => DEAD,
    }
}

fn state(row: &Row<'_>, column: usize) -> rusqlite::Result<State> {
    let stored: i64 = row.get(column)?;
    let known = State::ALL.into_iter().find(|state| code(*state) == stored);
    known.ok_or_else(|| {
        let problem = "no state that is known".into();
        rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, problem)
    })
}

/// The columns that all tasks have, in the order in which they are asked for.
pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let at = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(time));
    let state = state(row, 2)?;
    let due_at: Option<SystemTime> = at(4)?;
    let bytes: i64 = row.get(7)?;
    Ok(Record {
        session: row.get(1)?,
        due_at: due_at.filter(|_| state != State::Behind),
        ended_at: at(5)?,
        deliveries: row.get(6)?,
        bytes: bytes.unsigned_abs(),
        reason: row.get(8)?,
        ..Record::new(id_of(row, 0)?, state, time(row.get(3)?))
    })
}

/// A number of things in memory, of which there are never more than fit.
pub(super) fn number(of: usize) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}
