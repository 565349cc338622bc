use super::{
    Found, GateHandle, GateSettings, Gates,
    entry::Anchor,
    gates::{Finding, Sealed},
    witness::GateWitness,
};
use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// A gate for each key that a closure draws from a request.
///
/// Clones share their gates. There are at most [`max_keys`](GateSettings::max_keys) of them. When
/// there are as many and a new key comes, an open gate gives way, since an open one holds nothing
/// that is worth keeping: of those the one whose key was asked for least recently, as counted in
/// new keys. Where all are closed, reopening or parked, the new key is served without a gate: a
/// flood of keys opens no gate that is closed.
pub struct KeyedGates<K, F> {
    table: Arc<Table<K>>,
    key: F,
}

struct Table<K> {
    settings: GateSettings,
    entries: RwLock<HashMap<K, Entry>>,
    /// How many keys were added: the clock by which gates give way.
    added: AtomicU64,
}

struct Entry {
    gate: Anchor,
    /// When it was added or asked for the last time, see [`Table::touch`].
    used: AtomicU64,
}

impl<K, F> KeyedGates<K, F> {
    pub(crate) fn new(settings: &GateSettings, key: F) -> Self {
        let table = Table {
            settings: settings.clone(),
            entries: RwLock::default(),
            added: AtomicU64::new(0),
        };
        Self {
            table: Arc::new(table),
            key,
        }
    }

    pub(crate) fn handles(&self) -> GateHandles<K> {
        GateHandles {
            table: Arc::clone(&self.table),
        }
    }
}

impl<K, F> Sealed for KeyedGates<K, F> {}

impl<Req, K, F> Gates<Req> for KeyedGates<K, F>
where
    K: Clone + Eq + Hash,
    F: Fn(&Req) -> K,
{
    fn find(&self, request: &Req) -> Found {
        let found = self.table.with((self.key)(request), Finding::at);
        Found(found.unwrap_or(Finding::Open(GateWitness::idle())))
    }
}

impl<K> Table<K> {
    fn read(&self) -> RwLockReadGuard<'_, HashMap<K, Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a key is in use: after the last one was added, and before the next. Most of the
    /// time that is known, and nothing is written that other cores would have to fetch.
    fn touch(&self, entry: &Entry) {
        let now = 2 * self.added.load(Relaxed) + 1;
        if entry.used.load(Relaxed) != now {
            entry.used.store(now, Relaxed);
        }
    }
}

impl<K: Clone + Eq + Hash> Table<K> {
    /// Looks at the gate of this key, which is made if it has none; `None` when there is no room
    /// for one more.
    fn with<R>(&self, key: K, look: impl Fn(&Anchor) -> R) -> Option<R> {
        let entries = self.read();
        if let Some(entry) = entries.get(&key) {
            self.touch(entry);
            return Some(look(&entry.gate));
        }
        drop(entries);
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get(&key) {
            self.touch(entry);
            return Some(look(&entry.gate));
        }
        if entries.len() >= self.settings.max_keys {
            let gives_way = first_to_go(&entries)?;
            entries.remove(&gives_way);
        }
        let gate = Anchor::claim(&self.settings);
        let looked = look(&gate);
        let used = AtomicU64::new(2 * (self.added.fetch_add(1, Relaxed) + 1));
        entries.insert(key, Entry { gate, used });
        Some(looked)
    }
}

fn first_to_go<K: Clone>(entries: &HashMap<K, Entry>) -> Option<K> {
    let open = entries
        .iter()
        .filter(|(_, entry)| entry.gate.block().is_open());
    let oldest = open.min_by_key(|(_, entry)| entry.used.load(Relaxed));
    oldest.map(|(key, _)| key.clone())
}

impl<K, F: Clone> Clone for KeyedGates<K, F> {
    fn clone(&self) -> Self {
        Self {
            table: Arc::clone(&self.table),
            key: self.key.clone(),
        }
    }
}

impl<K, F> fmt::Debug for KeyedGates<K, F> {
    /// Not the keys, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedGates")
            .field("keys", &self.table.read().len())
            .finish_non_exhaustive()
    }
}

/// Reads and overrides the gates of a keyed layer.
pub struct GateHandles<K> {
    table: Arc<Table<K>>,
}

impl<K> GateHandles<K> {
    /// How many keys have a gate.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.read().len()
    }

    /// Whether no key has one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Clone + Eq + Hash> GateHandles<K> {
    /// The gate of this key, if it has one.
    ///
    /// The handle stays with this gate, also when it has given way since and its key has got
    /// another.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<GateHandle> {
        self.table.read().get(key).map(Entry::handle)
    }

    /// All keys and their gates, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<(K, GateHandle)> {
        let entries = self.table.read();
        let all = entries.iter();
        all.map(|(key, entry)| (key.clone(), entry.handle()))
            .collect()
    }

    /// The gate of this key, which is made if it has none: to park a key, say, before its first
    /// call. `None` when there is no room for one more.
    #[must_use]
    pub fn get_or_add(&self, key: K) -> Option<GateHandle> {
        self.table.with(key, |gate| GateHandle::new(gate.clone()))
    }
}

impl Entry {
    fn handle(&self) -> GateHandle {
        GateHandle::new(self.gate.clone())
    }
}

impl<K> Clone for GateHandles<K> {
    fn clone(&self) -> Self {
        Self {
            table: Arc::clone(&self.table),
        }
    }
}

impl<K> fmt::Debug for GateHandles<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GateHandles")
            .field("keys", &self.len())
            .finish_non_exhaustive()
    }
}
