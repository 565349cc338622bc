use super::{
    block::{Block, Inside, WakeOnDrop},
    state::Verdict,
};
use crate::sync::{Mutex, MutexGuard};
use std::{
    fmt, ptr,
    sync::{Arc, PoisonError},
};
use tokio::time::Instant;

/// A key that has several gates, one for each of its limits: a model's, say.
///
/// Each gate closes, paces and lines up calls by itself. What its gates share is that the key is
/// unusable: a failure that blames the [`Key`](buttress_core::Blame::Key) itself and is
/// persistent parks all of them, and so does [`park`](super::GateHandle::park); then one call at a
/// time tries the key for all of them, and when it finds out that the key works again, all
/// reopen. What a gate is parked for that blames a [`Limit`](buttress_core::Blame::Limit) stays
/// its own affair, and is not over when the key works.
///
/// A call that is not heard of within the [lease](super::GateSettings::probe_lease) of its gate, or
/// whose gate is gone, may still be out when the next one tries the key, and has no say any more.
/// A gate that is [opened](super::GateHandle::open) or [closed](super::GateHandle::close_for) by
/// hand leaves the others as they are.
///
/// Clones are the same key. A gate that is given a key which is parked is parked as well. A key
/// keeps no gate alive.
///
/// ```
/// use buttress_retry_after::{GateLayer, GateState, SharedKey};
/// use std::time::Duration;
///
/// let key = SharedKey::new();
/// let [large, small] = [(); 2].map(|()| GateLayer::standard().of_key(&key));
///
/// large.handle().close_for(Duration::from_secs(20));
/// assert_eq!(small.handle().state(), GateState::Open);
/// large.handle().park(None);
/// assert_eq!(small.handle().state(), GateState::Parked { wait: None });
/// # let _: (GateLayer, GateLayer) = (large, small);
/// ```
#[derive(Clone)]
pub struct SharedKey(Arc<Key>);

struct Key {
    /// Those that joined. Not all of them may be of this key still: a block that serves another
    /// owner now knows it.
    ///
    /// Held by whoever changes what is known of the key, so that all gates hear of all changes in
    /// one order, and agree in the end. Locked before any block is.
    gates: Mutex<Vec<&'static Block>>,
    /// Whose call tries the key, and until when it has its place. Locked after a block.
    trying: Mutex<Option<(BlockId, Instant)>>,
}

/// Where a block is, which it never leaves.
type BlockId = usize;

impl SharedKey {
    /// A key without a gate so far.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Key {
            gates: Mutex::new(Vec::new()),
            trying: Mutex::new(None),
        }))
    }

    /// Makes a gate one of this key, which may be known to be unusable already.
    pub(crate) fn join(&self, block: &'static Block, now: Instant) {
        if self.has(&block.lock()) {
            return;
        }
        block.leave_key(now);
        let mut woken = WakeOnDrop::default();
        let mut gates = lock(&self.0.gates);
        gates.retain(|known| !ptr::eq(*known, block) && self.has(&known.lock()));
        let known = gates.iter().find_map(|known| {
            let inside = known.lock();
            let parked = inside.state.is_parked_of_key();
            parked.then(|| inside.state.clone())
        });
        block.change_quietly(now, &mut woken, |inside| {
            inside.key = Some(self.clone());
            if let Some(known) = known {
                inside.state.join(&known, now);
            }
        });
        gates.push(block);
    }

    /// Changes one of its gates, and then the others, if the first change says so. When it only
    /// ends that a call tries the key, the next one may, at whichever gate it is.
    pub(crate) fn change(
        &self,
        block: &Block,
        now: Instant,
        change: impl FnOnce(&mut Inside) -> bool,
        others: impl Fn(&mut Inside),
    ) {
        // Woken after the locks are given back.
        let mut woken = WakeOnDrop::default();
        let gates = lock(&self.0.gates);
        let (concerns, ended) = block.change_quietly(now, &mut woken, |inside| {
            let tried = inside.state.tries_key();
            let concerns = change(inside);
            (concerns, tried && !inside.state.tries_key())
        });
        if !concerns && !ended {
            return;
        }
        for other in gates.iter().filter(|other| !ptr::eq(**other, block)) {
            other.change_quietly(now, &mut woken, |inside| {
                if !self.has(inside) {
                } else if concerns {
                    others(inside);
                } else {
                    inside.state.hear(Verdict::Beside, None, now);
                }
            });
        }
    }

    /// Takes the place of the one call that tries the key, for a gate and until a time. Refused it
    /// gives until when it is taken.
    pub(crate) fn claim(&self, block: &Block, now: Instant, until: Instant) -> Result<(), Instant> {
        let mut trying = lock(&self.0.trying);
        match *trying {
            // By whichever gate: this one asks only when it has no call out that tries the key, and
            // its block may have been another's.
            Some((_, taken)) if now < taken => Err(taken),
            _ => {
                *trying = Some((id(block), until));
                Ok(())
            }
        }
    }

    /// Gives the place back, if this gate has it still.
    pub(crate) fn release(&self, block: &Block) {
        let mut trying = lock(&self.0.trying);
        if trying.is_some_and(|(holder, _)| holder == id(block)) {
            *trying = None;
        }
    }

    fn has(&self, inside: &Inside) -> bool {
        let same = |key: &Self| Arc::ptr_eq(&key.0, &self.0);
        inside.key.as_ref().is_some_and(same)
    }
}

fn id(block: &Block) -> BlockId {
    ptr::from_ref(block).addr()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for SharedKey {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedKey")
    }
}
