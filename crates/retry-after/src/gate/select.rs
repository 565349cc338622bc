use super::{GateHandle, block::Anchor, settings::Settings, witness::GateWitness};
use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{Arc, PoisonError, RwLock},
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
/// comes, an open gate gives way, since an open one holds nothing that is worth keeping. Where all
/// are closed, reopening or parked, the new key is served without a gate: a flood of keys opens no
/// gate that is closed.
pub struct KeyedGates<K, F> {
    key: F,
    map: Arc<Map<K>>,
}

struct Map<K> {
    settings: Settings,
    max: usize,
    gates: RwLock<HashMap<K, Anchor>>,
}

impl<K, F> KeyedGates<K, F> {
    pub(crate) fn new(key: F, settings: Settings, max: usize) -> Self {
        Self {
            key,
            map: Arc::new(Map {
                settings,
                max,
                gates: RwLock::default(),
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
        gates.get(key).map(|gate| GateHandle::new(gate.clone()))
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
        if let Some(gate) = gates.get(&key) {
            return Finding::at(gate);
        }
        drop(gates);
        let mut gates = self.gates.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = gates.get(&key) {
            return Finding::at(gate);
        }
        if gates.len() >= self.max {
            let mut open = gates.iter().filter(|(_, gate)| gate.block().is_open());
            let Some(gives_way) = open.next().map(|(key, _)| key.clone()) else {
                return Finding::Open(GateWitness::idle());
            };
            gates.remove(&gives_way);
        }
        let gate = Anchor::claim(&self.settings);
        let found = Finding::at(&gate);
        gates.insert(key, gate);
        found
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
