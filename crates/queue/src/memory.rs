use crate::{
    BoxFuture, Claimed, Counts, Enqueued, Entry, Lanes, Lease, Page, Record, Settings, State,
    Store, StoreError, Swept, TaskId, lanes::Wanted,
};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, HashMap},
    future::ready,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};
use tokio::time::Instant;

/// A store that keeps tasks in memory, and nothing of them when the process ends.
///
/// For tests, since its time is tokio's and can be paused, and for whoever would rather lose tasks
/// than keep them. To give a task out it looks at all of them.
#[derive(Debug)]
pub struct Memory {
    settings: Settings,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    tasks: BTreeMap<TaskId, Slot>,
    keys: HashMap<String, TaskId>,
    /// Of everything that is counted up: places in line and tokens.
    last: u64,
}

#[derive(Debug)]
struct Slot {
    entry: Entry,
    place: u64,
    stage: Stage,
    deliveries: u32,
    /// Of those the ones that may come to an end.
    counted: u32,
    expires: Option<Instant>,
    reason: Option<String>,
}

#[derive(Debug)]
enum Stage {
    Waiting { due: Instant },
    Leased { token: u64, until: Instant },
    Done { at: Instant, result: Bytes },
    Dead { at: Instant },
}

impl Memory {
    /// An empty one.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let inner = Mutex::default();
        Self { settings, inner }
    }

    /// How many tasks there are, wherever they stand.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.inner().tasks.len()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing that could panic is done between two changes that belong together.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, entry: Entry) -> Result<Enqueued, StoreError> {
        let mut inner = self.inner();
        let known = entry.key.as_ref().and_then(|key| inner.keys.get(key));
        let known = known.and_then(|id| inner.tasks.get(id));
        let dead = known.filter(|known| known.is_dead() && known.entry.id != entry.id);
        if let (Some(known), None) = (known, dead) {
            return Ok(Enqueued::new(known.entry.id, false));
        }
        let dead = dead.map(|dead| (dead.entry.id, dead.entry.payload.len() as u64));
        let Settings {
            max_tasks,
            max_bytes,
            max_task_bytes: most,
            ..
        } = self.settings;
        let bytes = entry.payload.len();
        if bytes > most {
            return Err(StoreError::TooLarge { bytes, most });
        }
        let mut kept = inner.counts();
        if let Some((_, bytes)) = dead {
            kept.dead -= 1;
            kept.bytes -= bytes;
        }
        if kept.open() + kept.dead >= max_tasks {
            return Err(StoreError::Full("it has as many tasks as it may"));
        }
        if kept.bytes.saturating_add(bytes as u64) > max_bytes {
            return Err(StoreError::Full("its tasks are as large as they may be"));
        }
        if let Some((dead, _)) = dead {
            inner.remove(dead);
        }
        let id = entry.id;
        if let Some(key) = &entry.key {
            inner.keys.insert(key.clone(), id);
        }
        let (now, place) = (Instant::now(), inner.next());
        let age = SystemTime::now().duration_since(entry.queued_at);
        let left = self
            .settings
            .max_age
            .saturating_sub(age.unwrap_or_default());
        let slot = Slot {
            entry,
            place,
            stage: Stage::Waiting { due: now },
            deliveries: 0,
            counted: 0,
            expires: now.checked_add(left),
            reason: None,
        };
        inner.tasks.insert(id, slot);
        Ok(Enqueued::new(id, true))
    }

    fn give_out(&self, mut wanted: Wanted<'_>, lease: Duration) -> Vec<Claimed> {
        let now = Instant::now();
        let mut inner = self.inner();
        for slot in inner.tasks.values_mut() {
            if let Stage::Leased { until, .. } = slot.stage
                && until <= now
            {
                slot.stage = Stage::Waiting { due: until };
            }
            let tired = slot.counted >= self.settings.max_deliveries;
            if tired && matches!(slot.stage, Stage::Waiting { due } if due <= now) {
                slot.stage = Stage::Dead { at: now };
                slot.reason
                    .get_or_insert_with(|| "delivered too often".into());
            }
        }
        let heads = inner.heads();
        let mut due: Vec<_> = inner
            .tasks
            .values()
            .filter_map(|slot| match slot.stage {
                Stage::Waiting { due } if due <= now && slot.is_first(&heads) => {
                    Some((due, slot.place, slot.entry.id))
                }
                _ => None,
            })
            .collect();
        due.sort_unstable();
        let given = due.into_iter().filter_map(|(.., id)| {
            let token = inner.next();
            let slot = inner.tasks.get_mut(&id)?;
            if wanted.of(slot.lane()) == 0 {
                return None;
            }
            wanted.took(slot.lane());
            slot.deliveries += 1;
            slot.counted += 1;
            let until = now + lease;
            slot.stage = Stage::Leased { token, until };
            let lease = Lease::new(id, token);
            Some(Claimed::new(slot.entry.clone(), lease, slot.deliveries))
        });
        given.collect()
    }

    /// Does this to a task whose lease is held.
    fn held(&self, lease: &Lease, act: impl FnOnce(&mut Slot, Instant)) -> Result<(), StoreError> {
        let now = Instant::now();
        let mut inner = self.inner();
        let slot = inner.tasks.get_mut(&lease.id);
        let held = slot.filter(|slot| match slot.stage {
            Stage::Leased { token, until } => token == lease.token && until > now,
            _ => false,
        });
        held.map(|slot| act(slot, now)).ok_or(StoreError::Lost)
    }

    fn renew_now(&self, id: TaskId) -> bool {
        let mut inner = self.inner();
        let place = inner.next();
        let Some(slot) = inner.tasks.get_mut(&id) else {
            return false;
        };
        let now = Instant::now();
        match slot.stage {
            Stage::Dead { .. } => {
                (slot.deliveries, slot.counted, slot.reason) = (0, 0, None);
                slot.place = place;
                slot.expires = now.checked_add(self.settings.max_age);
            }
            Stage::Waiting { .. } => {}
            Stage::Leased { .. } | Stage::Done { .. } => return false,
        }
        slot.stage = Stage::Waiting { due: now };
        true
    }

    fn sweep_now(&self) -> Swept {
        let now = Instant::now();
        let mut inner = self.inner();
        let mut buried = 0;
        for slot in inner.tasks.values_mut() {
            let old = slot.expires.is_some_and(|at| at <= now);
            if old && matches!(slot.stage, Stage::Waiting { .. }) {
                slot.stage = Stage::Dead { at: now };
                slot.reason = Some("it grew too old".into());
                buried += 1;
            }
        }
        let Settings {
            keep_results,
            keep_dead,
            ..
        } = self.settings;
        let gone = inner.tasks.values().filter(|slot| match slot.stage {
            Stage::Done { at, .. } => now - at >= keep_results,
            Stage::Dead { at } => now - at >= keep_dead,
            _ => false,
        });
        let gone: Vec<_> = gone.map(|slot| slot.entry.id).collect();
        for id in &gone {
            inner.remove(*id);
        }
        Swept::new(buried, gone.len() as u64)
    }
}

