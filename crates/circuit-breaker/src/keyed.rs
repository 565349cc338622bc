use crate::{
    Breakers, Handle, Settings, State,
    breaker::{Breaker, Owner, Rules},
    breakers::Sealed,
};
use arc_swap::ArcSwap;
use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::Instant;

/// One breaker per key that a closure draws from the request.
///
/// A known key is looked up without a lock. A new one makes a copy of the whole table, under a
/// lock: this is meant for keys that stay, such as hosts, models or tenants, not for ever new
/// ones.
///
/// # Eviction
///
/// There are at most [`max_keys`](Settings::max_keys) breakers. When one more is needed, the
/// first of these has to go:
///
/// 1. the closed one whose key was asked for least recently, as counted in new keys;
/// 2. of those that are neither closed nor keeping anybody out, because their next call would be
///    a probe, likewise;
/// 3. none: a breaker that does keep calls out, or that is isolated, is never given up for a new
///    one. The calls of the new key then go through unwatched.
///
/// An evicted breaker's calls in flight say nothing to its key's next breaker.
pub struct KeyedBreakers<K, F> {
    table: Arc<Table<K>>,
    key: F,
}

struct Table<K> {
    rules: Rules,
    seed: Option<u64>,
    max: usize,
    entries: ArcSwap<HashMap<K, Arc<Entry>>>,
    /// Held by whoever adds a key.
    adding: Mutex<()>,
    /// How many keys were added: the clock of eviction.
    added: AtomicU64,
}

struct Entry {
    breaker: &'static Breaker,
    owner: Arc<Owner>,
    /// When it was asked for the last time, on the table's clock.
    used: AtomicU64,
}

impl<K, F> KeyedBreakers<K, F> {
    pub(crate) fn new(settings: &Settings, key: F) -> Self {
        let table = Table {
            rules: settings.rules(),
            seed: settings.seed,
            max: settings.max_keys,
            entries: ArcSwap::default(),
            adding: Mutex::new(()),
            added: AtomicU64::new(0),
        };
        Self {
            table: Arc::new(table),
            key,
        }
    }

    pub(crate) fn handles(&self) -> Handles<K> {
        Handles {
            table: Arc::clone(&self.table),
        }
    }
}

impl<K, F> Sealed for KeyedBreakers<K, F> {}

impl<Req, K, F> Breakers<Req> for KeyedBreakers<K, F>
where
    K: Clone + Eq + Hash,
    F: Fn(&Req) -> K,
{
    fn only(&self) -> Option<&'static Breaker> {
        None
    }

    fn with<R>(&self, request: &Req, enter: impl FnOnce(Option<&'static Breaker>) -> R) -> R {
        let key = (self.key)(request);
        let known = self.table.entries.load();
        if let Some(entry) = known.get(&key) {
            self.table.touch(entry);
            return enter(Some(entry.breaker));
        }
        drop(known);
        let added = self.table.add(key);
        enter(added.as_ref().map(|entry| entry.breaker))
    }
}

impl<K> Table<K> {
    fn touch(&self, entry: &Entry) {
        let now = self.added.load(Relaxed);
        if entry.used.load(Relaxed) != now {
            entry.used.store(now, Relaxed);
        }
    }
}

impl<K: Clone + Eq + Hash> Table<K> {
    fn add(&self, key: K) -> Option<Arc<Entry>> {
        let adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = self.entries.load();
        if let Some(entry) = entries.get(&key) {
            return Some(Arc::clone(entry));
        }
        let evicted = if entries.len() < self.max {
            None
        } else {
            Some(victim(&entries)?)
        };
        let mut entries = HashMap::clone(&entries);
        if let Some(evicted) = evicted {
            entries.remove(&evicted);
        }
        let now = self.added.fetch_add(1, Relaxed) + 1;
        // Breakers with one seed must not all draw the same jitter.
        let seed = self.seed.map(|seed| seed.wrapping_add(now));
        let owner = Arc::new(Owner::new(self.rules, seed));
        let entry = Arc::new(Entry {
            breaker: owner.breaker(),
            owner,
            used: AtomicU64::new(now),
        });
        entries.insert(key, Arc::clone(&entry));
        self.entries.store(Arc::new(entries));
        drop(adding);
        Some(entry)
    }
}

fn victim<K: Clone>(entries: &HashMap<K, Arc<Entry>>) -> Option<K> {
    let now = Instant::now();
    let dispensable = entries.iter().filter_map(|(key, entry)| {
        let word = entry.breaker.word();
        let rank = match word.state() {
            State::Closed => 0,
            _ if word.probes() == 0 && entry.breaker.peek(|| now).is_ok() => 1,
            _ => return None,
        };
        Some(((rank, entry.used.load(Relaxed)), key))
    });
    let first = dispensable.min_by_key(|(rank, _)| *rank);
    first.map(|(_, key)| key.clone())
}

impl<K, F: Clone> Clone for KeyedBreakers<K, F> {
    fn clone(&self) -> Self {
        Self {
            table: Arc::clone(&self.table),
            key: self.key.clone(),
        }
    }
}

impl<K, F> fmt::Debug for KeyedBreakers<K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.table.entries.load().len();
        f.debug_struct("KeyedBreakers")
            .field("keys", &keys)
            .finish_non_exhaustive()
    }
}

/// Reads and overrides the breakers of a keyed layer.
pub struct Handles<K> {
    table: Arc<Table<K>>,
}

impl<K> Handles<K> {
    /// How many keys have a breaker.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.entries.load().len()
    }

    /// Whether no key has one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Clone + Eq + Hash> Handles<K> {
    /// The breaker of this key, if it has one.
    ///
    /// The handle stays with this breaker, also when its key has lost it to eviction and has got
    /// another since.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<Handle> {
        let entries = self.table.entries.load();
        entries.get(key).map(|entry| entry.handle())
    }

    /// All keys and their breakers, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<(K, Handle)> {
        let entries = self.table.entries.load();
        let all = entries.iter();
        all.map(|(key, entry)| (key.clone(), entry.handle()))
            .collect()
    }

    /// The breaker of this key, which is made if it has none: to isolate a key, say, before its
    /// first call. None when there is no room for one more.
    #[must_use]
    pub fn get_or_add(&self, key: K) -> Option<Handle> {
        let known = self.get(&key);
        known.or_else(|| Some(self.table.add(key)?.handle()))
    }

    /// The soonest time at which any of them lets a probe out, of those that keep calls out now.
    #[must_use]
    pub fn time_until_probe(&self) -> Option<Duration> {
        let entries = self.table.entries.load();
        let waits = entries
            .values()
            .filter_map(|e| e.handle().time_until_probe());
        waits.min()
    }
}

impl Entry {
    fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.owner))
    }
}

impl<K> Clone for Handles<K> {
    fn clone(&self) -> Self {
        Self {
            table: Arc::clone(&self.table),
        }
    }
}

impl<K> fmt::Debug for Handles<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handles")
            .field("keys", &self.len())
            .finish_non_exhaustive()
    }
}
