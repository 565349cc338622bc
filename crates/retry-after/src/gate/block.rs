use super::{
    GateState,
    line::Line,
    settings::Settings,
    state::{Admit, Mode, State, Verdict, later},
    witness::GateWitness,
};
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering};
use buttress_core::{
    Cause, Context, Rejected,
    recycle::{FreeList, Owned, Recycle},
};
use std::{
    sync::{Arc, PoisonError},
    task::Waker,
    time::Duration,
};
use tokio::time::Instant;

/// One gate: a word that says whether it is open, and all the rest behind a lock that only calls
/// to a key in trouble take.
#[derive(Debug)]
pub(crate) struct Block {
    /// The epoch, and in the lowest bit whether everybody passes. Written under the lock.
    word: AtomicU64,
    inside: Mutex<Inside>,
}

#[derive(Debug)]
struct Inside {
    state: State,
    line: Line,
}

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

impl Block {
    pub(crate) fn new(settings: &Settings) -> Self {
        let state = State::new(settings, 0);
        Self {
            word: AtomicU64::new(word(&state)),
            inside: Mutex::new(Inside {
                state,
                line: Line::default(),
            }),
        }
    }

    /// Lets a call through if the gate is open.
    #[inline]
    pub(crate) fn pass(&'static self) -> Option<GateWitness> {
        let word = self.word.load(Ordering::Acquire);
        (word & 1 == 1).then(|| GateWitness::new(self, word >> 1, false))
    }

    /// Whether a success in this epoch is no news.
    #[inline]
    pub(crate) fn is_open_since(&self, epoch: u64) -> bool {
        self.word.load(Ordering::Acquire) == epoch << 1 | 1
    }

    /// Whether the gate lets everybody through.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.word.load(Ordering::Acquire) & 1 == 1
    }

    #[cold]
    pub(crate) fn settle(
        &self,
        epoch: u64,
        verdict: Verdict,
        kind: Option<&'static str>,
        now: Instant,
    ) {
        self.change(now, |inside| {
            inside.state.settle(epoch, verdict, kind, now);
        });
    }

    #[cold]
    pub(crate) fn answered(&self, epoch: u64, now: Instant) {
        self.change(now, |inside| inside.state.answered(epoch, now));
    }

    #[cold]
    pub(crate) fn learn(&self, epoch: u64, every: Duration) {
        self.lock().state.learn(epoch, every);
    }

    #[cold]
    pub(crate) fn hold(&self, epoch: u64, hold: Duration, now: Instant) {
        self.change(now, |inside| inside.state.hold(epoch, hold, now));
    }

    pub(crate) fn open(&self, now: Instant) {
        self.change(now, |inside| inside.state.open(now, inside.line.len() == 0));
    }

    pub(crate) fn unpark(&self, now: Instant) {
        self.change(now, |inside| {
            if matches!(inside.state.mode(), Mode::Parked { .. } | Mode::Probing) {
                inside.state.open(now, inside.line.len() == 0);
            }
        });
    }

    pub(crate) fn close(&self, wait: Duration, now: Instant) {
        self.change(now, |inside| inside.state.close(wait, now));
    }

    pub(crate) fn park(&self, wait: Option<Duration>, now: Instant) {
        self.change(now, |inside| inside.state.park(wait, now));
    }

    pub(crate) fn read(&self, now: Instant) -> (GateState, usize) {
        let inside = self.lock();
        let wait = |until: Instant| until.saturating_duration_since(now);
        let per_second = inside.state.per_second();
        let state = match inside.state.mode() {
            Mode::Open => GateState::Open,
            Mode::Closed { until } if until > now => GateState::Closed { wait: wait(until) },
            Mode::Closed { .. } | Mode::Paced { .. } => GateState::Reopening { per_second },
            Mode::Parked { until } => GateState::Parked {
                wait: until.map(wait),
            },
            Mode::Probing => GateState::Probing,
        };
        (state, inside.line.len())
    }

    /// Changes what is inside, and wakes those whom the change concerns.
    fn change(&self, now: Instant, change: impl FnOnce(&mut Inside)) {
        let mut inside = self.lock();
        let before = inside.state.mode();
        change(&mut inside);
        self.publish(&inside.state);
        let wakers = match inside.state.mode() {
            mode if mode == before => Vec::new(),
            _ => {
                let first = inside.state.expect(now, 0);
                inside.line.hopeless(first)
            }
        };
        // Waking may run foreign code, which must not find the gate locked.
        drop(inside);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn publish(&self, state: &State) {
        self.word.store(word(state), Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn word(state: &State) -> u64 {
    state.epoch() << 1 | u64::from(state.mode() == Mode::Open)
}

impl Anchor {
    pub(crate) fn claim(settings: &Settings) -> Self {
        let owner = Owned::<Block>::claim(settings);
        Self {
            block: owner.block(),
            _owner: Some(Arc::new(owner)),
        }
    }

    /// A block that nobody owns and that is never used again.
    #[cfg(test)]
    pub(crate) fn leak(settings: &Settings) -> Self {
        Self {
            block: Box::leak(Box::new(Block::new(settings))),
            _owner: None,
        }
    }

    pub(crate) const fn block(&self) -> &'static Block {
        self.block
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
            && let Admit::Go { probe } = inside.state.admit(now, true)
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

/// Wakes whom it holds when it is dropped, which is to be after a lock is given back: waking may
/// run foreign code.
struct WakeOnDrop(Vec<Waker>);

impl Drop for WakeOnDrop {
    fn drop(&mut self) {
        self.0.drain(..).for_each(Waker::wake);
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
        let expected = inside.state.expect(now, ahead);
        // Who stands before may be polled no more.
        let free_at = inside.line.free_at(ahead);
        let mut look_again = free_at.map_or(self.limit, |free| free.min(self.limit));
        if ahead == 0 {
            match inside.state.admit(now, inside.line.len() == 1) {
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
            .expect(now, 0)
            .is_none_or(|first| first > self.limit);
        if hopeless || self.limit <= now {
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

impl Recycle for Block {
    type Spec = Settings;

    fn free_list() -> &'static FreeList<Self> {
        static FREE: FreeList<Block> = FreeList::new();
        &FREE
    }

    fn create(settings: &Settings) -> Self {
        Self::new(settings)
    }

    fn fits(&self, _: &Settings) -> bool {
        true
    }

    fn renew(&self, settings: &Settings) {
        let mut inside = self.lock();
        inside.state = State::new(settings, inside.state.epoch() + 1);
        self.publish(&inside.state);
    }
}

#[cfg(all(test, loom))]
mod loom;
#[cfg(test)]
mod model;
