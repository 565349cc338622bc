//! What stands in a row.

use crate::{About, Digest, Key, Record, SessionInfo, Step};
use buttress_store::sqlite::rusqlite::{self, Row};
use bytes::Bytes;
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Any number that is stored is stored as it is; the largest ones wrap around, and back.
pub(super) const fn number(number: u64) -> i64 {
    number.cast_signed()
}

pub(super) fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn time(millis: i64) -> SystemTime {
    let since = Duration::from_millis(millis.try_into().unwrap_or_default());
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

/// The columns of [`record`], but for the last two.
pub(super) const RECORD: &str = "number, given, step, digest, nth, branch, recorded_at, model, \
    route, input, output, streamed, bytes";

/// A record with the columns of [`RECORD`], a request and an answer.
pub(super) fn record(row: &Row<'_>, session: &Arc<str>) -> rusqlite::Result<Record> {
    let count = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
    let small = |column| row.get::<_, u32>(column);
    let counted = |column| {
        let count = row.get::<_, Option<i64>>(column);
        count.map(|count| count.map(i64::cast_unsigned))
    };
    let text = |column| {
        row.get::<_, Option<String>>(column)
            .map(|text| text.map(Arc::from))
    };
    let bytes = |column| {
        row.get::<_, Option<Vec<u8>>>(column)
            .map(|bytes| bytes.map(Bytes::from))
    };
    let step = match row.get(1)? {
        true => Step::Given(count(2)?),
        false => Step::Derived(count(2)?),
    };
    Ok(Record {
        number: count(0)?,
        key: Key {
            session: Arc::clone(session),
            step,
            digest: Digest::from_bytes(row.get(3)?),
            nth: small(4)?,
        },
        branch: small(5)?,
        at: time(row.get(6)?),
        about: About {
            model: text(7)?,
            route: text(8)?,
            input: counted(9)?,
            output: counted(10)?,
        },
        streamed: row.get(11)?,
        bytes: count(12)?,
        request: bytes(13)?,
        answer: bytes(14)?,
    })
}

/// The columns of [`session`].
pub(super) const SESSION: &str = "name, first_at, last_at, records, bytes, branch, since";

pub(super) fn session(row: &Row<'_>) -> rusqlite::Result<SessionInfo> {
    let count = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
    Ok(SessionInfo {
        id: row.get::<_, String>(0)?.into(),
        first: time(row.get(1)?),
        last: time(row.get(2)?),
        records: count(3)?,
        bytes: count(4)?,
        branch: row.get(5)?,
        since: count(6)?,
    })
}