impl Inner {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// The first open task of each session.
    fn heads(&self) -> HashMap<&str, u64> {
        let mut heads = HashMap::new();
        for slot in self.tasks.values().filter(|slot| slot.is_open()) {
            if let Some(session) = &slot.entry.session {
                let head = heads.entry(&**session).or_insert(slot.place);
                *head = slot.place.min(*head);
            }
        }
        heads
    }

    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        let heads = self.heads();
        for slot in self.tasks.values() {
            match slot.state(&heads) {
                State::Waiting => counts.waiting += 1,
                State::Behind => counts.behind += 1,
                State::Leased => counts.leased += 1,
                State::Done => counts.done += 1,
                State::Dead => counts.dead += 1,
            }
            if !matches!(slot.stage, Stage::Done { .. }) {
                counts.bytes += slot.entry.payload.len() as u64;
            }
            if slot.is_open() {
                let at = slot.entry.queued_at;
                counts.oldest = Some(counts.oldest.map_or(at, |oldest| oldest.min(at)));
            }
        }
        counts
    }

    fn remove(&mut self, id: TaskId) -> bool {
        let slot = self.tasks.remove(&id);
        if let Some(key) = slot.as_ref().and_then(|slot| slot.entry.key.as_ref()) {
            self.keys.remove(key);
        }
        slot.is_some()
    }

    fn discard(&mut self, id: TaskId) -> bool {
        let slot = self.tasks.get(&id);
        let dead = slot.is_some_and(|slot| matches!(slot.stage, Stage::Dead { .. }));
        dead && self.remove(id)
    }

    /// With what is in it, and its place.
    fn whole(&self, id: TaskId) -> Option<Record> {
        let slot = self.tasks.get(&id)?;
        let mut record = slot.record(&self.heads());
        record.payload = Some(slot.entry.payload.clone());
        match &slot.stage {
            Stage::Done { result, .. } => record.result = Some(result.clone()),
            Stage::Waiting { due } => {
                let before = self.tasks.values().filter(|other| match other.stage {
                    Stage::Waiting { due: at } => {
                        other.lane() == slot.lane() && (at, other.place) < (*due, slot.place)
                    }
                    _ => false,
                });
                let most = Record::MAX_POSITION as usize;
                record.position = Some(before.take(most).count() as u64);
            }
            Stage::Leased { .. } | Stage::Dead { .. } => {}
        }
        Some(record)
    }
}

