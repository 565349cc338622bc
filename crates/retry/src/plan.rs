//! The decision about the next attempt: pure, with the time left as an argument.

use crate::{Backoff, Budget, backoff::Delays};
use buttress_core::{Class, Failure, GiveUp, RetryAfter};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// The numbers of a [`RetryLayer`](crate::RetryLayer).
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) max_retries: u32,
    pub(crate) max_timeouts: u32,
    pub(crate) max_wait: Duration,
    pub(crate) backoff: Backoff,
    pub(crate) budget: Option<Budget>,
    /// How many calls have drawn a wait, so that a fixed seed gives each its own draws.
    pub(crate) sessions: Arc<AtomicU64>,
}

/// What one call has done so far.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    retries: u32,
    timeouts: u32,
    unprocessed: bool,
    delays: Option<Delays>,
    /// One of the request's upstream calls was spent on an attempt that is not made yet.
    pub(crate) call_in_hand: bool,
}

/// What the request leaves room for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Room {
    /// How long it may still wait here.
    pub(crate) patience: Option<Duration>,
    /// How long it is until its deadline.
    pub(crate) left: Option<Duration>,
}

/// The next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// How long to wait before it.
    pub(crate) wait: Duration,
    /// It repeats one that the service never saw: it is counted and paid for nowhere.
    pub(crate) free: bool,
}

/// The jitter on top of a wait that the server asked for: up to this much, or up to a tenth of
/// the wait when that is more.
const JITTER_ON_TOP: Duration = Duration::from_millis(500);

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_retries: 3,
            max_timeouts: 1,
            max_wait: Duration::from_secs(60),
            backoff: Backoff::default(),
            budget: Some(Budget::default()),
            sessions: Arc::default(),
        }
    }
}

impl Settings {
    /// Whether and when to try again after this failure. Counts nothing yet: the attempt has
    /// still to be paid for, see [`Attempts::count`].
    pub(crate) fn plan(
        &self,
        failure: &Failure,
        retryable: bool,
        replayable: bool,
        attempts: &mut Attempts,
        room: Room,
    ) -> Result<Plan, GiveUp> {
        let unprocessed = failure.is_unprocessed();
        let free = unprocessed && !attempts.unprocessed;
        if failure.retry_after == RetryAfter::Never || !(retryable || free) {
            return Err(GiveUp::NotRetryable);
        }
        if !replayable {
            return Err(GiveUp::NotReplayable);
        }
        if free {
            room.admit(Duration::ZERO)?;
            let wait = Duration::ZERO;
            return Ok(Plan { wait, free });
        }
        if attempts.retries >= self.max_retries {
            return Err(GiveUp::RetriesSpent);
        }
        if failure.class == Class::Timeout && attempts.timeouts >= self.max_timeouts {
            return Err(GiveUp::TimeoutsSpent);
        }
        let wait = match failure.wait() {
            // Refused again and again before it was processed: no longer a matter of at once.
            Some(asked) if !unprocessed => self.asked(asked, attempts, room)?,
            _ => {
                let wait = self.delays(attempts).draw();
                room.admit(wait)?;
                wait
            }
        };
        Ok(Plan { wait, free })
    }

    /// A wait that the server asked for is a floor.
    fn asked(
        &self,
        asked: Duration,
        attempts: &mut Attempts,
        room: Room,
    ) -> Result<Duration, GiveUp> {
        if asked > self.max_wait {
            return Err(GiveUp::WaitTooLong);
        }
        let spare = room.admit(asked)?;
        if asked.is_zero() {
            return Ok(asked);
        }
        // Whether a wait fits is decided by the floor alone, so the jitter takes what is left.
        let jitter = JITTER_ON_TOP.max(asked / 10).min(spare);
        Ok(asked + self.delays(attempts).up_to(jitter))
    }

    pub(crate) fn fmt_into(&self, fields: &mut fmt::DebugStruct<'_, '_>) -> fmt::Result {
        fields
            .field("max_retries", &self.max_retries)
            .field("max_timeouts", &self.max_timeouts)
            .field("max_wait", &self.max_wait)
            .field("backoff", &self.backoff)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }

    fn delays<'a>(&self, attempts: &'a mut Attempts) -> &'a mut Delays {
        attempts.delays.get_or_insert_with(|| {
            let number = self.sessions.fetch_add(1, Relaxed);
            self.backoff.session(number)
        })
    }
}

impl Attempts {
    /// The planned attempt will be made.
    pub(crate) fn count(&mut self, plan: Plan, failure: &Failure) {
        if plan.free {
            self.unprocessed = true;
            return;
        }
        self.retries += 1;
        if failure.class == Class::Timeout {
            self.timeouts += 1;
        }
    }

    /// How many retries were counted.
    pub(crate) const fn retries(&self) -> u32 {
        self.retries
    }
}

