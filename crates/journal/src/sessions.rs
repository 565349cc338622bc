use crate::{
    Answer, Cipher, Entry, Found, Key, Page, Record, Records, SessionInfo, Settings, StoreError,
    cipher::{Part, close, open},
    runs::Runs,
};
use bytes::Bytes;
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The sessions of a store: to be recorded by a [`JournalLayer`](crate::JournalLayer), and to be
/// looked at. Clones are handles to the same.
#[derive(Clone)]
pub struct Sessions {
    shared: Arc<Shared>,
}

#[derive(Clone)]
struct Shared {
    records: Arc<dyn Records>,
    settings: Settings,
    cipher: Option<Arc<dyn Cipher>>,
    clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
    /// In KiB.
    pending: Arc<Semaphore>,
    runs: Arc<Runs>,
}

impl Sessions {
    /// The sessions in this store.
    #[must_use]
    pub fn new(records: impl Records) -> Self {
        Self::in_store(Arc::new(records))
    }

    /// The same, of an engine that was chosen when the program ran.
    #[must_use]
    pub fn in_store(records: Arc<dyn Records>) -> Self {
        let settings = Settings::new();
        let shared = Shared {
            records,
            pending: Arc::new(Semaphore::new(kib(settings.max_pending) as usize)),
            settings,
            cipher: None,
            clock: Arc::new(SystemTime::now),
            runs: Arc::new(Runs::default()),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    fn with(self, set: impl FnOnce(&mut Shared)) -> Self {
        let mut shared = Arc::unwrap_or_clone(self.shared);
        set(&mut shared);
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Sets what is kept, and for how long. To be set before the sessions are used.
    #[must_use]
    pub fn settings(self, settings: Settings) -> Self {
        self.with(|shared| {
            shared.pending = Arc::new(Semaphore::new(kib(settings.max_pending) as usize));
            shared.settings = settings;
        })
    }

    /// Sets what seals requests and answers \[nothing\]. Names of sessions, steps, digests, models
    /// and tokens are not sealed.
    #[must_use]
    pub fn cipher(self, cipher: impl Cipher) -> Self {
        self.with(|shared| shared.cipher = Some(Arc::new(cipher)))
    }

    /// Sets what tells the time \[the machine's clock\]: for tests.
    #[must_use]
    pub fn clock(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.with(|shared| shared.clock = Arc::new(clock))
    }

    /// Sessions in the order of their names: at most so many of those behind this one.
    ///
    /// # Errors
    /// The store can't be read.
    pub async fn list(
        &self,
        after: Option<&str>,
        most: usize,
    ) -> Result<Page<SessionInfo, Arc<str>>, StoreError> {
        self.shared.records.sessions(after, most).await
    }

    /// What is known of one session.
    ///
    /// # Errors
    /// The store can't be read.
    pub async fn get(&self, session: &str) -> Result<Option<SessionInfo>, StoreError> {
        self.shared.records.session(session).await
    }

    /// The steps of a session in the order in which they were recorded, without what was asked
    /// and answered: at most so many of those behind this [number](Record::number).
    ///
    /// # Errors
    /// The store can't be read.
    pub async fn steps(
        &self,
        session: &str,
        after: Option<u64>,
        most: usize,
    ) -> Result<Page<Record, u64>, StoreError> {
        self.shared
            .records
            .records(session, after, most, false)
            .await
    }

    /// The same with what was asked, if that was kept, and answered. Pages should be small: an
    /// answer may have [16 MiB](Settings::max_answer). [`Record::to_json`] writes one on a line.
    ///
    /// # Errors
    /// The store can't be read, or it is sealed with a key that is not there.
    pub async fn export(
        &self,
        session: &str,
        after: Option<u64>,
        most: usize,
    ) -> Result<Page<Record, u64>, StoreError> {
        let records = &self.shared.records;
        let mut page = records.records(session, after, most, true).await?;
        for record in &mut page.items {
            self.open(record)?;
        }
        Ok(page)
    }

    /// Removes a session: its steps will be paid for again. `false` when there is none.
    ///
    /// # Errors
    /// The store can't be written.
    pub async fn remove(&self, session: &str) -> Result<bool, StoreError> {
        self.shared.records.remove(session).await
    }

    /// Removes what has been kept [long enough](Settings::max_age), and says how many records
    /// that were.
    ///
    /// # Errors
    /// The store can't be written.
    ///
    /// # Cancellation
    /// What was removed is.
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        let before = (self.shared.clock)().checked_sub(self.shared.settings.max_age);
        let mut removed = 0;
        while let Some(before) = before {
            match self.shared.records.sweep(before).await? {
                0 => break,
                some => removed += some,
            }
        }
        Ok(removed)
    }

    /// Sweeps for ever, every so often. To be spawned, or dropped at any time.
    pub async fn keep_swept(&self, every: Duration) {
        loop {
            if let Err(error) = self.sweep().await {
                tracing::warn!(kind = error.as_str(), "the journal can't be swept");
            }
            tokio::time::sleep(every).await;
        }
    }

    pub(crate) fn limits(&self) -> &Settings {
        &self.shared.settings
    }

    pub(crate) fn runs(&self) -> &Arc<Runs> {
        &self.shared.runs
    }

    /// What there is, opened.
    pub(crate) async fn find(&self, key: &Key) -> Result<Found, StoreError> {
        let mut found = self.shared.records.find(key).await?;
        if let Found::Record(record) = &mut found {
            self.open(record)?;
        }
        Ok(found)
    }

    /// Keeps a record, closed.
    pub(crate) async fn add(&self, new: New) -> Result<u32, StoreError> {
        let cipher = self.shared.cipher.as_deref();
        let close = |part, plain: &Bytes| {
            close(cipher, &new.key, part, plain).map_err(|error| StoreError::Engine(error.into()))
        };
        let request = new.request.as_ref();
        let request = request.map(|request| close(Part::Request, request));
        let entry = Entry {
            request: request.transpose()?,
            answer: close(Part::Answer, &new.answer.body)?,
            at: (self.shared.clock)(),
            again: new.again,
            replaces: new.replaces,
            about: new.answer.about,
            streamed: new.answer.streamed,
            key: new.key,
        };
        self.shared.records.add(entry, &self.shared.settings).await
    }

    /// Room for so many bytes that wait to be stored, if there is any.
    pub(crate) fn room(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let pending = Arc::clone(&self.shared.pending);
        pending.try_acquire_many_owned(kib(bytes)).ok()
    }

    fn open(&self, record: &mut Record) -> Result<(), StoreError> {
        let cipher = self.shared.cipher.as_deref();
        let key = &record.key;
        for (part, stored) in [
            (Part::Request, &mut record.request),
            (Part::Answer, &mut record.answer),
        ] {
            if let Some(stored) = stored {
                *stored = open(cipher, key, part, stored)
                    .map_err(|error| StoreError::Corrupt(error.into()))?;
            }
        }
        Ok(())
    }
}

/// What is to be recorded.
pub(crate) struct New {
    pub(crate) key: Key,
    pub(crate) again: bool,
    pub(crate) replaces: bool,
    pub(crate) request: Option<Bytes>,
    pub(crate) answer: Answer,
}

fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX >> 4)
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("records", &self.shared.records)
            .field("settings", &self.shared.settings)
            .field("cipher", &self.shared.cipher)
            .finish_non_exhaustive()
    }
}
