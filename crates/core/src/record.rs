//! What a call puts down of itself while it runs.

use crate::{
    Event, Journey, Step,
    call::{Route, nanos},
};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// Where the steps are put down while the call runs.
///
/// Only the steps are bounded: what is told of a step, and asked of a call, does not depend on how
/// many there were.
#[derive(Debug)]
pub(crate) struct Record {
    taken: Mutex<Taken>,
    /// Of what is done outside of all routes.
    progress: Progress,
    // What is asked of every call when it is over: written with the lock held, read without.
    attempts: AtomicU32,
    went_on: AtomicBool,
    /// In nanoseconds.
    answered: AtomicU64,
}

/// Not answered.
const NEVER: u64 = u64::MAX;

impl Default for Record {
    fn default() -> Self {
        Self {
            taken: Mutex::default(),
            progress: Progress::default(),
            attempts: AtomicU32::new(0),
            went_on: AtomicBool::new(false),
            answered: AtomicU64::new(NEVER),
        }
    }
}

#[derive(Debug, Default)]
struct Taken {
    entries: Vec<Entry>,
    dropped: usize,
    places: Places,
    /// The first one that was entered.
    entered: Option<Place>,
    /// The last one that was tried after there was no more room for entries.
    late: Option<Arc<Route>>,
}

#[derive(Debug)]
struct Entry {
    at: Duration,
    place: Place,
    event: Event,
}

/// The routes that the entries tell of, each held once: to count one reference for each entry
/// would take longer than to put it down.
#[derive(Debug, Default)]
struct Places {
    // Most calls have one, which takes no allocation.
    first: Option<Arc<Route>>,
    others: Vec<Arc<Route>>,
}

/// Where something happened: outside of all routes, or in the one of this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place(u8);

impl Record {
    /// What it follows, unless it is known already.
    pub(crate) fn push(
        &self,
        at: Duration,
        route: Option<&Arc<Route>>,
        event: &Event,
    ) -> Option<Follows> {
        let mut taken = self.taken();
        let progress = route.map_or(&self.progress, |route| &route.progress);
        let mut attempt = None;
        match event {
            // The client says so, and the fallback that it stands in, which can't know that it was
            // said.
            Event::Answered if progress.is_answered() => return None,
            Event::Answered => {
                attempt = progress.answered();
                self.is_answered(at);
            }
            Event::Failed(_) => attempt = progress.stopped(),
            Event::CutOff => {
                attempt = progress.stopped();
                // It has ended meanwhile.
                attempt?;
            }
            Event::Attempt => {
                self.is_attempted();
                progress.began(at);
            }
            Event::Entered => {
                progress.stopped();
                if taken.is_elsewhere(route) {
                    self.went_on.store(true, Relaxed);
                }
            }
            Event::Corrected(_) | Event::Note(_) => {}
            _ => drop(progress.stopped()),
        }
        if taken.entries.len() < Journey::MAX_STEPS {
            let place = taken.places.of(route);
            let event = event.clone();
            taken.entries.push(Entry { at, place, event });
        } else {
            if matches!(event, Event::Attempt) {
                taken.late = route.cloned();
            }
            taken.dropped += 1;
        }
        Some(Follows { attempt })
    }

    /// Where an attempt has begun and not ended.
    pub(crate) fn open(&self) -> Vec<Option<Arc<Route>>> {
        let taken = self.taken();
        let outside = self.progress.open().map(|_| None);
        let routes = taken.places.routes().chain(&taken.late);
        let open = routes.filter(|route| route.progress.open().is_some());
        outside.into_iter().chain(open.cloned().map(Some)).collect()
    }

    /// Whether a route other than the first one was entered.
    pub(crate) fn went_on(&self) -> bool {
        self.went_on.load(Relaxed)
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.attempts.load(Relaxed)
    }

    pub(crate) fn answered(&self) -> Option<Duration> {
        let answered = self.answered.load(Relaxed);
        (answered != NEVER).then(|| Duration::from_nanos(answered))
    }

    fn is_attempted(&self) {
        self.attempts
            .store(self.attempts().wrapping_add(1), Relaxed);
    }

