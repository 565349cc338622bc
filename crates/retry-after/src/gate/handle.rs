use super::{GateState, Notice, entry::Anchor};
use buttress_core::Name;
use std::time::Duration;
use tokio::time::Instant;

/// Reads and overrides one gate. Clones are handles to the same gate.
///
/// A handle keeps its gate alive. The handle of a keyed gate that gave way to another key's
/// ([`KeyedGates`](super::KeyedGates)) speaks of a gate that no call passes any more.
#[derive(Clone, Debug)]
pub struct GateHandle(Anchor);

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

    /// The [kind](buttress_core::Failure::kind) of the failure that shut the gate, until the key
    /// is known to work: what those hear who are turned away. None when it was shut by hand, or by
    /// a failure without a kind.
    #[must_use]
    pub fn origin(&self) -> Option<Name> {
        self.0.block().lock().state.origin()
    }

    /// What others have to know that calls with the same key pass elsewhere.
    #[must_use]
    pub fn notice(&self) -> Notice {
        self.0.block().lock().state.notice()
    }

    /// Takes in what another gate of the same key gave notice of, as if a call here had found it
    /// out: for no longer than it may be [closed](super::GateSettings::max_closed), and never for
    /// less long than it is shut already. What is about the key itself goes for all gates of a
    /// [`SharedKey`](super::SharedKey).
    ///
    /// [`Notice::Open`] says that the key works. It ends nothing but that the key is parked, and
    /// not that somebody parked it until further notice: that [`open`](Self::open) and
    /// [`unpark`](Self::unpark) do.
    pub fn heed(&self, notice: Notice) {
        self.0.block().heed(notice, Instant::now());
    }

    /// Opens the gate. Those who stand in line go one after the other.
    pub fn open(&self) {
        self.0.block().open(Instant::now());
    }

    /// Closes the gate for this long, in place of whatever it was doing.
    pub fn close_for(&self, wait: Duration) {
        self.0.block().close(wait, Instant::now());
    }

    /// Parks the key, for this long or until further notice, at all gates of a
    /// [`SharedKey`](super::SharedKey). Then one call at a time tries it, until one succeeds.
    pub fn park(&self, wait: Option<Duration>) {
        self.0.block().park(wait, Instant::now());
    }

    /// Opens the gate if the key is parked, and so all gates of a
    /// [`SharedKey`](super::SharedKey).
    pub fn unpark(&self) {
        self.0.block().unpark(Instant::now());
    }
}
