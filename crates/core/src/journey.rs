use crate::{Event, Failure, call::Route, error::shown};
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
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
#[derive(Debug, Default)]
pub(crate) struct Record {
    taken: Mutex<Taken>,
    attempts: AtomicU32,
}

#[derive(Debug, Default)]
struct Taken {
    entries: Vec<Entry>,
    dropped: usize,
}

/// A step, with the call's own reference to its route: the route's name is shared by all calls,
/// and all threads would count the references to it in one place.
#[derive(Debug)]
struct Entry {
    at: Duration,
    route: Option<Arc<Route>>,
    event: Event,
}

impl Record {
    /// What it follows, unless it is known already.
    pub(crate) fn push(
        &self,
        at: Duration,
        route: Option<&Arc<Route>>,
        event: Event,
    ) -> Option<Follows> {
        if event == Event::Attempt {
            self.attempts.fetch_add(1, Relaxed);
        }
        let mut taken = self.taken();
        if event == Event::Answered && taken.is_answered(route) {
            return None;
        }
        let ends = matches!(event, Event::Answered | Event::Failed(_));
        let attempt = ends.then(|| taken.attempt(route)).flatten();
        if taken.entries.len() < Journey::MAX_STEPS {
            let route = route.cloned();
            taken.entries.push(Entry { at, route, event });
        } else {
            taken.dropped += 1;
        }
        Some(Follows { attempt })
    }

    /// Whether a route other than the first one was entered.
    pub(crate) fn went_on(&self) -> bool {
        let taken = self.taken();
        let entered = |entry: &&Entry| entry.event == Event::Entered;
        let mut entered = taken.entries.iter().filter(entered);
        let name = |entry: &Entry| entry.route.as_ref().map(|route| Arc::as_ptr(&route.name));
        match entered.next().map(name) {
            Some(first) => entered.any(|entry| name(entry) != first),
            None => false,
        }
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.attempts.load(Relaxed)
    }

    pub(crate) fn snapshot(&self) -> Journey {
        let taken = self.taken();
        let step = |entry: &Entry| Step {
            at: entry.at,
            route: entry.route.as_ref().map(|route| Arc::clone(&route.name)),
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
    /// When the attempt began that this route is at. Nothing else happens to a route meanwhile,
    /// so it is the last that was put down of it.
    fn attempt(&self, route: Option<&Arc<Route>>) -> Option<Duration> {
        let last = self.entries.iter().rev().find(|entry| entry.is_of(route))?;
        (last.event == Event::Attempt).then_some(last.at)
    }

    /// Whether the last thing that happened is that this route answered. The client says so, and
    /// the fallback that it stands in, which can't know that it was said.
    fn is_answered(&self, route: Option<&Arc<Route>>) -> bool {
        self.entries
            .last()
            .is_some_and(|entry| entry.event == Event::Answered && entry.is_of(route))
    }
}

impl Entry {
    fn is_of(&self, route: Option<&Arc<Route>>) -> bool {
        match (&self.route, route) {
            (Some(one), Some(route)) => Arc::ptr_eq(one, route),
            (one, route) => one.is_none() && route.is_none(),
        }
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
            record.push(Duration::ZERO, None, Event::Attempt);
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
}
