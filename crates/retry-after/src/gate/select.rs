use super::{GateHandle, block::Anchor, settings::Settings, witness::GateWitness};
use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Finds the gate that a request has to pass.
///
/// There are two: [`OneGate`] for everything, and [`KeyedGates`], one for each key.
pub trait Gates<Req>: sealed::Sealed {
    #[doc(hidden)]
    fn find(&self, request: &Req) -> Found;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::OneGate {}
    impl<K, F> Sealed for super::KeyedGates<K, F> {}
}

/// What [`Gates::find`] found.
#[derive(Debug)]
#[doc(hidden)]
pub struct Found(pub(crate) Finding);

#[derive(Debug)]
pub(crate) enum Finding {
    /// An open gate, or none: the call may go.
    Open(GateWitness),
    /// A gate that is not open.
    Shut(Anchor),
}

impl Finding {
    #[inline]
    fn at(anchor: &Anchor) -> Self {
        match anchor.block().pass() {
            Some(witness) => Self::Open(witness),
            None => Self::Shut(anchor.clone()),
        }
    }
}

/// One gate for everything that a [`GateLayer`](super::GateLayer) serves.
#[derive(Clone, Debug)]
pub struct OneGate(pub(crate) Anchor);

impl<Req> Gates<Req> for OneGate {
    #[inline]
    fn find(&self, _: &Req) -> Found {
        Found(Finding::at(&self.0))
    }
}

/// A gate for each key that a closure draws from a request.
///
/// Clones share their gates. There are at most \[1,024\] of them
/// ([`GateLayer::max_gates`](super::GateLayer::max_gates)). When there are as many and a new key
/// comes, an open gate gives way, since an open one holds nothing that is worth keeping: of those
/// the one whose key was asked for least recently, as counted in new keys. Where all are closed, reopening or parked, the new key is served without a gate: a flood of keys opens no
/// gate that is closed.
pub struct KeyedGates<K, F> {
    key: F,
    map: Arc<Map<K>>,
}

struct Map<K> {
    settings: Settings,
    max: usize,
    gates: RwLock<HashMap<K, Entry>>,
    /// How many keys were added: the clock by which gates give way.
    added: AtomicU64,
}

struct Entry {
    gate: Anchor,
    /// When it was added or asked for the last time, see [`Map::touch`].
    used: AtomicU64,
}

impl<K, F> KeyedGates<K, F> {
    pub(crate) fn new(key: F, settings: Settings, max: usize) -> Self {
        Self {
            key,
            map: Arc::new(Map {
                settings,
                max,
                gates: RwLock::default(),
                added: AtomicU64::new(0),
            }),
        }
    }

    pub(crate) fn len(&self) -> usize {
        let gates = self.map.gates.read();
        gates.unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl<K: Hash + Eq, F> KeyedGates<K, F> {
    pub(crate) fn get(&self, key: &K) -> Option<GateHandle> {
        let gates = self
            .map
            .gates
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        gates
            .get(key)
            .map(|entry| GateHandle::new(entry.gate.clone()))
    }
}

impl<K: Clone, F> KeyedGates<K, F> {
    pub(crate) fn keys(&self) -> Vec<K> {
        let gates = self
            .map
            .gates
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        gates.keys().cloned().collect()
    }
}

impl<K: Hash + Eq + Clone> Map<K> {
    fn find(&self, key: K) -> Finding {
        let gates = self.gates.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = gates.get(&key) {
            self.touch(entry);
            return Finding::at(&entry.gate);
        }
        drop(gates);
        let mut gates = self.gates.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = gates.get(&key) {
            self.touch(entry);
            return Finding::at(&entry.gate);
        }
        if gates.len() >= self.max {
            let open = gates
                .iter()
                .filter(|(_, entry)| entry.gate.block().is_open());
            let oldest = open.min_by_key(|(_, entry)| entry.used.load(Relaxed));
            let Some(gives_way) = oldest.map(|(key, _)| key.clone()) else {
                return Finding::Open(GateWitness::idle());
            };
            gates.remove(&gives_way);
        }
        let gate = Anchor::claim(&self.settings);
        let found = Finding::at(&gate);
        let used = AtomicU64::new(2 * (self.added.fetch_add(1, Relaxed) + 1));
        gates.insert(key, Entry { gate, used });
        found
    }
}

impl<K> Map<K> {
    /// Notes that a key is in use: after the last one was added, and before the next. Most of the
    /// time that is known, and nothing is written that other cores would have to fetch.
    fn touch(&self, entry: &Entry) {
        let now = 2 * self.added.load(Relaxed) + 1;
        if entry.used.load(Relaxed) != now {
            entry.used.store(now, Relaxed);
        }
    }
}

impl<Req, K, F> Gates<Req> for KeyedGates<K, F>
where
    F: Fn(&Req) -> K,
    K: Hash + Eq + Clone,
{
    fn find(&self, request: &Req) -> Found {
        Found(self.map.find((self.key)(request)))
    }
}

impl<K, F: Clone> Clone for KeyedGates<K, F> {
    fn clone(&self) -> Self {
        Self {
            key: self.key.clone(),
            map: Arc::clone(&self.map),
        }
    }
}

impl<K, F> fmt::Debug for KeyedGates<K, F> {
    /// Not the keys, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedGates").finish_non_exhaustive()
    }
}