    fn is_answered(&self, at: Duration) {
        // Who comes to the lock last need not have looked at the clock last.
        let latest = self.answered().map_or(at, |before| before.max(at));
        self.answered.store(nanos(latest), Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Journey {
        let taken = self.taken();
        let step = |entry: &Entry| Step {
            at: entry.at,
            route: taken.places.name(entry.place).cloned(),
            event: entry.event.clone(),
        };
        Journey {
            steps: taken.entries.iter().map(step).collect(),
            dropped: taken.dropped,
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // A panic elsewhere can't leave a list half pushed: what is there is worth keeping.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a step follows.
pub(crate) struct Follows {
    /// When the attempt began that it ends, if it does.
    pub(crate) attempt: Option<Duration>,
}

impl Taken {
    /// Whether this route, which is entered now, is another one than the first was. One that is
    /// entered again is another place of the same name.
    fn is_elsewhere(&mut self, route: Option<&Arc<Route>>) -> bool {
        let Some(first) = self.entered else {
            self.entered = Some(self.places.of(route));
            return false;
        };
        let first = self.places.name(first).map(Arc::as_ptr);
        first != route.map(|route| Arc::as_ptr(&route.name))
    }
}

/// How far an attempt is: in nanoseconds from the start of the call when it began, or one of the
/// two that no clock gets to. Used with the record's lock held.
#[derive(Debug)]
pub(crate) struct Progress(AtomicU64);

impl Progress {
    const NONE: u64 = u64::MAX;
    const ANSWERED: u64 = u64::MAX - 1;

    fn began(&self, at: Duration) {
        self.0.store(nanos(at).min(Self::ANSWERED - 1), Relaxed);
    }

    /// When the attempt began that has not ended, if there is one.
    fn open(&self) -> Option<Duration> {
        let began = self.0.load(Relaxed);
        (began < Self::ANSWERED).then(|| Duration::from_nanos(began))
    }

    fn is_answered(&self) -> bool {
        self.0.load(Relaxed) == Self::ANSWERED
    }

    fn answered(&self) -> Option<Duration> {
        let began = self.open();
        self.0.store(Self::ANSWERED, Relaxed);
        began
    }

    /// Nothing is under way any more.
    fn stopped(&self) -> Option<Duration> {
        let began = self.open();
        self.0.store(Self::NONE, Relaxed);
        began
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self(AtomicU64::new(Self::NONE))
    }
}

impl Places {
    fn of(&mut self, route: Option<&Arc<Route>>) -> Place {
        let known = self.find(route);
        known.unwrap_or_else(|| self.add(route))
    }

    /// All but the outside.
    fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.first.iter().chain(&self.others)
    }

    fn find(&self, route: Option<&Arc<Route>>) -> Option<Place> {
        let Some(route) = route else {
            return Some(Place::OUTSIDE);
        };
        let same = |known: &Arc<Route>| Arc::ptr_eq(known, route);
        if self.first.as_ref().is_some_and(same) {
            return Some(Place::FIRST);
        }
        self.others.iter().position(same).map(Place::other)
    }

    /// One that [was not found](Self::find).
    fn add(&mut self, route: Option<&Arc<Route>>) -> Place {
        let Some(route) = route.map(Arc::clone) else {
            return Place::OUTSIDE;
        };
        if self.first.is_none() {
            self.first = Some(route);
            return Place::FIRST;
        }
        self.others.push(route);
        Place::other(self.others.len() - 1)
    }

    fn name(&self, place: Place) -> Option<&Arc<str>> {
        let route = match place {
            Place::OUTSIDE => None,
            Place::FIRST => self.first.as_ref(),
            Place(number) => self.others.get(usize::from(number) - 2),
        };
        route.map(|route| &route.name)
    }
}

impl Place {
    const OUTSIDE: Self = Self(0);
    const FIRST: Self = Self(1);

    fn other(index: usize) -> Self {
        let number = u8::try_from(index + 2);
        Self(number.expect("there is one more route than steps, at most"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Call, Context as _, Failure};

    #[test]
    fn is_bounded() {
        let record = Record::default();
        for _ in 0..Journey::MAX_STEPS + 5 {
            record.push(Duration::ZERO, None, &Event::Attempt);
        }
        let journey = record.snapshot();
        assert_eq!(journey.steps().len(), Journey::MAX_STEPS);
        assert_eq!(journey.dropped(), 5);
        assert_eq!(record.attempts() as usize, Journey::MAX_STEPS + 5);
        assert!(journey.to_string().ends_with("… and 5 more"));
    }

    #[test]
    fn an_answer_is_put_down_once_and_waits_are_rounded() {
        let call = Call::new();
        let route = call.for_route("a".into(), None);
        let wait = Duration::from_nanos(1_234_567_891);
        route.record(Event::Retry { wait });
        route.record(Event::Answered);
        route.record(Event::Answered);
        call.for_route("b".into(), None).record(Event::Answered);
        let journey = call.journey().to_string();
        assert_eq!(journey.matches("answered").count(), 2, "{journey}");
        assert!(journey.contains("after 1.235s"), "{journey}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_asked_when_a_call_is_over() {
        let call = Call::new();
        let (first, second): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        assert_eq!(call.answered(), None);
        for (name, went_on) in [
            (&first, false),
            (&first, false),
            (&second, true),
            (&first, true),
        ] {
            let route = call.for_route(Arc::clone(name), None);
            route.record(Event::Entered);
            route.record(Event::Attempt);
            assert_eq!(call.went_on(), went_on);
        }
        assert_eq!(call.attempts(), 4);
        let route = call.for_route(first, None);
        for seconds in [1, 2] {
            tokio::time::advance(Duration::from_secs(1)).await;
            route.record(Event::Attempt);
            route.record(Event::Answered);
            let answered = Some(Duration::from_secs(seconds));
            assert_eq!(call.answered(), answered);
        }
        // The same answer, told again by who stands above.
        tokio::time::advance(Duration::from_secs(1)).await;
        route.record(Event::Answered);
        assert_eq!(call.answered(), Some(Duration::from_secs(2)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_told_does_not_depend_on_how_many_steps_there_were() {
        let call = Call::new();
        let first = call.for_route("a".into(), None);
        first.record(Event::Entered);
        for _ in 0..Journey::MAX_STEPS {
            first.record(Event::Attempt);
            first.record(Event::Failed(Failure::SERVICE));
        }
        assert!(!call.went_on());
        let last = call.for_route("b".into(), None);
        last.record(Event::Entered);
        assert!(call.went_on());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let mut listening = call.clone();
        listening.listen(Arc::new(Took(Arc::clone(&heard))));
        for _ in 0..2 {
            last.record(Event::Attempt);
            tokio::time::advance(Duration::from_secs(1)).await;
            // It is told once, and what was refused is no attempt.
            last.record(Event::Answered);
            last.record(Event::Answered);
            last.record(Event::Failed(Failure::SERVICE));
        }
        let took = Some(Duration::from_secs(1));
        assert_eq!(*heard.lock().unwrap(), [None, took, None, None, took, None]);
    }

    struct Took(Arc<Mutex<Vec<Option<Duration>>>>);

    impl crate::Listener for Took {
        fn heard(&self, step: &crate::Heard<'_>) {
            self.0.lock().unwrap().push(step.took);
        }
    }
}
