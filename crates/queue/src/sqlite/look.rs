//! What is told of tasks.

use super::{
    Queue,
    rows::{code, number, record},
};
use crate::{Counts, Page, Record, State, StoreError, TaskId, entry::time};
use buttress_store::sqlite::rusqlite::{Connection, OptionalExtension};
use bytes::Bytes;

pub(super) fn inspect(
    connection: &Connection,
    queue: &Queue,
    id: TaskId,
) -> Result<Option<Record>, StoreError> {
    let mut one = connection.prepare_cached(&queue.sql.one)?;
    let id = id.to_bytes();
    let found = one.query_row([&id[..]], |row| {
        let bytes = |column| row.get::<_, Option<Vec<u8>>>(column);
        let mut record = record(row)?;
        record.payload = bytes(9)?.map(Bytes::from);
        record.result = bytes(10)?.map(Bytes::from);
        Ok((
            record,
            row.get::<_, i64>(11)?,
            row.get::<_, Option<i64>>(4)?,
            row.get::<_, String>(12)?,
        ))
    });
    let Some((mut record, seq, due_at, lane)) = found.optional()? else {
        return Ok(None);
    };
    if let (State::Waiting, Some(due_at)) = (record.state, due_at) {
        let mut before = connection.prepare_cached(&queue.sql.before)?;
        let most = Record::MAX_POSITION;
        let place = (due_at, seq, most.cast_signed(), lane);
        let before: i64 = before.query_row(place, |row| row.get(0))?;
        record.position = Some(before.unsigned_abs());
    }
    Ok(Some(record))
}

pub(super) fn list(
    connection: &Connection,
    queue: &Queue,
    state: State,
    after: Option<TaskId>,
    most: usize,
) -> Result<Page, StoreError> {
    let mut page = connection.prepare_cached(&queue.sql.page)?;
    let after = after.map_or_else(Vec::new, |id| id.to_bytes().to_vec());
    let records = page.query_map((code(state), after, number(most)), record)?;
    let records: Vec<Record> = records.collect::<Result<_, _>>()?;
    let full = most > 0 && records.len() == most;
    let next = records.last().filter(|_| full).map(|last| last.id);
    Ok(Page::new(records, next))
}

pub(super) fn counts(connection: &Connection, queue: &Queue) -> Result<Counts, StoreError> {
    let mut counts = Counts::default();
    let mut totals = connection.prepare_cached(&queue.sql.totals)?;
    let mut rows = totals.query([])?;
    while let Some(row) = rows.next()? {
        let (state, tasks, bytes): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let tasks = tasks.unsigned_abs();
        for known in State::ALL {
            if code(known) != state {
                continue;
            }
            match known {
                State::Waiting => counts.waiting = tasks,
                State::Behind => counts.behind = tasks,
                State::Leased => counts.leased = tasks,
                State::Done => counts.done = tasks,
                State::Dead => counts.dead = tasks,
            }
            if known != State::Done {
                counts.bytes += bytes.unsigned_abs();
            }
        }
    }
    let mut oldest = connection.prepare_cached(&queue.sql.oldest)?;
    let oldest: Option<i64> = oldest.query_row([], |row| row.get(0))?;
    counts.oldest = oldest.map(time);
    Ok(counts)
}
