use crate::{
    Event, Failure,
    call::{Route, nanos},
    error::shown,
};
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// What was done for one request, in order.
///
/// Bounded: after the first [`MAX_STEPS`](Self::MAX_STEPS) only their number goes up. It holds
/// verdicts, waits and names of routes, never anything of the request's or the answer's content.
#[derive(Clone, Debug, Default)]
pub struct Journey {
    steps: Vec<Step>,
    dropped: usize,
}

/// One thing that was done.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Step {
    /// When, counted from the start of the call.
    pub at: Duration,
    /// In which route of a fallback, if in one.
    pub route: Option<Arc<str>>,
    /// What.
    pub event: Event,
}

impl Journey {
    /// How many steps are kept.
    pub const MAX_STEPS: usize = 64;

    /// The steps, oldest first.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// How many more steps there were than are kept.
    #[must_use]
    pub const fn dropped(&self) -> usize {
        self.dropped
    }
}

/// One line a step: when, where, what.
impl fmt::Display for Journey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.steps.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{step}")?;
        }
        match self.dropped {
            0 => Ok(()),
            dropped => write!(f, "\n… and {dropped} more"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>8.3}s ", self.at.as_secs_f64())?;
        if let Some(route) = &self.route {
            write!(f, "{route}: ")?;
        }
        self.event.fmt(f)
    }
}

/// In words.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attempt => f.write_str("called"),
            Self::Failed(failure) => failed(f, "failed", failure),
            Self::Broke(failure) => failed(f, "broke off", failure),
            Self::Retry { wait } => write!(f, "trying again after {:?}", shown(*wait)),
            Self::GaveUp(why) => write!(f, "gave up: {}", why.as_str()),
            Self::Queued { wait } => write!(f, "standing in line for about {:?}", shown(*wait)),
            Self::Rejected(cause) => write!(f, "refused: {}", cause.as_str()),
            Self::Skipped { why } => write!(f, "passed over: {why}"),
            Self::Entered => f.write_str("entered"),
            Self::Answered => f.write_str("answered"),
            Self::Corrected(words) | Self::Note(words) => f.write_str(words),
        }
    }
}

fn failed(f: &mut fmt::Formatter<'_>, how: &str, failure: &Failure) -> fmt::Result {
    match failure.kind {
        Some(kind) => write!(f, "{how}, {kind}: {failure}"),
        None => write!(f, "{how}: {failure}"),
    }
}

/// Where the steps are put down while the call runs.
#[derive(Debug)]
pub(crate) struct Record {
    taken: Mutex<Taken>,
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
        let place = taken.places.find(route);
        match event {
            Event::Attempt => self.is_attempted(),
            Event::Answered if taken.is_answered(place) => return None,
            Event::Answered => self.is_answered(at),
            _ => {}
        }
        let ends = matches!(event, Event::Answered | Event::Failed(_));
        let attempt = ends.then(|| taken.attempt(place)).flatten();
        if taken.entries.len() < Journey::MAX_STEPS {
            let place = place.unwrap_or_else(|| taken.places.add(route));
            if matches!(event, Event::Entered) && taken.is_elsewhere(place) {
                self.went_on.store(true, Relaxed);
            }
            let event = event.clone();
            taken.entries.push(Entry { at, place, event });
        } else {
            taken.dropped += 1;
        }
        Some(Follows { attempt })
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
    /// When the attempt began that this place is at. Nothing else happens there meanwhile, so it
    /// is the last that was put down of it.
    fn attempt(&self, place: Option<Place>) -> Option<Duration> {
        let place = place?;
        let mut latest = self.entries.iter().rev();
        let last = latest.find(|entry| entry.place == place)?;
        matches!(last.event, Event::Attempt).then_some(last.at)
    }

    /// Whether the last thing that happened is that this place answered. The client says so, and
    /// the fallback that it stands in, which can't know that it was said.
    fn is_answered(&self, place: Option<Place>) -> bool {
        let last = self.entries.last();
        last.is_some_and(|last| matches!(last.event, Event::Answered) && Some(last.place) == place)
    }

    /// Whether this place, which is entered now, is of another route than the first one was. One
    /// that is entered again is another place of the same name.
    fn is_elsewhere(&mut self, place: Place) -> bool {
        let first = *self.entered.get_or_insert(place);
        let name = |place| self.places.name(place).map(Arc::as_ptr);
        first != place && name(first) != name(place)
    }
}

impl Places {
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
        Self(number.expect("there are no more routes than steps"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Call, Context as _};

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
}
