use super::{GateSettings, Notice, pace::Pace};
use buttress_core::{Blame, Cause, Class, Failure, Name, Rejected};
use std::time::Duration;
use tokio::time::Instant;

/// What a gate knows of its key. It has no clock, no lock and no line: those are the block's.
///
/// An *epoch* begins whenever the gate closes or parks, and whenever a probe comes back without
/// a verdict. Every call carries the epoch in which it was let in. So many calls that hit the
/// same limit close the gate once, and a straggler that succeeds does not open it.
#[derive(Clone, Debug)]
pub(crate) struct State {
    settings: GateSettings,
    mode: Mode,
    epoch: u64,
    /// The first epoch of the present owner of the block.
    first: u64,
    pace: Pace,
    /// Limit verdicts without a wait, one after the other.
    backoffs: u32,
    /// Whether the gate is closed for less than it was told to be, so that it must be tried.
    doubtful: bool,
    /// Whether it is parked because of the key itself, and not of a limit that only calls here have.
    of_key: bool,
    /// The epoch in which the key was last found to work after it was parked. What was let in
    /// before does not know that.
    reopened: u64,
    /// What shuts it besides the key, which is not over when the key works again.
    own: Option<Own>,
    /// The kind of the failure that shut it, until the key is known to work.
    origin: Option<Name>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mode {
    /// Everybody passes.
    Open,
    /// Nobody passes before this.
    Closed { until: Instant },
    /// One call after the other passes.
    Paced {
        since: Instant,
        next: Instant,
        /// A call succeeded since.
        well: bool,
    },
    /// Nobody passes before this, and then one to see; without it nobody at all.
    Parked { until: Option<Instant> },
    /// That one is out, and has its place until then.
    Probing { until: Instant },
    /// It is out at another gate of the key.
    Elsewhere { until: Instant },
}

/// A limit that only calls here have, while the key is parked.
#[derive(Clone, Copy, Debug)]
struct Own {
    until: Instant,
    /// Parked for it, and not closed.
    spent: bool,
    doubtful: bool,
    origin: Option<Name>,
    /// Until when the key is parked: the gate is for whichever is longer.
    key_until: Instant,
}

/// Whether a call may go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Admit {
    Go {
        probe: bool,
    },
    /// Not before this.
    At(Instant),
    /// Not before something happens.
    Wait,
}

/// What an outcome says of the key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It works.
    Well,
    /// It is limited, for this long.
    Limited(Option<Duration>),
    /// What it may use here is used up, for this long.
    Spent(Option<Duration>),
    /// It does not work anywhere until somebody does something, or for this long.
    Unusable(Option<Duration>),
    /// Nothing.
    Beside,
}

impl Verdict {
    pub(crate) fn of(outcome: Result<(), Failure>) -> Self {
        let Err(failure) = outcome else {
            return Self::Well;
        };
        match (failure.blame, failure.class) {
            (Blame::Key, Class::Persistent) => Self::Unusable(failure.wait()),
            (Blame::Limit, Class::Persistent) => Self::Spent(failure.wait()),
            (Blame::Key | Blame::Limit, Class::Transient | Class::Timeout | Class::Partial) => {
                Self::Limited(failure.wait())
            }
            _ => Self::Beside,
        }
    }
}

impl State {
    pub(crate) fn new(settings: &GateSettings, epoch: u64) -> Self {
        Self {
            mode: Mode::Open,
            epoch,
            first: epoch,
            pace: Pace::new(settings.spacing),
            backoffs: 0,
            doubtful: false,
            of_key: false,
            reopened: epoch,
            own: None,
            origin: None,
            settings: settings.clone(),
        }
    }

