//! The tables.

use buttress_store::sqlite::rusqlite::{self, Connection, OptionalExtension};

/// Under this name its version is told, and it is what the tables are called.
const NAME: &str = "agent_journal";
/// What the tables are like. To be raised with each change of them.
const VERSION: i64 = 1;

/// Sees to it that the tables are there.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS buttress (name TEXT PRIMARY KEY, version INTEGER NOT NULL)",
    )?;
    let version = "SELECT version FROM buttress WHERE name = ?1";
    let found = connection.query_row(version, [NAME], |row| row.get::<_, i64>(0));
    match found.optional()? {
        Some(VERSION) => Ok(()),
        Some(_) => Err(rusqlite::Error::InvalidQuery),
        None => {
            connection.execute_batch(TABLES)?;
            let kept = "INSERT INTO buttress (name, version) VALUES (?1, ?2)";
            connection.execute(kept, (NAME, VERSION)).map(drop)
        }
    }
}

/// What is large stands last in a row, so that what is asked often is read without it.
const TABLES: &str = "
    CREATE TABLE agent_journal_sessions (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        first_at INTEGER NOT NULL,
        last_at INTEGER NOT NULL,
        records INTEGER NOT NULL DEFAULT 0,
        bytes INTEGER NOT NULL DEFAULT 0,
        branch INTEGER NOT NULL DEFAULT 0,
        since INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX agent_journal_sessions_age ON agent_journal_sessions (last_at);

    CREATE TABLE agent_journal (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        session INTEGER NOT NULL,
        given INTEGER NOT NULL,
        step INTEGER NOT NULL,
        digest BLOB NOT NULL,
        nth INTEGER NOT NULL,
        branch INTEGER NOT NULL,
        recorded_at INTEGER NOT NULL,
        model TEXT,
        route TEXT,
        input INTEGER,
        output INTEGER,
        streamed INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        request BLOB,
        answer BLOB NOT NULL
    );
    CREATE UNIQUE INDEX agent_journal_key ON agent_journal (session, given, step, digest, nth);
    CREATE INDEX agent_journal_order ON agent_journal (session, number);
";
