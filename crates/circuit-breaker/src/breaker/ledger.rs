use super::rules::Rules;
use crate::{Change, Reason, State};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::time::Duration;
use tokio::sync::watch;

/// What is only looked at when the state changes, and so may live behind a lock.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// How often it has tripped since it was last closed, beyond the first time.
    reopens: u32,
    opened: u64,
    seeded: Option<Box<StdRng>>,
    last: Change,
    /// Made when the first watcher comes.
    watchers: Option<watch::Sender<Change>>,
}

impl Ledger {
    /// For a breaker that starts closed in this generation.
    pub(crate) fn new(generation: u64, seed: Option<u64>) -> Self {
        Self {
            reopens: 0,
            opened: 0,
            seeded: seed.map(|seed| Box::new(StdRng::seed_from_u64(seed))),
            last: Change::new(State::Closed, Reason::Created, generation),
            watchers: None,
        }
    }

    /// How often it has opened.
    pub(crate) const fn opened(&self) -> u64 {
        self.opened
    }

    pub(crate) const fn forget_opened(&mut self) {
        self.opened = 0;
    }

    /// Draws how long to stay open, when the service asked for so much (if it did).
    pub(crate) fn open_time(
        &mut self,
        rules: &Rules,
        reopening: bool,
        asked: Option<Duration>,
    ) -> Duration {
        self.reopens = if reopening {
            self.reopens.saturating_add(1)
        } else {
            0
        };
        let factor = 2_u32.saturating_pow(self.reopens);
        let longest = rules.open_for.saturating_mul(factor).min(rules.open_max);
        let dice: f64 = match &mut self.seeded {
            Some(seeded) => seeded.random(),
            None => rand::random(),
        };
        let drawn = shorten(longest, rules.jitter.get() * dice);
        drawn.max(asked.unwrap_or_default().min(rules.asked_max))
    }

    /// Puts a change down, and gives what is to be told to the watchers, if there are any.
    ///
    /// Going half-open is the one change made without the lock, so that its announcement may
    /// come after that of a later change: then it is no news any more.
    pub(crate) fn announce(&mut self, change: Change) -> Option<News> {
        if change.state == State::Open {
            self.opened += 1;
        }
        if change.generation <= self.last.generation {
            return None;
        }
        self.last = change;
        let watchers = self.watchers.clone()?;
        Some(News { change, watchers })
    }

    pub(crate) fn watch(&mut self) -> watch::Receiver<Change> {
        let last = self.last;
        let watchers = self
            .watchers
            .get_or_insert_with(|| watch::Sender::new(last));
        watchers.subscribe()
    }

    /// Sends the watchers home, when what this gives is dropped: there will be no more changes.
    #[must_use]
    pub(crate) const fn close(&mut self) -> Option<watch::Sender<Change>> {
        self.watchers.take()
    }
}

/// Takes this part off, from 0 to 1. The product is rounded, and may come out above the whole.
fn shorten(time: Duration, part: f64) -> Duration {
    time.saturating_sub(time.mul_f64(part))
}

/// A change that the watchers have not been told of yet.
///
/// To be [told](Self::tell) when the lock of the ledger is free: a watcher may be woken right
/// there, and look at the breaker.
#[derive(Debug)]
#[must_use]
pub(crate) struct News {
    change: Change,
    watchers: watch::Sender<Change>,
}

impl News {
    /// Another thread may have told of a later change first; then there is nothing to tell.
    pub(crate) fn tell(self) {
        let change = self.change;
        self.watchers.send_if_modified(|last| {
            let newer = change.generation > last.generation;
            if newer {
                *last = change;
            }
            newer
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Settings;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn open_time_doubles_up_to_its_maximum() {
        let rules = Settings::standard().jitter(0.0).rules();
        let mut ledger = Ledger::new(0, None);
        let mut times = vec![ledger.open_time(&rules, false, None)];
        times.extend((0..40).map(|_| ledger.open_time(&rules, true, None)));
        assert_eq!(times[..5], [30, 60, 120, 240, 300].map(Duration::from_secs));
        assert!(times[5..].iter().all(|time| *time == 300 * SECOND));
        assert_eq!(ledger.open_time(&rules, false, None), 30 * SECOND);
    }

    #[test]
    fn jitter_shortens_and_a_seed_repeats_it() {
        let rules = Settings::standard().rules();
        let draw = |seed| {
            let mut ledger = Ledger::new(0, seed);
            let times = (0..50).map(|_| ledger.open_time(&rules, false, None));
            times.collect::<Vec<_>>()
        };
        let times = draw(Some(7));
        assert!(
            times
                .iter()
                .all(|t| (27 * SECOND..=30 * SECOND).contains(t))
        );
        assert!(times.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(times, draw(Some(7)));
        assert_ne!(times, draw(Some(8)));
        assert_ne!(draw(None), draw(None));
    }

    #[test]
    fn a_longer_wait_that_the_service_asked_for_is_kept_to_but_not_for_ever() {
        let rules = Settings::standard().rules();
        let mut ledger = Ledger::new(0, None);
        let mut asked = |secs| ledger.open_time(&rules, false, Some(secs * SECOND));
        assert!(asked(5) >= 27 * SECOND);
        assert_eq!(asked(90), 90 * SECOND);
        assert_eq!(asked(3600), 300 * SECOND);
    }

    #[test]
    fn such_a_wait_may_be_longer_than_any_that_it_takes_of_itself() {
        let asked = |settings: Settings, secs| {
            let mut ledger = Ledger::new(0, None);
            ledger.open_time(&settings.rules(), false, Some(secs * SECOND))
        };
        let classic = Settings::classic;
        assert_eq!(asked(classic(), 59), 60 * SECOND);
        assert_eq!(asked(classic(), 120), 120 * SECOND);
        assert_eq!(asked(classic(), 3600), 300 * SECOND);
        let patient = classic().open_max(600 * SECOND);
        assert_eq!(asked(patient, 3600), 600 * SECOND);
        let hasty = classic().open_max(60 * SECOND);
        assert_eq!(asked(hasty, 120), 120 * SECOND);
    }

    #[test]
    fn all_can_be_taken_off_however_it_is_rounded() {
        let odd = 365 * 24 * 3600 * SECOND - Duration::from_nanos(1);
        assert_eq!(shorten(odd, 1.0), Duration::ZERO);
        assert_eq!(shorten(SECOND, 0.25), Duration::from_millis(750));
    }

    #[test]
    fn a_late_announcement_is_no_news() {
        let mut ledger = Ledger::new(0, None);
        let mut watch = ledger.watch();
        let open = Change::new(State::Open, Reason::ProbeFailed, 3);
        ledger.announce(open).unwrap().tell();
        let late = Change::new(State::HalfOpen, Reason::Probing, 2);
        assert!(ledger.announce(late).is_none());
        assert_eq!(*watch.borrow_and_update(), open);
    }

    #[test]
    fn news_that_another_thread_has_overtaken_is_not_told() {
        let mut ledger = Ledger::new(0, None);
        let watch = ledger.watch();
        let probing = Change::new(State::HalfOpen, Reason::Probing, 2);
        let open = Change::new(State::Open, Reason::ProbeFailed, 3);
        let [early, late] = [probing, open].map(|change| ledger.announce(change).unwrap());
        late.tell();
        early.tell();
        assert_eq!(*watch.borrow(), open);
    }
}
