//! The tables, and what is asked of them.

use crate::StoreError;
use buttress_store::sqlite::rusqlite::{self, Connection, OptionalExtension};

/// States, as they are stored. Below [`DONE`] a task is open, and `DONE` is the only state in
/// which it does not count against the limits.
pub(super) const WAITING: i64 = 0;
pub(super) const BEHIND: i64 = 1;
pub(super) const LEASED: i64 = 2;
pub(super) const DONE: i64 = 3;
pub(super) const DEAD: i64 = 4;

/// What is asked of the tables of one queue, with its name in it.
///
/// Where SQLite might take another index, and search all of a backlog with it, the right one is
/// named.
#[derive(Clone)]
pub(super) struct Sql {
    name: String,
    tables: String,
    lanes_added: String,
    pub(super) by_key: String,
    pub(super) held: String,
    pub(super) has_open: String,
    pub(super) insert: String,
    pub(super) ran_out: String,
    pub(super) lanes: String,
    pub(super) due: String,
    pub(super) lease: String,
    pub(super) renew: String,
    pub(super) finish: String,
    pub(super) postpone: String,
    pub(super) bury: String,
    pub(super) bury_any: String,
    pub(super) move_up: String,
    pub(super) revive: String,
    pub(super) hurry: String,
    pub(super) remove: String,
    pub(super) discard: String,
    pub(super) one: String,
    pub(super) before: String,
    pub(super) page: String,
    pub(super) totals: String,
    pub(super) oldest: String,
    pub(super) too_old: String,
    pub(super) kept_enough: String,
}

/// What the tables are like. To be raised with each change of them.
const VERSION: i64 = 2;

