use super::writer::{self, Job, Write};
use crate::StoreError;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};
use tokio::{sync::oneshot, task};

/// A file, open. Clones share its writer, which ends with the last of them.
#[derive(Clone)]
pub struct Database {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    jobs: mpsc::SyncSender<Box<dyn Job>>,
    reader: Mutex<Connection>,
}

/// How long another process may hold the file, before whoever waits for it is told so.
const PATIENCE: Duration = Duration::from_secs(10);

impl Database {
    /// Opens a file, or makes it, and sees to it that what is to be kept has its tables.
    ///
    /// `prepare` is run in a transaction of its own, whenever the file is opened: it has to leave
    /// alone what is there. It blocks the thread.
    ///
    /// # Errors
    /// The file can't be opened or made, or is no database.
    pub fn open(
        path: impl AsRef<Path>,
        prepare: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let mut writer = connect(path, OpenFlags::default())?;
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        prepare(&transaction)?;
        transaction.commit()?;
        let reader = connect(path, OpenFlags::default())?;
        reader.pragma_update(None, "query_only", true)?;
        // Bounded, so that callers wait who are faster than the disk, and not what they wrote.
        let (jobs, queue) = mpsc::sync_channel(4096);
        let named = thread::Builder::new().name("buttress-sqlite".to_owned());
        named
            .spawn(move || writer::run(writer, &queue))
            .map_err(|error| StoreError::Unavailable(error.into()))?;
        Ok(Self {
            shared: Arc::new(Shared {
                path: path.to_owned(),
                jobs,
                reader: Mutex::new(reader),
            }),
        })
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Writes something, in a transaction that it shares with others. When this returns, it is on
    /// the disk. A `work` that fails leaves nothing behind.
    ///
    /// # Errors
    /// That of `work`, or of the transaction.
    ///
    /// # Cancellation
    /// What was not begun yet is not done; else it is.
    pub async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, told) = oneshot::channel();
        let mut job: Box<dyn Job> = Box::new(Write::new(work, reply));
        loop {
            job = match self.shared.jobs.try_send(job) {
                Ok(()) => break,
                Err(mpsc::TrySendError::Disconnected(_)) => return Err(gone()),
                Err(mpsc::TrySendError::Full(job)) => job,
            };
            // So full is it only while the disk does nothing: not a matter of microseconds.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        told.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Reads something, as it was when the reading began.
    ///
    /// # Errors
    /// That of `work`.
    ///
    /// # Cancellation
    /// It is read all the same.
    pub async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let read = move || {
            let mut reader = shared.reader.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = reader.transaction()?;
            work(&transaction)
        };
        task::spawn_blocking(read).await.map_err(|_| gone())?
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable("what wrote to the database has ended".into())
}

fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    // Of all that is kept in one file.
    connection.set_prepared_statement_cache_capacity(128);
    connection.pragma_update(None, "journal_mode", "wal")?;
    // In WAL mode less than this may lose what was acknowledged when power fails.
    connection.pragma_update(None, "synchronous", "full")?;
    // What a flood has made of the log is given back.
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    Ok(connection)
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("path", &self.shared.path)
            .finish_non_exhaustive()
    }
}
