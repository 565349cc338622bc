use super::{block::Anchor, select::KeyedGates};
use std::{hash::Hash, time::Duration};
use tokio::time::Instant;

/// Reads and overrides one gate. Clones are handles to the same gate.
///
/// A handle keeps its gate alive. The handle of a keyed gate that gave way to another key's
/// ([`KeyedGates`]) speaks of a gate that no call passes any more.
#[derive(Clone, Debug)]
pub struct GateHandle(Anchor);

/// What a gate is doing.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum GateState {
    /// Everybody passes.
    Open,
    /// Nobody passes.
    Closed {
        /// The time until it reopens.
        wait: Duration,
    },
    /// One call after the other passes.
    Reopening {
        /// How many a second.
        per_second: f64,
    },
    /// The key is unusable.
    Parked {
        /// The time until a call may try it; none if somebody parked it until further notice.
        wait: Option<Duration>,
    },
    /// A call is out to try a key that is parked, or that was to be closed for very long.
    Probing,
}

impl GateHandle {
    pub(crate) const fn new(anchor: Anchor) -> Self {
        Self(anchor)
    }

    /// What the gate is doing now.
    #[must_use]
    pub fn state(&self) -> GateState {
        self.0.block().read(Instant::now()).0
    }

    /// How many calls stand in line.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.block().read(Instant::now()).1
    }

    /// Opens the gate. Those who stand in line go one after the other.
    pub fn open(&self) {
        self.0.block().open(Instant::now());
    }

    /// Closes the gate for this long, in place of whatever it was doing.
    pub fn close_for(&self, wait: Duration) {
        self.0.block().close(wait, Instant::now());
    }

    /// Parks the key, for this long or until further notice. Then one call at a time tries it,
    /// until one succeeds.
    pub fn park(&self, wait: Option<Duration>) {
        self.0.block().park(wait, Instant::now());
    }

    /// Opens the gate if the key is parked.
    pub fn unpark(&self) {
        self.0.block().unpark(Instant::now());
    }
}

/// Finds the handles of keyed gates.
#[derive(Clone, Debug)]
pub struct GateHandles<K, F>(KeyedGates<K, F>);

impl<K, F> GateHandles<K, F> {
    pub(crate) const fn new(gates: KeyedGates<K, F>) -> Self {
        Self(gates)
    }

    /// How many keys have a gate.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no key has one yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Hash + Eq, F> GateHandles<K, F> {
    /// The gate of this key, if it has one.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<GateHandle> {
        self.0.get(key)
    }
}

impl<K: Clone, F> GateHandles<K, F> {
    /// All keys that have a gate, in no order.
    #[must_use]
    pub fn keys(&self) -> Vec<K> {
        self.0.keys()
    }
}