impl Sql {
    pub(super) fn new(name: &str) -> Result<Self, StoreError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            let problem = "the name of a queue is 1 to 64 letters, digits, `_`, `-`, `.` and `:`";
            return Err(StoreError::Engine(problem.into()));
        }
        let sql = |text: &str| text.replace("{t}", name);
        Ok(Self {
            name: name.to_owned(),
            tables: sql(TABLES),
            lanes_added: sql(LANES_ADDED),
            by_key: sql(r#"SELECT id, state FROM "{t}" WHERE key = ?1"#),
            held: sql(r#"SELECT TOTAL(tasks), TOTAL(bytes) FROM "{t}:totals" WHERE state <> 3"#),
            has_open: sql(r#"SELECT 1 FROM "{t}" WHERE session = ?1 AND state < 3"#),
            insert: sql(r#"INSERT INTO "{t}"
                    (id, state, due_at, session, key, queued_at, bytes, payload, lane)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO NOTHING"#),
            // What ends later than anything could that was begun by now, was begun before the
            // clock was set back.
            ran_out: sql(r#"SELECT due_at, seq, deliveries, lane FROM (
                    SELECT due_at, seq, deliveries, lane FROM "{t}" INDEXED BY "{t}:leased"
                        WHERE state = 2 AND due_at <= ?1
                    UNION ALL
                    SELECT due_at, seq, deliveries, lane FROM "{t}" INDEXED BY "{t}:leased"
                        WHERE state = 2 AND due_at > ?2)
                ORDER BY due_at, seq"#),
            // From each lane to the next, past all that is in it.
            lanes: sql(r#"WITH RECURSIVE lanes (lane) AS (
                    SELECT (SELECT lane FROM "{t}" INDEXED BY "{t}:due"
                        WHERE state = 0 ORDER BY lane LIMIT 1)
                    UNION ALL
                    SELECT (SELECT lane FROM "{t}" INDEXED BY "{t}:due"
                        WHERE state = 0 AND lane > before.lane ORDER BY lane LIMIT 1)
                    FROM lanes AS before WHERE before.lane IS NOT NULL)
                SELECT lane FROM lanes WHERE lane IS NOT NULL LIMIT ?1"#),
            due: sql(r#"SELECT due_at, seq, deliveries FROM (
                    SELECT due_at, seq, deliveries FROM (
                        SELECT due_at, seq, deliveries FROM "{t}" INDEXED BY "{t}:due"
                        WHERE state = 0 AND lane = ?4 AND due_at <= ?1
                        ORDER BY due_at, seq LIMIT ?3)
                    UNION ALL
                    SELECT due_at, seq, deliveries FROM (
                        SELECT due_at, seq, deliveries FROM "{t}" INDEXED BY "{t}:due"
                        WHERE state = 0 AND lane = ?4 AND due_at > ?2
                        ORDER BY due_at, seq LIMIT ?3))
                ORDER BY due_at, seq LIMIT ?3"#),
            lease: sql(r#"UPDATE "{t}" SET state = 2, due_at = ?2, worker = ?3,
                    deliveries = deliveries + 1, token = token + 1
                WHERE seq = ?1
                RETURNING id, session, key, queued_at, payload, token, deliveries, lane"#),
            renew: sql(
                r#"UPDATE "{t}" SET due_at = ?3 WHERE id = ?1 AND token = ?2 AND state = 2"#,
            ),
            finish: sql(
                r#"UPDATE "{t}" SET state = 3, due_at = NULL, ended_at = ?3, worker = NULL,
                    reason = NULL, payload = NULL, result = ?4
                WHERE id = ?1 AND token = ?2 AND state = 2 RETURNING session"#,
            ),
            postpone: sql(
                r#"UPDATE "{t}" SET state = 0, due_at = ?3, worker = NULL, reason = ?4,
                    deliveries = deliveries - ?5
                WHERE id = ?1 AND token = ?2 AND state = 2"#,
            ),
            bury: sql(
                r#"UPDATE "{t}" SET state = 4, due_at = NULL, ended_at = ?3, worker = NULL,
                    reason = ?4
                WHERE id = ?1 AND token = ?2 AND state = 2 RETURNING session"#,
            ),
            bury_any: sql(
                r#"UPDATE "{t}" SET state = 4, due_at = NULL, ended_at = ?2, worker = NULL,
                    reason = ?3
                WHERE seq = ?1 RETURNING session"#,
            ),
            move_up: sql(r#"UPDATE "{t}" SET state = 0, due_at = ?2
                WHERE seq = (SELECT MIN(seq) FROM "{t}" INDEXED BY "{t}:session"
                    WHERE session = ?1 AND state = 1 AND state < 3)
                AND NOT EXISTS (SELECT 1 FROM "{t}" INDEXED BY "{t}:session"
                    WHERE session = ?1 AND state IN (0, 2) AND state < 3)"#),
            revive: sql(
                r#"UPDATE "{t}" SET seq = (SELECT MAX(seq) + 1 FROM "{t}"), state = ?3,
                    due_at = ?2, queued_at = ?2, ended_at = NULL, deliveries = 0, reason = NULL
                WHERE id = ?1 AND state = 4"#,
            ),
            hurry: sql(r#"UPDATE "{t}" SET due_at = ?2 WHERE id = ?1 AND state = 0"#),
            remove: sql(r#"DELETE FROM "{t}" WHERE id = ?1 RETURNING session"#),
            discard: sql(r#"DELETE FROM "{t}" WHERE id = ?1 AND state = 4"#),
            one: sql(
                r#"SELECT id, session, state, queued_at, due_at, ended_at, deliveries, bytes,
                    reason, payload, result, seq, lane
                FROM "{t}" WHERE id = ?1"#,
            ),
            before: sql(
                r#"SELECT COUNT(*) FROM (SELECT 1 FROM "{t}" INDEXED BY "{t}:due"
                WHERE state = 0 AND lane = ?4 AND (due_at, seq) < (?1, ?2) LIMIT ?3)"#,
            ),
            page: sql(
                r#"SELECT id, session, state, queued_at, due_at, ended_at, deliveries, bytes, reason
                FROM "{t}" WHERE state = ?1 AND id > ?2 ORDER BY id LIMIT ?3"#,
            ),
            totals: sql(r#"SELECT state, tasks, bytes FROM "{t}:totals""#),
            oldest: sql(r#"SELECT MIN(queued_at) FROM "{t}" WHERE state < 3"#),
            too_old: sql(r#"SELECT seq FROM "{t}" WHERE state < 3 AND queued_at <= ?1
                    AND state <> 2 ORDER BY queued_at LIMIT ?2"#),
            kept_enough: sql(r#"DELETE FROM "{t}" WHERE seq IN (SELECT seq FROM "{t}"
                WHERE state >= 3 AND state = ?1 AND ended_at <= ?2 ORDER BY ended_at LIMIT ?3)"#),
        })
    }
}

/// Sees to it that the tables are there.
pub(super) fn prepare(connection: &Connection, sql: &Sql) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS buttress (name TEXT PRIMARY KEY, version INTEGER NOT NULL)",
    )?;
    let version = "SELECT version FROM buttress WHERE name = ?1";
    let found = connection.query_row(version, [&sql.name], |row| row.get::<_, i64>(0));
    match found.optional()? {
        Some(VERSION) => Ok(()),
        Some(1) => {
            connection.execute_batch(&sql.lanes_added)?;
            let kept = "UPDATE buttress SET version = ?2 WHERE name = ?1";
            connection.execute(kept, (&sql.name, VERSION)).map(drop)
        }
        Some(_) => Err(rusqlite::Error::InvalidQuery),
        None => {
            connection.execute_batch(&sql.tables)?;
            let kept = "INSERT INTO buttress (name, version) VALUES (?1, ?2)";
            connection.execute(kept, (&sql.name, VERSION)).map(drop)
        }
    }
}

/// From the first version to the second.
const LANES_ADDED: &str = r#"
    ALTER TABLE "{t}" ADD COLUMN lane TEXT NOT NULL DEFAULT '';
    DROP INDEX "{t}:due";
    CREATE INDEX "{t}:due" ON "{t}" (lane, due_at, seq) WHERE state = 0;
"#;

/// What is large stands last in a row, so that what is asked often is read without it.
///
/// The totals are kept by triggers: whatever changes a task, they are right.
const TABLES: &str = r#"
    CREATE TABLE "{t}" (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id BLOB NOT NULL UNIQUE,
        state INTEGER NOT NULL,
        due_at INTEGER,
        deliveries INTEGER NOT NULL DEFAULT 0,
        token INTEGER NOT NULL DEFAULT 0,
        queued_at INTEGER NOT NULL,
        ended_at INTEGER,
        bytes INTEGER NOT NULL,
        lane TEXT NOT NULL DEFAULT '',
        session TEXT,
        key TEXT,
        worker TEXT,
        reason TEXT,
        payload BLOB,
        result BLOB
    );
    CREATE INDEX "{t}:due" ON "{t}" (lane, due_at, seq) WHERE state = 0;
    CREATE INDEX "{t}:leased" ON "{t}" (due_at) WHERE state = 2;
    CREATE INDEX "{t}:session" ON "{t}" (session, state, seq) WHERE session IS NOT NULL AND state < 3;
    CREATE UNIQUE INDEX "{t}:key" ON "{t}" (key) WHERE key IS NOT NULL;
    CREATE INDEX "{t}:age" ON "{t}" (queued_at) WHERE state < 3;
    CREATE INDEX "{t}:ended" ON "{t}" (state, ended_at) WHERE state >= 3;
    CREATE INDEX "{t}:state" ON "{t}" (state, id);

    CREATE TABLE "{t}:totals" (
        state INTEGER PRIMARY KEY,
        tasks INTEGER NOT NULL DEFAULT 0,
        bytes INTEGER NOT NULL DEFAULT 0
    );
    INSERT INTO "{t}:totals" (state) VALUES (0), (1), (2), (3), (4);
    CREATE TRIGGER "{t}:added" AFTER INSERT ON "{t}" BEGIN
        UPDATE "{t}:totals" SET tasks = tasks + 1, bytes = bytes + new.bytes WHERE state = new.state;
    END;
    CREATE TRIGGER "{t}:removed" AFTER DELETE ON "{t}" BEGIN
        UPDATE "{t}:totals" SET tasks = tasks - 1, bytes = bytes - old.bytes WHERE state = old.state;
    END;
    CREATE TRIGGER "{t}:moved" AFTER UPDATE OF state ON "{t}" WHEN old.state <> new.state BEGIN
        UPDATE "{t}:totals" SET tasks = tasks - 1, bytes = bytes - old.bytes WHERE state = old.state;
        UPDATE "{t}:totals" SET tasks = tasks + 1, bytes = bytes + new.bytes WHERE state = new.state;
    END;
"#;
