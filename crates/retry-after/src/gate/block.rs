use super::{
    GateSettings, GateState, Notice, SharedKey,
    line::Line,
    state::{Admit, Mode, State, Verdict},
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

    /// Takes in what a call found out that was let in in this epoch, as a probe or not.
    #[cold]
    pub(crate) fn settle(
        &self,
        epoch: u64,
        probe: bool,
        verdict: Verdict,
        kind: Option<Name>,
        now: Instant,
    ) {
        let settle = |inside: &mut Inside| inside.state.settle(epoch, verdict, kind, now);
        // Nothing else is about the key itself.
        if probe || matches!(verdict, Verdict::Unusable(_)) {
            self.change_key(now, settle, |other| other.state.hear(verdict, kind, now));
        } else {
            self.change(now, settle);
        }
    }

    #[cold]
    pub(crate) fn answered(&self, epoch: u64, now: Instant) {
        let answered = |inside: &mut Inside| inside.state.answered(epoch, now);
        self.change_key(now, answered, |other| {
            other.state.hear(Verdict::Well, None, now);
        });
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
        self.change_alone(now, |inside| inside.open(now));
    }

    pub(crate) fn unpark(&self, now: Instant) {
        let unpark = |inside: &mut Inside| {
            if inside.state.is_parked() {
                inside.open(now);
            }
            true
        };
        self.change_key(now, unpark, |other| {
            if other.state.is_parked_of_key() && !other.state.fall_back(now) {
                other.open(now);
            }
        });
    }

    pub(crate) fn close(&self, wait: Duration, now: Instant) {
        self.change_alone(now, |inside| inside.state.close(wait, now));
    }

    pub(crate) fn park(&self, wait: Option<Duration>, now: Instant) {
        let park = |inside: &mut Inside| inside.state.park(wait, now);
        let parked = |inside: &mut Inside| {
            park(inside);
            true
        };
        self.change_key(now, parked, park);
    }

    pub(crate) fn heed(&self, notice: Notice, now: Instant) {
        let wait = |until: Instant| Some(until.saturating_duration_since(now));
        match notice {
            Notice::Limited { until } | Notice::Spent { until } if until <= now => {}
            Notice::Limited { until } => self.hear_limit(Verdict::Limited(wait(until)), now),
            Notice::Spent { until } => self.hear_limit(Verdict::Spent(wait(until)), now),
            Notice::Unusable { until: Some(until) } => {
                self.hear_of_key(Verdict::Unusable(wait(until)), now);
            }
            Notice::Unusable { until: None } => self.park(None, now),
            Notice::Open => self.hear_of_key(Verdict::Well, now),
            Notice::Trying => {}
        }
    }

    fn hear_limit(&self, verdict: Verdict, now: Instant) {
        self.change(now, |inside| inside.state.hear_limit(verdict, None, now));
    }

    fn hear_of_key(&self, verdict: Verdict, now: Instant) {
        let hear = |inside: &mut Inside| inside.state.hear(verdict, None, now);
        let heard = |inside: &mut Inside| {
            hear(inside);
            true
        };
        self.change_key(now, heard, hear);
    }

    /// Leaves the key that other gates are for as well, to whom it is left to try it.
    pub(crate) fn leave_key(&self, now: Instant) {
        self.change_alone(now, |inside| {
            inside.state.stop_trying(now);
            inside.key = None;
        });
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
            Mode::Probing { .. } | Mode::Elsewhere { .. } => GateState::Probing,
        };
        (state, inside.line.len())
    }

    /// Changes what is inside, and then the other gates of the key, if there are any and the
    /// change says that it concerns them.
    fn change_key(
        &self,
        now: Instant,
        change: impl FnOnce(&mut Inside) -> bool,
        others: impl Fn(&mut Inside),
    ) {
        let key = self.lock().key.clone();
        match key {
            Some(key) => key.change(self, now, change, others),
            None => {
                self.change(now, change);
            }
        }
    }

    /// Changes what is inside by hand, which the other gates of the key do not hear, unless it
    /// ends that the key is tried here.
    fn change_alone(&self, now: Instant, change: impl FnOnce(&mut Inside)) {
        let change = |inside: &mut Inside| {
            change(inside);
            false
        };
        self.change_key(now, change, |_| ());
    }

    /// Changes what is inside, and wakes those whom the change concerns.
    fn change<R>(&self, now: Instant, change: impl FnOnce(&mut Inside) -> R) -> R {
        self.change_quietly(now, &mut WakeOnDrop::default(), change)
    }

    /// Changes what is inside, and gives whom the change concerns, to be woken without a lock.
    pub(crate) fn change_quietly<R>(
        &self,
        now: Instant,
        woken: &mut WakeOnDrop,
        change: impl FnOnce(&mut Inside) -> R,
    ) -> R {
        let mut inside = self.lock();
        let before = inside.state.mode();
        // The change may take the key away.
        let tried = inside.state.tries_key().then(|| inside.key.clone());
        let tried = tried.flatten();
        let changed = change(&mut inside);
        self.publish(&inside.state);
        if inside.state.mode() != before {
            let first = inside.state.earliest(now);
            woken.0.extend(inside.line.hopeless(first));
        }
        if let Some(key) = tried
            && !inside.state.tries_key()
        {
            key.release(self);
        }
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

impl Inside {
    /// Lets the next call in, if it may go now, which may depend on the other gates of the key.
    pub(crate) fn admit(&mut self, block: &Block, now: Instant, alone: bool) -> Admit {
        if let Some(key) = &self.key
            && let Some(until) = self.state.would_try_key(now)
            && let Err(until) = key.claim(block, now, until)
        {
            self.state.leave_to_other(until);
        }
        self.state.admit(now, alone)
    }

    fn open(&mut self, now: Instant) {
        self.state.open(now, self.line.len() == 0);
    }
}

/// Wakes whom it holds when it is dropped, which is to be after a lock is given back: waking may
/// run foreign code.
#[derive(Default)]
pub(crate) struct WakeOnDrop(pub(crate) Vec<Waker>);

impl Drop for WakeOnDrop {
    fn drop(&mut self) {
        self.0.drain(..).for_each(Waker::wake);
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
        // A call that tried the key of the last owner's gate has no say any more.
        self.change_alone(Instant::now(), |inside| {
            inside.state = State::new(settings, inside.state.epoch() + 1);
            inside.key = None;
        });
    }
}
