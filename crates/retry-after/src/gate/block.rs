use super::{
    GateSettings, GateState, SharedKey,
    line::Line,
    state::{Mode, State, Verdict},
};
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering};
use buttress_core::{
    Name,
    recycle::{FreeList, Recycle},
};
use std::{sync::PoisonError, task::Waker, time::Duration};
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
pub(crate) struct Inside {
    pub(crate) state: State,
    pub(crate) line: Line,
    /// The key that other gates are for as well.
    pub(crate) key: Option<SharedKey>,
}

impl Block {
    pub(crate) fn new(settings: &GateSettings) -> Self {
        let state = State::new(settings, 0);
        Self {
            word: AtomicU64::new(word(&state)),
            inside: Mutex::new(Inside {
                state,
                line: Line::default(),
                key: None,
            }),
        }
    }

    /// The epoch, while the gate lets everybody through.
    #[inline]
    pub(crate) fn open_epoch(&self) -> Option<u64> {
        let word = self.word.load(Ordering::Acquire);
        (word & 1 == 1).then_some(word >> 1)
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
    pub(crate) fn settle(&self, epoch: u64, verdict: Verdict, kind: Option<Name>, now: Instant) {
        if self.change(now, |inside| inside.state.settle(epoch, verdict, kind, now)) {
            self.tell_others(now, |inside| inside.state.hear(verdict, kind, now));
        }
    }

    #[cold]
    pub(crate) fn answered(&self, epoch: u64, now: Instant) {
        if self.change(now, |inside| inside.state.answered(epoch, now)) {
            self.tell_others(now, |inside| inside.state.hear(Verdict::Well, None, now));
        }
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
        let unpark = |inside: &mut Inside| {
            if matches!(
                inside.state.mode(),
                Mode::Parked { .. } | Mode::Probing { .. }
            ) {
                inside.state.open(now, inside.line.len() == 0);
            }
        };
        self.change(now, unpark);
        self.tell_others(now, unpark);
    }

    pub(crate) fn close(&self, wait: Duration, now: Instant) {
        self.change(now, |inside| inside.state.close(wait, now));
    }

    pub(crate) fn park(&self, wait: Option<Duration>, now: Instant) {
        let park = |inside: &mut Inside| inside.state.park(wait, now);
        self.change(now, park);
        self.tell_others(now, park);
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
            Mode::Probing { .. } => GateState::Probing,
        };
        (state, inside.line.len())
    }

    /// Does the same to the other gates of the key, if there are any. Never with a lock in hand.
    fn tell_others(&self, now: Instant, change: impl Fn(&mut Inside)) {
        let key = self.lock().key.clone();
        if let Some(key) = key {
            key.change_others(self, now, change);
        }
    }

    /// Changes what is inside, and wakes those whom the change concerns.
    pub(crate) fn change<R>(&self, now: Instant, change: impl FnOnce(&mut Inside) -> R) -> R {
        let mut inside = self.lock();
        let before = inside.state.mode();
        let changed = change(&mut inside);
        self.publish(&inside.state);
        let wakers = match inside.state.mode() {
            mode if mode == before => Vec::new(),
            _ => {
                let first = inside.state.earliest(now);
                inside.line.hopeless(first)
            }
        };
        // Waking may run foreign code, which must not find the gate locked.
        drop(inside);
        wakers.into_iter().for_each(Waker::wake);
        changed
    }

    /// Tells those who take no lock what is inside. To be called before the lock is given back.
    pub(crate) fn publish(&self, state: &State) {
        self.word.store(word(state), Ordering::Release);
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn word(state: &State) -> u64 {
    state.epoch() << 1 | u64::from(state.mode() == Mode::Open)
}

impl Recycle for Block {
    type Spec = GateSettings;

    fn free_list() -> &'static FreeList<Self> {
        static FREE: FreeList<Block> = FreeList::new();
        &FREE
    }

    fn create(settings: &GateSettings) -> Self {
        Self::new(settings)
    }

    fn fits(&self, _: &GateSettings) -> bool {
        true
    }

    fn renew(&self, settings: &GateSettings) {
        let mut inside = self.lock();
        inside.state = State::new(settings, inside.state.epoch() + 1);
        inside.key = None;
        self.publish(&inside.state);
    }
}
