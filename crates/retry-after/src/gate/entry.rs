//! How calls come to a gate: through, into the line, or away.

use super::{
    GateSettings,
    block::{Block, WakeOnDrop},
    line::Line,
    state::{Admit, later},
    witness::GateWitness,
};
use buttress_core::{Cause, Context, Rejected, recycle::Owned};
use std::{sync::Arc, task::Waker, time::Duration};
use tokio::time::Instant;

/// A block, and its owner where it has one, which whoever waits keeps alive.
#[derive(Clone, Debug)]
pub(crate) struct Anchor {
    block: &'static Block,
    _owner: Option<Arc<Owned<Block>>>,
}

/// How a call is received at a gate that is not open.
pub(crate) enum Entered<T = Turn> {
    /// It may go.
    Go(GateWitness),
    /// It waits, for about this long.
    Wait(T, Duration),
    Rejected(Rejected),
}

/// A place in the line. Dropped, it is given up.
#[derive(Debug)]
pub(crate) struct Turn {
    anchor: Anchor,
    number: u64,
    limit: Instant,
    deadline: Option<Instant>,
}

/// What is to be done about a turn.
#[derive(Debug)]
pub(crate) enum Turned {
    Go(GateWitness),
    /// Look again at this time, or when woken.
    Until(Instant),
    Rejected(Rejected),
}

impl Anchor {
    pub(crate) fn claim(settings: &GateSettings) -> Self {
        let owner = Owned::<Block>::claim(settings);
        Self {
            block: owner.block(),
            _owner: Some(Arc::new(owner)),
        }
    }

    /// A block that nobody owns and that is never used again.
    #[cfg(test)]
    pub(crate) fn leak(settings: &GateSettings) -> Self {
        Self {
            block: Box::leak(Box::new(Block::new(settings))),
            _owner: None,
        }
    }

    pub(crate) const fn block(&self) -> &'static Block {
        self.block
    }

    /// Lets a call through if the gate is open.
    #[inline]
    pub(crate) fn pass(&self) -> Option<GateWitness> {
        let epoch = self.block.open_epoch()?;
        Some(GateWitness::new(self.block, epoch, false))
    }

    /// Receives a call when the gate is not open, or was not a moment ago. If it has to wait it
    /// has no place yet.
    pub(crate) fn receive<C: Context>(&self, context: &C, now: Instant) -> Entered<()> {
        self.take_in(context, now, |_, _| ())
    }

    /// Receives a call, and gives it a place in the line if it has to wait.
    pub(crate) fn enter<C: Context>(&self, context: &C, now: Instant) -> Entered {
        self.take_in(context, now, |line, limit| Turn {
            anchor: self.clone(),
            number: line.join(limit),
            limit,
            deadline: context.deadline(),
        })
    }

    fn take_in<T>(
        &self,
        context: &impl Context,
        now: Instant,
        wait: impl FnOnce(&mut Line, Instant) -> T,
    ) -> Entered<T> {
        let deadline = context.deadline();
        if deadline.is_some_and(|deadline| deadline <= now) {
            return Entered::Rejected(Rejected::new(Cause::DeadlinePast));
        }
        let patience = context.patience().unwrap_or(Duration::MAX);
        let block = self.block;
        // Woken after the lock is given back.
        let _woken;
        let mut inside = block.lock();
        let inside = &mut *inside;
        _woken = WakeOnDrop(inside.line.expire(u64::MAX, now));
        let ahead = inside.line.len();
        if ahead == 0
            && let Admit::Go { probe } = inside.admit(block, now, true)
        {
            block.publish(&inside.state);
            return Entered::Go(GateWitness::new(block, inside.state.epoch(), probe));
        }
        let settings = inside.state.settings();
        let limit = later(now, settings.max_wait.min(patience));
        let limit = deadline.map_or(limit, |deadline| limit.min(deadline));
        let expected = inside.state.expect(now, ahead);
        if ahead >= settings.max_waiting {
            return Entered::Rejected(inside.state.reject(Cause::QueueFull, expected, now));
        }
        match expected {
            Some(expected) if expected <= limit => {
                let turn = wait(&mut inside.line, limit);
                Entered::Wait(turn, expected.saturating_duration_since(now))
            }
            _ => {
                let state = &inside.state;
                Entered::Rejected(state.reject(state.refusal(), expected, now))
            }
        }
    }
}

impl Turn {
    /// Whether the turn has come, or can't come any more.
    pub(crate) fn poll(&self, waker: &Waker, now: Instant) -> Turned {
        let block = self.anchor.block;
        // Dropped after the lock is.
        let (_replaced, _woken);
        let mut inside = block.lock();
        let inside = &mut *inside;
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            return Turned::Rejected(Rejected::new(Cause::DeadlinePast));
        }
        _woken = WakeOnDrop(inside.line.expire(self.number, now));
        let Some(ahead) = inside.line.ahead_of(self.number) else {
            // Nobody polled it until long after its limit, and the place was taken away.
            let expected = inside.state.expect(now, inside.line.len());
            let state = &inside.state;
            return Turned::Rejected(state.reject(state.refusal(), expected, now));
        };
        // Who stands before may be polled no more.
        let free_at = inside.line.free_at(ahead);
        let mut look_again = free_at.map_or(self.limit, |free| free.min(self.limit));
        if ahead == 0 {
            match inside.admit(block, now, inside.line.len() == 1) {
                Admit::Go { probe } => {
                    block.publish(&inside.state);
                    return Turned::Go(GateWitness::new(block, inside.state.epoch(), probe));
                }
                Admit::At(at) => look_again = at.min(self.limit),
                Admit::Wait => {}
            }
        }
        let hopeless = inside
            .state
            .earliest(now)
            .is_none_or(|first| first > self.limit);
        if hopeless || self.limit <= now {
            let expected = inside.state.expect(now, ahead);
            let state = &inside.state;
            return Turned::Rejected(state.reject(state.refusal(), expected, now));
        }
        _replaced = inside.line.watch(ahead, waker);
        Turned::Until(look_again)
    }
}

impl Drop for Turn {
    /// Gives the place to the next one, whether the turn was taken or given up.
    fn drop(&mut self) {
        let mut inside = self.anchor.block.lock();
        let ahead = inside.line.ahead_of(self.number);
        let left = ahead.map(|ahead| inside.line.leave(ahead));
        drop(inside);
        if let Some(next) = left.and_then(|left| left.next) {
            next.wake();
        }
    }
}

#[cfg(test)]
mod key;
#[cfg(all(test, loom))]
mod loom;
#[cfg(test)]
mod model;
