use super::{Hint, block::Block, state::Verdict};
use buttress_core::{Failure, Name, Witness};
use std::time::Duration;
use tokio::time::Instant;

/// What a gate has out on a call: it hears of the end of it.
///
/// # Cancellation
/// Dropped, it tells nothing. If the call was the one that a parked key was tried with, the next
/// call tries it.
#[derive(Debug)]
pub struct GateWitness(Option<Pass>);

/// At which gate a call was let in, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    block: &'static Block,
    /// The epoch, and in the lowest bit whether the call is a probe.
    word: u64,
}

impl GateWitness {
    #[inline]
    pub(crate) fn new(block: &'static Block, epoch: u64, probe: bool) -> Self {
        let word = epoch << 1 | u64::from(probe);
        Self(Some(Pass { block, word }))
    }

    /// For a call that passes where there is no gate.
    pub(crate) const fn idle() -> Self {
        Self(None)
    }

    #[inline]
    pub(crate) const fn pass(&self) -> Option<Pass> {
        self.0
    }
}

impl Witness for GateWitness {
    #[inline]
    fn settled(mut self, outcome: Result<(), Failure>) {
        let Some(pass) = self.0.take() else {
            return;
        };
        // A success while the gate is open is no news.
        if outcome.is_err() || !pass.block.is_open_since(pass.epoch()) {
            pass.settle(outcome);
        }
    }
}

impl Drop for GateWitness {
    #[inline]
    fn drop(&mut self) {
        if let Some(pass) = self.0.filter(Pass::is_probe) {
            pass.abandon();
        }
    }
}

impl Pass {
    #[inline]
    pub(crate) const fn epoch(&self) -> u64 {
        self.word >> 1
    }

    #[inline]
    pub(crate) const fn is_probe(&self) -> bool {
        self.word & 1 == 1
    }

    #[cold]
    fn settle(self, outcome: Result<(), Failure>) {
        let verdict = Verdict::of(outcome);
        if verdict != Verdict::Beside || self.is_probe() {
            let kind = outcome.err().and_then(|failure| failure.kind);
            self.tell(verdict, kind, Instant::now());
        }
    }

    #[cold]
    fn abandon(self) {
        self.tell(Verdict::Beside, None, Instant::now());
    }

    pub(crate) fn tell(self, verdict: Verdict, kind: Option<Name>, now: Instant) {
        self.block
            .settle(self.epoch(), self.is_probe(), verdict, kind, now);
    }

    /// Passes the pace on that an answer told, before the answer is judged: if it meets a limit,
    /// the gate reopens at that pace.
    #[inline]
    pub(crate) fn learn(self, hint: Hint) {
        // While the gate is open, only a limit that is used up is news.
        if let Some(every) = hint.every
            && (hint.hold.is_some() || !self.block.is_open())
        {
            self.block.learn(self.epoch(), every);
        }
    }

    /// Takes in an answer that is no error, after it was judged, if its end is not there yet.
    #[inline]
    pub(crate) fn answered(self, hold: Option<Duration>) {
        // Others need not wait for the end of a long stream to know that a key works.
        if self.is_probe() {
            self.block.answered(self.epoch(), Instant::now());
        }
        if let Some(hold) = hold {
            self.block.hold(self.epoch(), hold, Instant::now());
        }
    }
}