    pub(crate) const fn mode(&self) -> Mode {
        self.mode
    }

    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) const fn origin(&self) -> Option<Name> {
        self.origin
    }

    pub(crate) const fn settings(&self) -> &GateSettings {
        &self.settings
    }

    pub(crate) const fn per_second(&self) -> f64 {
        self.pace.per_second()
    }

    /// Lets the next call in, if it may go now. `alone` says that no other call waits.
    pub(crate) fn admit(&mut self, now: Instant, alone: bool) -> Admit {
        match self.mode {
            Mode::Closed { until } | Mode::Parked { until: Some(until) } if now < until => {
                return Admit::At(until);
            }
            Mode::Parked { until: None } => return Admit::Wait,
            Mode::Probing { until } | Mode::Elsewhere { until } if now < until => {
                return Admit::At(until);
            }
            // (Parked | Closed | Elsewhere) => Probing
            Mode::Closed { .. } if self.doubtful => return self.probe(now),
            Mode::Parked { until: Some(_) } | Mode::Elsewhere { .. } => return self.probe(now),
            // Probing => Probing: nothing was heard of the last one, and it has no say any more
            Mode::Probing { .. } => {
                self.epoch += 1;
                return self.probe(now);
            }
            // Closed => Paced
            Mode::Closed { .. } => self.reopen(now),
            Mode::Open | Mode::Paced { .. } => {}
        }
        let Mode::Paced { since, next, well } = self.mode else {
            return Admit::Go { probe: false };
        };
        if now < next {
            return Admit::At(next);
        }
        if well && alone && now >= later(since, self.settings.well_after) {
            // Paced => Open
            self.mode = Mode::Open;
            self.pace.forget();
            return Admit::Go { probe: false };
        }
        // Timers are late by up to a millisecond; what they lose may be caught up.
        const LATE: Duration = Duration::from_millis(10);
        let from = next.max(now.checked_sub(LATE).unwrap_or(now));
        self.mode = Mode::Paced {
            since,
            next: later(from, self.pace.spacing()),
            well,
        };
        Admit::Go { probe: false }
    }

    /// Until when a call would have its place that tried the key now, if that is what is to be
    /// done next. Then no other gate of the key may do it.
    pub(crate) fn would_try_key(&self, now: Instant) -> Option<Instant> {
        let due = match self.mode {
            Mode::Parked { until } => until.is_some_and(|until| until <= now),
            Mode::Probing { until } | Mode::Elsewhere { until } => until <= now,
            Mode::Open | Mode::Closed { .. } | Mode::Paced { .. } => false,
        };
        (due && self.of_key).then(|| later(now, self.settings.probe_lease))
    }

    /// Another gate's call tries the key, and has its place until then.
    pub(crate) fn leave_to_other(&mut self, until: Instant) {
        // (Parked | Probing | Elsewhere) => Elsewhere: nothing was heard of one that is out, and it
        // has no say any more
        self.epoch += 1;
        self.mode = Mode::Elsewhere { until };
    }

    /// Whether a call is out that tries the key itself.
    pub(crate) const fn tries_key(&self) -> bool {
        self.of_key && matches!(self.mode, Mode::Probing { .. })
    }

    /// A call that is out to try the key has no say any more.
    pub(crate) fn stop_trying(&mut self, now: Instant) {
        if self.tries_key() {
            // Probing => Parked, to be tried by the next call
            self.park_until(Some(now), true, self.origin);
        }
    }

    /// Whether it is shut by what only a call that tries it opens, or a hand.
    pub(crate) const fn is_parked(&self) -> bool {
        matches!(
            self.mode,
            Mode::Parked { .. } | Mode::Probing { .. } | Mode::Elsewhere { .. }
        )
    }

    /// Whether it is so because of the key itself.
    pub(crate) const fn is_parked_of_key(&self) -> bool {
        self.of_key && self.is_parked()
    }

    /// What others have to know.
    pub(crate) fn notice(&self) -> Notice {
        match self.mode {
            Mode::Parked { until: Some(until) } if !self.of_key => Notice::Spent { until },
            Mode::Parked { .. } => Notice::Unusable {
                until: self.key_until(),
            },
            Mode::Closed { until } => Notice::Limited { until },
            Mode::Probing { .. } | Mode::Elsewhere { .. } if self.of_key => Notice::Trying,
            // What a limit here is tried for is nobody else's affair.
            Mode::Probing { .. } | Mode::Elsewhere { .. } | Mode::Open | Mode::Paced { .. } => {
                Notice::Open
            }
        }
    }

    /// When the first of those who wait may go at the earliest. `None` where nobody knows.
    pub(crate) fn earliest(&self, now: Instant) -> Option<Instant> {
        match self.mode {
            // The probe may come back at any moment.
            Mode::Probing { .. } | Mode::Elsewhere { .. } => Some(now),
            _ => self.expect(now, 0),
        }
    }

    /// When a call may go before which this many others wait, if all goes well. `None` where
    /// nobody knows. While a probe is out it is when that loses its place: a call that could go
    /// elsewhere is not to wait for what is most likely to fail again.
    pub(crate) fn expect(&self, now: Instant, ahead: usize) -> Option<Instant> {
        let first = match self.mode {
            Mode::Open => now,
            Mode::Probing { until } | Mode::Elsewhere { until } => until.max(now),
            Mode::Closed { until } => until.max(now),
            Mode::Paced { next, .. } => next.max(now),
            Mode::Parked { until } => until?.max(now),
        };
        Some(later(first, self.pace.time_for(ahead)))
    }

    /// Why a call that can't wait is turned away.
    pub(crate) const fn refusal(&self) -> Cause {
        match self.mode {
            Mode::Probing { .. } if self.doubtful => Cause::GateClosed,
            Mode::Parked { .. } | Mode::Probing { .. } | Mode::Elsewhere { .. } => {
                Cause::KeyUnusable
            }
            Mode::Open | Mode::Closed { .. } | Mode::Paced { .. } => Cause::GateClosed,
        }
    }

    /// Turns a call away for this cause, which could go at the time expected.
    pub(crate) fn reject(&self, cause: Cause, expected: Option<Instant>, now: Instant) -> Rejected {
        let mut rejected = Rejected::new(cause);
        rejected.retry_after = expected.map(|at| at.saturating_duration_since(now));
        rejected.origin = self.origin;
        rejected
    }

    /// Takes in what a call of this epoch found out. The kind is that of its failure. Gives whether
    /// the other gates of the key are to [hear](Self::hear) it as well.
    pub(crate) fn settle(
        &mut self,
        epoch: u64,
        verdict: Verdict,
        kind: Option<Name>,
        now: Instant,
    ) -> bool {
        if epoch < self.first {
            return false;
        }
        if epoch < self.epoch {
            let Verdict::Unusable(wait) = verdict else {
                self.hear_limit(verdict, kind, now);
                return false;
            };
            // Many calls are out when a key is parked: one is enough, unless it knows for how long.
            let news = epoch >= self.reopened && (wait.is_some() || !self.is_parked_of_key());
            if news {
                self.hear(verdict, kind, now);
            }
            return news;
        }
        match verdict {
            Verdict::Well => match &mut self.mode {
                Mode::Paced { well, since, .. } => {
                    *well = true;
                    self.origin = None;
                    self.backoffs = 0;
                    self.pace.grow();
                    if now >= later(*since, self.settings.well_after) {
                        self.pace.trust();
                    }
                }
                Mode::Probing { .. } => {
                    self.backoffs = 0;
                    return self.answered(epoch, now);
                }
                Mode::Open | Mode::Closed { .. } | Mode::Parked { .. } | Mode::Elsewhere { .. } => {
                }
            },
            Verdict::Beside => {
                if let Mode::Probing { .. } = self.mode {
                    // Probing => (Parked | Closed), to be tried by the next call
                    let until = Some(now);
                    match self.doubtful {
                        true => {
                            self.become_(Mode::Closed { until: now });
                            self.doubtful = true;
                        }
                        false => self.park_until(until, self.of_key, self.origin),
                    }
                }
            }
            // (Open | Paced | Probing) => Closed
            Verdict::Limited(wait) => {
                let reopened = self.key_works();
                match self.mode {
                    Mode::Paced { .. } => self.pace.halve(),
                    _ => self.pace.restart(),
                }
                let until = match wait {
                    Some(wait) => self.told(wait, now),
                    None => later(now, self.back_off()),
                };
                self.become_(Mode::Closed { until });
                self.doubtful = wait.is_some_and(|wait| wait > self.settings.max_closed);
                self.origin = kind;
                return reopened;
            }
            // (Open | Paced | Probing) => Parked
            Verdict::Spent(wait) => {
                let reopened = self.key_works();
                self.park_until(Some(self.parked(wait, now)), false, kind);
                return reopened;
            }
            Verdict::Unusable(wait) => {
                self.park_until(Some(self.parked(wait, now)), true, kind);
                return true;
            }
        }
        false
    }

    /// The probe of this epoch has its answer, if it is not judged yet. Gives whether the other
    /// gates of the key are to hear that it works.
    pub(crate) fn answered(&mut self, epoch: u64, now: Instant) -> bool {
        if epoch != self.epoch || !matches!(self.mode, Mode::Probing { .. }) {
            return false;
        }
        // Probing => Paced
        let reopened = self.key_works();
        self.origin = None;
        self.reopen(now);
        reopened
    }

    /// Hears what another gate of the key, or a straggler, found out about the key itself.
    pub(crate) fn hear(&mut self, verdict: Verdict, kind: Option<Name>, now: Instant) {
        match (verdict, self.mode) {
            // Who parked it by hand has the last word, and who tries the key here will tell.
            (_, Mode::Parked { until: None }) => {}
            (Verdict::Unusable(_), Mode::Probing { .. }) if self.of_key => {}
            // (Open | Closed | Paced | Parked | Probing | Elsewhere) => Parked
            (Verdict::Unusable(wait), _) => {
                let until = self.parked(wait, now);
                if self.key_until().is_none_or(|known| known < until) {
                    self.park_of_key(until, kind);
                }
            }
            // (Parked | Probing | Elsewhere) => (Paced | Closed | Parked)
            // A limit that was met elsewhere is not one here, but shows that the key works.
            (Verdict::Well | Verdict::Limited(_) | Verdict::Spent(_), _)
                if self.is_parked_of_key() =>
            {
                if self.fall_back(now) {
                    return;
                }
                self.backoffs = 0;
                self.origin = None;
                self.reopen(now);
            }
            // Elsewhere => Parked, to be tried by the next call
            (Verdict::Beside, Mode::Elsewhere { .. }) => {
                self.mode = Mode::Parked { until: Some(now) };
            }
            _ => {}
        }
    }

    /// Comes to a key that is parked, as another gate knows.
    pub(crate) fn join(&mut self, known: &Self, now: Instant) {
        let until = match known.mode {
            Mode::Parked { .. } => known.key_until(),
            // A call is out to try it, and another one may when that comes back.
            _ => Some(now),
        };
        match until {
            Some(until) => self.park_of_key(until, known.origin),
            None => self.park_until(None, true, known.origin),
        }
    }

    /// Hears of a limit from a call from before the last closing, or from elsewhere. That tells
    /// nothing new, unless it tells of a longer wait.
    pub(crate) fn hear_limit(&mut self, verdict: Verdict, kind: Option<Name>, now: Instant) {
        let (Verdict::Limited(Some(wait)) | Verdict::Spent(Some(wait))) = verdict else {
            return;
        };
        let wanted = self.told(wait, now);
        let doubtful = wait > self.settings.max_closed;
        let key_until = self.key_until();
        match &mut self.mode {
            Mode::Closed { until } => {
                *until = wanted.max(*until);
                self.doubtful |= doubtful;
            }
            Mode::Parked { until: Some(until) } => {
                *until = wanted.max(*until);
                if let Some(key_until) = key_until
                    && self.own.is_none_or(|own| own.until < wanted)
                {
                    self.own = Some(Own {
                        until: wanted,
                        spent: matches!(verdict, Verdict::Spent(_)),
                        doubtful,
                        origin: kind,
                        key_until,
                    });
                }
            }
            Mode::Open | Mode::Paced { .. } if matches!(verdict, Verdict::Spent(_)) => {
                self.park_until(Some(wanted), false, kind);
            }
            Mode::Open | Mode::Paced { .. } => {
                self.become_(Mode::Closed { until: wanted });
                self.doubtful = doubtful;
                self.origin = kind;
            }
            Mode::Parked { until: None } | Mode::Probing { .. } | Mode::Elsewhere { .. } => {}
        }
    }

    /// Until when it is parked, for the wait that the service told if it did.
    fn parked(&self, wait: Option<Duration>, now: Instant) -> Instant {
        wait.map_or(later(now, self.settings.park), |wait| self.told(wait, now))
    }

    /// When a wait is over that the service told.
    fn told(&self, wait: Duration, now: Instant) -> Instant {
        later(now, wait.min(self.settings.max_closed))
    }

    /// Takes in the time between two calls that an answer to a call of this epoch told.
    pub(crate) fn learn(&mut self, epoch: u64, every: Duration) {
        if epoch >= self.first {
            self.pace.learn(every.min(self.settings.max_closed));
        }
    }

    /// Nothing is left after a call of this epoch: the next one is held back.
    pub(crate) fn hold(&mut self, epoch: u64, hold: Duration, now: Instant) {
        if epoch != self.epoch {
            return;
        }
        let wanted = self.told(hold, now);
        match &mut self.mode {
            // Open => Paced
            Mode::Open => {
                self.pace.restart();
                self.mode = Mode::Paced {
                    since: now,
                    next: wanted,
                    well: true,
                };
            }
            Mode::Paced { next, .. } => *next = wanted.max(*next),
            Mode::Closed { .. }
            | Mode::Parked { .. }
            | Mode::Probing { .. }
            | Mode::Elsewhere { .. } => {}
        }
    }

    /// Lets calls through again, at the pace at hand while others wait, else all of them.
    pub(crate) fn open(&mut self, now: Instant, alone: bool) {
        self.key_works();
        self.origin = None;
        self.backoffs = 0;
        if alone {
            self.mode = Mode::Open;
        } else {
            self.reopen(now);
        }
    }

    pub(crate) fn close(&mut self, wait: Duration, now: Instant) {
        let until = later(now, wait);
        self.become_(Mode::Closed { until });
        self.origin = None;
    }

    pub(crate) fn park(&mut self, wait: Option<Duration>, now: Instant) {
        self.park_until(wait.map(|wait| later(now, wait)), true, None);
    }

    /// Until when the key itself is parked, if a time is known.
    fn key_until(&self) -> Option<Instant> {
        match self.mode {
            Mode::Parked { until } if self.of_key => {
                self.own.map_or(until, |own| Some(own.key_until))
            }
            _ => None,
        }
    }

    /// Parks it because of the key, and remembers what shuts it besides.
    fn park_of_key(&mut self, key_until: Instant, kind: Option<Name>) {
        let own = match self.mode {
            Mode::Parked { .. } if self.of_key => self.own.map(|own| Own { key_until, ..own }),
            Mode::Closed { until } | Mode::Parked { until: Some(until) } => Some(Own {
                until,
                spent: self.is_parked(),
                doubtful: self.doubtful,
                origin: self.origin,
                key_until,
            }),
            _ => None,
        };
        let until = own.map_or(key_until, |own| own.until.max(key_until));
        self.park_until(Some(until), true, kind);
        self.own = own;
    }

    /// The key works: goes back to what shuts it besides, if that is not over. Gives whether.
    pub(crate) fn fall_back(&mut self, now: Instant) -> bool {
        let Some(own) = self.own.filter(|own| own.until > now) else {
            return false;
        };
        self.key_works();
        // Parked => (Parked | Closed)
        let until = own.until;
        match own.spent {
            true => self.park_until(Some(until), false, own.origin),
            false => {
                self.become_(Mode::Closed { until });
                self.doubtful = own.doubtful;
                self.origin = own.origin;
            }
        }
        true
    }

    fn park_until(&mut self, until: Option<Instant>, of_key: bool, kind: Option<Name>) {
        self.pace.restart();
        self.become_(Mode::Parked { until });
        self.of_key = of_key;
        self.origin = kind;
    }

    fn probe(&mut self, now: Instant) -> Admit {
        let until = later(now, self.settings.probe_lease);
        self.mode = Mode::Probing { until };
        Admit::Go { probe: true }
    }

    fn reopen(&mut self, now: Instant) {
        self.key_works();
        self.mode = Mode::Paced {
            since: now,
            next: now,
            well: false,
        };
    }

    /// The key works: see [`reopened`](Self::reopened). Gives whether that is news, since it was
    /// parked.
    fn key_works(&mut self) -> bool {
        let reopens = self.of_key;
        if reopens {
            self.of_key = false;
            self.reopened = self.epoch;
        }
        reopens
    }

    /// Calls that were let in before have nothing more to say.
    fn become_(&mut self, mode: Mode) {
        self.mode = mode;
        self.doubtful = false;
        self.of_key = false;
        self.own = None;
        self.epoch += 1;
    }

    fn back_off(&mut self) -> Duration {
        let doubled = 2_u32.saturating_pow(self.backoffs);
        self.backoffs = self.backoffs.saturating_add(1);
        let wait = self.settings.backoff.saturating_mul(doubled);
        wait.min(self.settings.max_backoff)
    }
}

/// This much later, or so late that nobody will be there.
pub(crate) fn later(from: Instant, wait: Duration) -> Instant {
    const YEARS: Duration = Duration::from_secs(30 * 365 * 86_400);
    from.checked_add(wait).unwrap_or_else(|| from + YEARS)
}

#[cfg(test)]
mod tests;
