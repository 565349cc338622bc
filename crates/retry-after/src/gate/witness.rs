use super::{Hint, block::Block, state::Verdict};
use buttress_core::{Failure, Witness};
use tokio::time::Instant;

/// What a gate has out on a call: it hears of the end of it.
///
/// # Cancellation
/// Dropped, it tells nothing. If the call was the one that a parked key was tried with, the next
/// call tries it.
#[derive(Debug)]
pub struct GateWitness {
    /// None for a call that passes where there is no gate.
    block: Option<&'static Block>,
    /// The epoch in which the call was let in, and in the lowest bit whether it is a probe.
    word: u64,
}

impl GateWitness {
    pub(crate) fn new(block: &'static Block, epoch: u64, probe: bool) -> Self {
        Self {
            block: Some(block),
            word: epoch << 1 | u64::from(probe),
        }
    }

    /// For a call that passes where there is no gate.
    pub(crate) const fn idle() -> Self {
        Self {
            block: None,
            word: 0,
        }
    }

    pub(crate) const fn epoch(&self) -> u64 {
        self.word >> 1
    }

    pub(crate) const fn is_probe(&self) -> bool {
        self.word & 1 == 1
    }

    /// Passes on what an answer told of the pace.
    pub(crate) fn learn(&self, hint: Hint) {
        if let Some(block) = self.block
            && hint != Hint::NONE
        {
            block.learn(self.epoch(), hint, Instant::now());
        }
    }

    /// For a probe: how to tell that its answer has begun, even if its end is not there yet.
    pub(crate) fn probe(&self) -> Option<Probe> {
        let block = self.block.filter(|_| self.is_probe())?;
        Some(Probe {
            block,
            epoch: self.epoch(),
        })
    }
}

impl Witness for GateWitness {
    fn settled(mut self, outcome: Result<(), Failure>) {
        let Some(block) = self.block else {
            return;
        };
        let verdict = Verdict::of(outcome);
        let news = match verdict {
            Verdict::Well => !block.is_open_since(self.epoch()),
            Verdict::Limited(_) | Verdict::Spent(_) => true,
            Verdict::Beside => self.is_probe(),
        };
        if news {
            block.settle(self.epoch(), verdict, Instant::now());
        }
        self.block = None;
    }
}

impl Drop for GateWitness {
    fn drop(&mut self) {
        if let Some(Probe { block, epoch }) = self.probe() {
            block.settle(epoch, Verdict::Beside, Instant::now());
        }
    }
}

/// A probe that is out.
pub(crate) struct Probe {
    block: &'static Block,
    epoch: u64,
}

impl Probe {
    /// The answer has begun and is no failure so far: the key works. Others need not wait for
    /// the end of a long stream.
    pub(crate) fn answered(self) {
        self.block.answered(self.epoch, Instant::now());
    }
}
