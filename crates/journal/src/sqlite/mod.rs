//! Records in an embedded database, beside whatever else is in its file.

mod add;
mod look;
mod rows;
mod schema;

use crate::{
    BoxFuture, Entry, Found, Key, Page, Record, Records, SessionInfo, Settings, StoreError,
};
use buttress_store::sqlite::{Database, rusqlite::Connection};
use std::{fmt, path::Path, sync::Arc, time::SystemTime};

/// Records in an SQLite file, of which a [`Database`] may keep other things too: the queue.
///
/// Any number of processes of one machine may have it open. The file must not lie on a network's
/// file system, whose locks SQLite can't rely on.
///
/// # What is kept
/// `synchronous=FULL`, always: what was recorded is there after the process was killed, and after
/// the machine lost its power, if its disk keeps what it was told to flush.
#[derive(Clone)]
pub struct SqliteRecords {
    database: Database,
}

impl SqliteRecords {
    /// Opens a file, or makes it. It blocks the thread.
    ///
    /// # Errors
    /// The file can't be opened or made, is no database, or was written by a newer version.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let database = Database::open(path, schema::prepare)?;
        Ok(Self { database })
    }

    /// In this database, which may be another's too.
    ///
    /// # Errors
    /// It can't be written, or was written by a newer version.
    pub async fn new(database: Database) -> Result<Self, StoreError> {
        let prepared = database.write(|connection| Ok(schema::prepare(connection)?));
        prepared.await?;
        Ok(Self { database })
    }

    fn write<'a, T, F>(&'a self, work: F) -> BoxFuture<'a, Result<T, StoreError>>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        Box::pin(self.database.write(work))
    }

    fn read<'a, T, F>(&'a self, work: F) -> BoxFuture<'a, Result<T, StoreError>>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        Box::pin(self.database.read(work))
    }
}

impl Records for SqliteRecords {
    fn find<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Found, StoreError>> {
        let key = key.clone();
        self.read(move |connection| look::find(connection, &key))
    }

    fn add<'a>(
        &'a self,
        entry: Entry,
        settings: &'a Settings,
    ) -> BoxFuture<'a, Result<u32, StoreError>> {
        let limits = (settings.max_records, settings.max_bytes);
        self.write(move |connection| add::add(connection, &entry, limits))
    }

    fn sessions<'a>(
        &'a self,
        after: Option<&'a str>,
        most: usize,
    ) -> BoxFuture<'a, Result<Page<SessionInfo, Arc<str>>, StoreError>> {
        let after = after.unwrap_or_default().to_owned();
        self.read(move |connection| look::sessions(connection, &after, most))
    }

    fn session<'a>(
        &'a self,
        session: &'a str,
    ) -> BoxFuture<'a, Result<Option<SessionInfo>, StoreError>> {
        let session = session.to_owned();
        self.read(move |connection| look::session(connection, &session))
    }

    fn records<'a>(
        &'a self,
        session: &'a str,
        after: Option<u64>,
        most: usize,
        whole: bool,
    ) -> BoxFuture<'a, Result<Page<Record, u64>, StoreError>> {
        let session: Arc<str> = session.into();
        self.read(move |connection| look::records(connection, &session, after, most, whole))
    }

    fn remove<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        let session = session.to_owned();
        self.write(move |connection| add::remove(connection, &session))
    }

    fn sweep(&self, before: SystemTime) -> BoxFuture<'_, Result<u64, StoreError>> {
        let before = rows::millis(before);
        self.write(move |connection| add::sweep(connection, before))
    }
}

impl fmt::Debug for SqliteRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteRecords")
            .field("path", &self.database.path())
            .finish_non_exhaustive()
    }
}
