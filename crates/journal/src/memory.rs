use crate::{
    BoxFuture, Entry, Found, Key, Page, Record, Records, SessionInfo, Settings, StoreError,
};
use std::{
    collections::BTreeMap,
    fmt,
    future::ready,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

/// Records in memory, which end with the program: for tests, and to try things.
#[derive(Default)]
pub struct Memory(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    sessions: BTreeMap<Arc<str>, Session>,
    next: u64,
}

struct Session {
    info: SessionInfo,
    records: Vec<Record>,
}

impl Memory {
    /// Without records.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Nothing panics in between two changes that belong together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether it is one to this request, whichever.
fn is_same(record: &Record, key: &Key) -> bool {
    (record.key.step, record.key.digest) == (key.step, key.digest)
}

impl Session {
    /// Whether another request stands at this given step of the history that is current, and this
    /// one nowhere.
    fn is_changed(&self, key: &Key) -> bool {
        let before = key.step.number() < self.info.since;
        let is_current = |record: &Record| before || record.branch == self.info.branch;
        let mut at_step = self
            .records
            .iter()
            .filter(|record| record.key.step == key.step);
        key.step.is_given()
            && at_step.clone().any(is_current)
            && !at_step.any(|record| is_same(record, key))
    }

    fn add(&mut self, entry: Entry, number: u64, settings: &Settings) -> Result<u32, StoreError> {
        let mut key = entry.key.clone();
        if entry.again {
            let same = self.records.iter().filter(|record| is_same(record, &key));
            key.nth = u32::try_from(same.count()).unwrap_or(u32::MAX);
        }
        let there = self.records.iter().position(|record| record.key == key);
        match there {
            Some(at) if entry.replaces => {
                let record = self.records.remove(at);
                self.info.records -= 1;
                self.info.bytes -= record.bytes;
            }
            Some(_) => return Ok(key.nth),
            None => {}
        }
        let bytes = entry.bytes() as u64;
        if self.info.records >= settings.max_records {
            return Err(StoreError::Full("the most records of a session"));
        }
        if self.info.bytes + bytes > settings.max_bytes {
            return Err(StoreError::Full("the most bytes of a session"));
        }
        if self.is_changed(&key) {
            self.info.branch += 1;
            self.info.since = key.step.number();
        }
        self.info.records += 1;
        self.info.bytes += bytes;
        self.info.last = self.info.last.max(entry.at);
        let nth = key.nth;
        self.records.push(Record {
            number,
            key,
            branch: self.info.branch,
            at: entry.at,
            about: entry.about,
            streamed: entry.streamed,
            bytes,
            request: entry.request,
            answer: Some(entry.answer),
        });
        Ok(nth)
    }
}

impl Records for Memory {
    fn find<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Found, StoreError>> {
        let kept = self.kept();
        let found = kept
            .sessions
            .get(&key.session)
            .map_or(Found::Nothing, |session| {
                let record = session.records.iter().find(|record| record.key == *key);
                match record {
                    Some(record) => Found::Record(Box::new(record.clone())),
                    None if session.is_changed(key) => Found::Changed,
                    None => Found::Nothing,
                }
            });
        Box::pin(ready(Ok(found)))
    }

    fn add<'a>(
        &'a self,
        entry: Entry,
        settings: &'a Settings,
    ) -> BoxFuture<'a, Result<u32, StoreError>> {
        let mut kept = self.kept();
        kept.next += 1;
        let number = kept.next;
        let id = Arc::clone(&entry.key.session);
        let session = kept.sessions.entry(Arc::clone(&id));
        let session = session.or_insert_with(|| Session {
            info: SessionInfo::new(id, entry.at),
            records: Vec::new(),
        });
        Box::pin(ready(session.add(entry, number, settings)))
    }

    fn sessions<'a>(
        &'a self,
        after: Option<&'a str>,
        most: usize,
    ) -> BoxFuture<'a, Result<Page<SessionInfo, Arc<str>>, StoreError>> {
        let kept = self.kept();
        let behind = after.map_or(Bound::Unbounded, Bound::Excluded);
        let sessions = kept.sessions.range::<str, _>((behind, Bound::Unbounded));
        let items: Vec<_> = sessions
            .take(most)
            .map(|(_, session)| session.info.clone())
            .collect();
        let page = Page::full(items, most, |info| Arc::clone(&info.id));
        Box::pin(ready(Ok(page)))
    }

    fn session<'a>(
        &'a self,
        session: &'a str,
    ) -> BoxFuture<'a, Result<Option<SessionInfo>, StoreError>> {
        let kept = self.kept();
        let info = kept
            .sessions
            .get(session)
            .map(|session| session.info.clone());
        Box::pin(ready(Ok(info)))
    }

    fn records<'a>(
        &'a self,
        session: &'a str,
        after: Option<u64>,
        most: usize,
        whole: bool,
    ) -> BoxFuture<'a, Result<Page<Record, u64>, StoreError>> {
        let kept = self.kept();
        let records = kept
            .sessions
            .get(session)
            .map_or(&[][..], |session| &session.records);
        let behind = records
            .iter()
            .filter(|record| after.is_none_or(|after| record.number > after));
        let mut items: Vec<_> = behind.take(most).cloned().collect();
        if !whole {
            for record in &mut items {
                (record.request, record.answer) = (None, None);
            }
        }
        let page = Page::full(items, most, |record| record.number);
        Box::pin(ready(Ok(page)))
    }

    fn remove<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        let removed = self.kept().sessions.remove(session).is_some();
        Box::pin(ready(Ok(removed)))
    }

    fn sweep(&self, before: SystemTime) -> BoxFuture<'_, Result<u64, StoreError>> {
        let mut removed = 0;
        self.kept().sessions.retain(|_, session| {
            let stays = session.info.last > before;
            removed += if stays { 0 } else { session.info.records };
            stays
        });
        Box::pin(ready(Ok(removed)))
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("sessions", &self.kept().sessions.len())
            .finish_non_exhaustive()
    }
}