impl Slot {
    fn record(&self, heads: &HashMap<&str, u64>) -> Record {
        let wall = |at: Instant| match at.checked_duration_since(Instant::now()) {
            Some(left) => SystemTime::now() + left,
            None => SystemTime::now() - at.elapsed(),
        };
        let state = self.state(heads);
        let mut record = Record::new(self.entry.id, state, self.entry.queued_at);
        record.session.clone_from(&self.entry.session);
        record.deliveries = self.deliveries;
        record.bytes = self.entry.payload.len() as u64;
        record.reason.clone_from(&self.reason);
        match self.stage {
            Stage::Waiting { due: at } | Stage::Leased { until: at, .. } => {
                record.due_at = Some(wall(at));
            }
            Stage::Done { at, .. } | Stage::Dead { at } => record.ended_at = Some(wall(at)),
        }
        record
    }

    fn lane(&self) -> &str {
        self.entry.lane.as_deref().unwrap_or_default()
    }

    const fn is_dead(&self) -> bool {
        matches!(self.stage, Stage::Dead { .. })
    }

    const fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Waiting { .. } | Stage::Leased { .. })
    }

    fn is_first(&self, heads: &HashMap<&str, u64>) -> bool {
        let session = self.entry.session.as_deref();
        session.is_none_or(|session| heads.get(session) == Some(&self.place))
    }

    fn state(&self, heads: &HashMap<&str, u64>) -> State {
        match self.stage {
            Stage::Waiting { .. } if self.is_first(heads) => State::Waiting,
            Stage::Waiting { .. } => State::Behind,
            Stage::Leased { .. } => State::Leased,
            Stage::Done { .. } => State::Done,
            Stage::Dead { .. } => State::Dead,
        }
    }
}

impl Store for Memory {
    fn enqueue(&self, entry: Entry) -> BoxFuture<'_, Result<Enqueued, StoreError>> {
        Box::pin(ready(self.put(entry)))
    }

    fn claim_of<'a>(
        &'a self,
        lanes: &'a Lanes,
        _: &'a str,
        most: usize,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Vec<Claimed>, StoreError>> {
        Box::pin(ready(Ok(self.give_out(Wanted::new(lanes, most), lease))))
    }

    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        time: Duration,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let renewed = self.held(lease, |slot, now| {
            let (token, until) = (lease.token, now + time);
            slot.stage = Stage::Leased { token, until };
        });
        Box::pin(ready(renewed))
    }

    fn finish<'a>(
        &'a self,
        lease: &'a Lease,
        result: Bytes,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let most = self.settings.max_task_bytes;
        let bytes = result.len();
        if bytes > most {
            return Box::pin(ready(Err(StoreError::TooLarge { bytes, most })));
        }
        let finished = self.held(lease, |slot, at| {
            slot.stage = Stage::Done { at, result };
            slot.reason = None;
        });
        Box::pin(ready(finished))
    }

    fn postpone<'a>(
        &'a self,
        lease: &'a Lease,
        wait: Duration,
        counts: bool,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let postponed = self.held(lease, |slot, now| {
            slot.counted -= u32::from(!counts);
            slot.reason = Some(reason.to_owned());
            slot.stage = Stage::Waiting { due: now + wait };
        });
        Box::pin(ready(postponed))
    }

    fn bury<'a>(
        &'a self,
        lease: &'a Lease,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let buried = self.held(lease, |slot, at| {
            slot.reason = Some(reason.to_owned());
            slot.stage = Stage::Dead { at };
        });
        Box::pin(ready(buried))
    }

    fn inspect(&self, id: TaskId) -> BoxFuture<'_, Result<Option<Record>, StoreError>> {
        Box::pin(ready(Ok(self.inner().whole(id))))
    }

    fn list(
        &self,
        state: State,
        after: Option<TaskId>,
        most: usize,
    ) -> BoxFuture<'_, Result<Page, StoreError>> {
        let inner = self.inner();
        let heads = inner.heads();
        let mut found = inner
            .tasks
            .values()
            .filter(|slot| after.is_none_or(|after| slot.entry.id > after))
            .filter(|slot| slot.state(&heads) == state);
        let records: Vec<_> = found
            .by_ref()
            .take(most)
            .map(|slot| slot.record(&heads))
            .collect();
        let next = found.next().and(records.last()).map(|last| last.id);
        Box::pin(ready(Ok(Page::new(records, next))))
    }

    fn counts(&self) -> BoxFuture<'_, Result<Counts, StoreError>> {
        Box::pin(ready(Ok(self.inner().counts())))
    }

    fn retry(&self, id: TaskId) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(ready(Ok(self.renew_now(id))))
    }

    fn remove(&self, id: TaskId) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(ready(Ok(self.inner().remove(id))))
    }

    fn discard(&self, id: TaskId) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(ready(Ok(self.inner().discard(id))))
    }

    fn sweep(&self) -> BoxFuture<'_, Result<Swept, StoreError>> {
        Box::pin(ready(Ok(self.sweep_now())))
    }
}

#[cfg(test)]
mod tests;
