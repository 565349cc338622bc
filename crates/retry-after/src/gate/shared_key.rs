use super::block::{Block, Inside};
use crate::sync::Mutex;
use std::{
    fmt, ptr,
    sync::{Arc, PoisonError},
};
use tokio::time::Instant;

/// A key that has several gates, one for each of its limits: a model's, say.
///
/// Each gate closes, paces and lines up calls by itself. What its gates share is that the key is
/// unusable: a failure that blames the [`Key`](buttress_core::Blame::Key) itself and is
/// persistent parks all of them, and so does [`park`](super::GateHandle::park); when a call finds
/// out that the key works again, all of them reopen. What a gate is parked for that blames a
/// [`Limit`](buttress_core::Blame::Limit) stays its own affair.
///
/// Clones are the same key. It keeps no gate alive.
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
pub struct SharedKey {
    /// Those that joined. Not all of them may be of this key still: a block that serves another
    /// owner now knows it.
    gates: Arc<Mutex<Vec<&'static Block>>>,
}

impl SharedKey {
    /// A key without a gate so far.
    #[must_use]
    pub fn new() -> Self {
        Self {
            gates: Arc::new(Mutex::new(Vec::new())),
        }
    }

    pub(crate) fn join(&self, block: &'static Block) {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates.retain(|known| !ptr::eq(*known, block) && self.has(&known.lock()));
        gates.push(block);
        block.lock().key = Some(self.clone());
    }

    /// Changes all gates of this key but one.
    pub(crate) fn change_others(&self, than: &Block, now: Instant, change: impl Fn(&mut Inside)) {
        // A copy: a change wakes others, which may run foreign code.
        let gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let gates = gates.clone();
        for block in gates.into_iter().filter(|block| !ptr::eq(*block, than)) {
            block.change(now, |inside| {
                if self.has(inside) {
                    change(inside);
                }
            });
        }
    }

    fn has(&self, inside: &Inside) -> bool {
        let same = |key: &Self| Arc::ptr_eq(&key.gates, &self.gates);
        inside.key.as_ref().is_some_and(same)
    }
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