impl Room {
    /// How much longer than this a wait could be, if it fits at all. An attempt that would begin
    /// at the deadline has no time left.
    fn admit(self, wait: Duration) -> Result<Duration, GiveUp> {
        let patience = self.patience.unwrap_or(Duration::MAX);
        let patience = patience.checked_sub(wait).ok_or(GiveUp::PatienceSpent)?;
        let left = self.left.unwrap_or(Duration::MAX);
        let left = left.checked_sub(wait + Duration::from_nanos(1));
        Ok(patience.min(left.ok_or(GiveUp::DeadlineTooNear)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Jitter, Seed};
    use buttress_core::Blame;

    const LIMITED: Failure = Failure::new(Class::Transient, Blame::Limit);
    const TIMEOUT: Failure = Failure::new(Class::Timeout, Blame::Service);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn after(millis: u64) -> Failure {
        LIMITED.retry_after(RetryAfter::After(ms(millis)))
    }

    fn settings() -> Settings {
        let backoff = Backoff::default().jitter(Jitter::None).seed(Seed::Fixed(1));
        Settings {
            backoff,
            ..Settings::default()
        }
    }

    fn within(left: Option<u64>, patience: Option<u64>) -> Room {
        Room {
            left: left.map(ms),
            patience: patience.map(ms),
        }
    }

    /// The waits in milliseconds of a call that fails like this each time, and why it gave up.
    fn run(failures: &[Failure], room: Room) -> (Vec<u128>, Option<GiveUp>) {
        let (settings, mut attempts, mut waits) = (settings(), Attempts::default(), Vec::new());
        for failure in failures {
            match settings.plan(failure, true, true, &mut attempts, room) {
                Ok(plan) => {
                    attempts.count(plan, failure);
                    waits.push(plan.wait.as_millis());
                }
                Err(why) => return (waits, Some(why)),
            }
        }
        (waits, None)
    }

    #[test]
    fn retries_and_timeouts_are_counted_apart() {
        let room = Room::default();
        let spent = Some(GiveUp::RetriesSpent);
        assert_eq!(
            run(&[Failure::SERVICE; 5], room),
            (vec![1000, 2000, 4000], spent)
        );
        let spent = Some(GiveUp::TimeoutsSpent);
        assert_eq!(run(&[TIMEOUT; 3], room), (vec![1000], spent));
        let mixed = [TIMEOUT, Failure::SERVICE, TIMEOUT];
        assert_eq!(run(&mixed, room), (vec![1000, 2000], spent));
    }

    #[test]
    fn a_wait_asked_for_is_a_floor_with_jitter_on_top() {
        for (asked, most) in [(1, 501), (1000, 1500), (5000, 5500), (20_000, 22_000)] {
            let settings = settings();
            let waits = (0..500).map(|_| {
                let mut attempts = Attempts::default();
                let plan = settings.plan(&after(asked), true, true, &mut attempts, Room::default());
                plan.unwrap().wait
            });
            let waits: Vec<_> = waits.collect();
            let (least, longest) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
            assert!(
                *least >= ms(asked) && *longest <= ms(most),
                "{least:?} {longest:?}"
            );
            let spread = ms(most) - ms(asked);
            assert!(
                *longest - *least > spread.mul_f64(0.9),
                "{least:?} {longest:?}"
            );
        }
        let at_once = run(&[after(0), after(0)], within(Some(1), Some(0)));
        assert_eq!(at_once, (vec![0, 0], None));
    }

    #[test]
    fn a_wait_that_does_not_fit_is_given_up_at_once() {
        let why = |failure, room| run(&[failure], room).1;
        let free = Room::default();
        assert_eq!(why(after(60_000), free), None);
        assert_eq!(why(after(60_001), free), Some(GiveUp::WaitTooLong));
        assert_eq!(why(after(2000), within(None, Some(2000))), None);
        let impatient = Some(GiveUp::PatienceSpent);
        assert_eq!(why(after(2001), within(None, Some(2000))), impatient);
        assert_eq!(why(Failure::SERVICE, within(None, Some(999))), impatient);
        let late = Some(GiveUp::DeadlineTooNear);
        assert_eq!(why(after(2000), within(Some(2000), None)), late);
        assert_eq!(why(Failure::SERVICE, within(Some(1000), None)), late);
        assert_eq!(why(Failure::SERVICE, within(Some(1001), None)), None);
        assert_eq!(why(Failure::UNPROCESSED, within(Some(0), None)), late);
    }

    #[test]
    fn jitter_takes_no_more_than_the_room_there_is() {
        for _ in 0..200 {
            let (waits, why) = run(&[after(1000)], within(Some(1100), Some(1050)));
            assert_eq!(why, None);
            assert!((1000..=1050).contains(&waits[0]));
        }
    }

    #[test]
    fn what_was_never_processed_is_repeated_once_for_nothing() {
        let failures = [
            Failure::UNPROCESSED,
            Failure::SERVICE,
            Failure::UNPROCESSED,
            Failure::SERVICE,
            Failure::UNPROCESSED,
        ];
        let spent = Some(GiveUp::RetriesSpent);
        assert_eq!(
            run(&failures, Room::default()),
            (vec![0, 1000, 2000, 4000], spent)
        );
    }

    #[test]
    fn a_veto_is_final_and_so_is_a_lost_request() {
        let plan = |failure: Failure, retryable, replayable| {
            let mut attempts = Attempts::default();
            let room = Room::default();
            settings().plan(&failure, retryable, replayable, &mut attempts, room)
        };
        let never = Failure::SERVICE.retry_after(RetryAfter::Never);
        assert_eq!(plan(never, true, true), Err(GiveUp::NotRetryable));
        assert_eq!(
            plan(Failure::SERVICE, false, true),
            Err(GiveUp::NotRetryable)
        );
        assert_eq!(
            plan(Failure::SERVICE, true, false),
            Err(GiveUp::NotReplayable)
        );
        assert_eq!(
            plan(Failure::UNPROCESSED, true, false),
            Err(GiveUp::NotReplayable)
        );
        assert!(plan(Failure::UNPROCESSED, false, true).is_ok());
    }
}
