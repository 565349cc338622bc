//! What happened lately: how calls ended, what routes did, and the journeys of those that had to be
//! recovered.

use super::{
    history::{History, Step},
    repeats::{Alike, Repeats},
};
use buttress::{
    Journey,
    core::{Event, Heard, Listener},
};
use serde_json::{Value, json};
use std::{
    cmp::Reverse,
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How many journeys are kept of calls that were answered, and as many of those that were not.
const KEPT: usize = 25;

/// What happened lately. Bounded, whatever happens.
#[derive(Debug)]
pub(in crate::serve) struct Recent {
    calls: Arc<Mutex<Calls>>,
    routes: Box<[(Arc<str>, Attempts)]>,
    repeats: Arc<Repeats>,
}

/// What attempts on one route came to.
type Attempts = Arc<Mutex<History<3>>>;

#[derive(Debug)]
struct Calls {
    /// Answered at once, after recovery, not at all; or its caller did not stay for it.
    history: History<4>,
    /// Of calls that were answered, the latest first.
    recovered: Journeys,
    /// Of those that were not. They have a list of their own: where a route fails, many more calls
    /// are recovered, and would push them out within seconds.
    unanswered: Journeys,
    /// How many there have been.
    told: u64,
}

/// Journeys, each with its number among all that were told.
///
/// Each is shared with those who read it: the end of every call has to wait for them, and a copy of
/// all of them takes a while.
type Journeys = VecDeque<(u64, Arc<Value>)>;

/// What came of a call for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Outcome {
    Answered,
    /// It was told of an error instead, or in the middle of its answer.
    Failed,
    /// It did not wait for the answer, or for the end of it.
    Left,
}

/// A call that has ended.
pub(in crate::serve) struct Ended<'a> {
    pub(in crate::serve) id: &'a str,
    pub(in crate::serve) model: &'a str,
    /// What became of it, in the words of the log.
    pub(in crate::serve) words: &'static str,
    pub(in crate::serve) kind: Option<&'static str>,
    pub(in crate::serve) outcome: Outcome,
    pub(in crate::serve) attempts: u32,
    pub(in crate::serve) waited: Duration,
    pub(in crate::serve) took: Duration,
    pub(in crate::serve) journey: &'a Journey,
}

impl Recent {
    pub(in crate::serve) fn new<'a>(routes: impl IntoIterator<Item = &'a Arc<str>>) -> Self {
        let nothing = Self {
            calls: Arc::new(Mutex::new(Calls {
                history: History::new(),
                recovered: VecDeque::new(),
                unanswered: VecDeque::new(),
                told: 0,
            })),
            routes: Box::default(),
            repeats: Arc::default(),
        };
        nothing.of_routes(routes)
    }

    /// The same of calls, and of these routes: of those that are known already, what is known.
    pub(in crate::serve) fn of_routes<'a>(
        &self,
        routes: impl IntoIterator<Item = &'a Arc<str>>,
    ) -> Self {
        let route = |name: &Arc<str>| {
            let mut known = self.routes.iter();
            let known = known.find(|(known, _)| known == name);
            let attempts = known.map_or_else(
                || Arc::new(Mutex::new(History::new())),
                |(_, attempts)| Arc::clone(attempts),
            );
            (Arc::clone(name), attempts)
        };
        Self {
            calls: Arc::clone(&self.calls),
            routes: routes.into_iter().map(route).collect(),
            repeats: Arc::clone(&self.repeats),
        }
    }

    /// Whether a line of the log like this is to be told, and with how many like it before were
    /// not.
    pub(in crate::serve) fn repeats(&self, line: Alike) -> Option<u64> {
        self.repeats.tell(line)
    }

    /// A call went well at once.
    pub(in crate::serve) fn well(&self, took: Duration) {
        lock(&self.calls).history.put(0, took);
    }

    /// A call had to be recovered, or its caller has no answer.
    pub(in crate::serve) fn told(&self, ended: &Ended<'_>) {
        let shown = Arc::new(ended.shown());
        let mut calls = lock(&self.calls);
        let bucket = match ended.outcome {
            Outcome::Answered => 1,
            Outcome::Failed => 2,
            Outcome::Left => 3,
        };
        calls.history.put(bucket, ended.took);
        calls.told += 1;
        let number = calls.told;
        let journeys = match ended.outcome {
            Outcome::Answered => &mut calls.recovered,
            Outcome::Failed | Outcome::Left => &mut calls.unanswered,
        };
        let forgotten = (journeys.len() >= KEPT).then(|| journeys.pop_back());
        journeys.push_front((number, shown));
        drop(calls);
        // Not while others wait.
        drop(forgotten);
    }

    /// How calls ended, and the journeys, the latest first.
    pub(in crate::serve) fn calls(&self) -> (Value, Value, u64) {
        let mut calls = lock(&self.calls);
        let steps: Vec<_> = calls.history.steps().copied().collect();
        let journeys = calls.recovered.iter().chain(&calls.unanswered);
        let mut journeys: Vec<_> = journeys.cloned().collect();
        let told = calls.told;
        drop(calls);

        let history = shown(&steps, ["well", "recovered", "failed", "left"]);
        journeys.sort_unstable_by_key(|(number, _)| Reverse(*number));
        let journeys = journeys.iter().map(|(_, journey)| Value::clone(journey));
        (history, journeys.collect(), told)
    }

    /// What attempts on this route came to.
    pub(super) fn route(&self, name: &str) -> Value {
        let found = self.routes.iter().find(|(route, _)| **route == *name);
        found.map_or(Value::Null, |(_, history)| {
            let steps: Vec<_> = lock(history).steps().copied().collect();
            shown(&steps, ["answered", "failed", "cut_off"])
        })
    }
}

/// Attempts are put down when they end, not when their call does.
impl Listener for Recent {
    fn heard(&self, step: &Heard<'_>) {
        let (Some(route), Some(took)) = (step.route, step.took) else {
            return;
        };
        let what = match step.event {
            Event::Answered => 0,
            Event::Failed(_) => 1,
            Event::CutOff => 2,
            _ => return,
        };
        let found = self.routes.iter().find(|(name, _)| name == route);
        if let Some((_, history)) = found {
            lock(history).put(what, took);
        }
    }
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::Left => "left",
        }
    }
}

impl Ended<'_> {
    fn shown(&self) -> Value {
        let steps = self.journey.steps().iter().map(|step| {
            json!({
                "at_ms": millis(step.at),
                "route": step.route.as_deref(),
                "what": step.event.to_string(),
            })
        });
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        json!({
            "id": self.id,
            "at": millis(now.unwrap_or_default()),
            "model": self.model,
            "words": self.words,
            "kind": self.kind,
            "outcome": self.outcome.as_str(),
            "attempts": self.attempts,
            "waited_ms": millis(self.waited),
            "took_ms": millis(self.took),
            "steps": steps.collect::<Value>(),
            "more_steps": self.journey.dropped(),
        })
    }
}

fn shown<const N: usize>(steps: &[Step<N>], names: [&str; N]) -> Value {
    let mut shown = json!({
        "mean_ms": steps.iter().map(|step| millis(step.mean())).collect::<Value>(),
        "longest_ms": steps.iter().map(|step| millis(step.longest)).collect::<Value>(),
    });
    for (at, name) in names.into_iter().enumerate() {
        shown[name] = steps.iter().map(|step| step.counts[at]).collect();
    }
    shown
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use buttress::{Call, Context as _};

    fn ended(outcome: Outcome, journey: &Journey) -> Ended<'_> {
        Ended {
            id: "id",
            model: "m",
            words: "recovered",
            kind: None,
            outcome,
            attempts: 2,
            waited: Duration::ZERO,
            took: Duration::from_millis(7),
            journey,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_latest_journeys_are_kept() {
        let recent = Recent::new([&"a".into()]);
        let call = Call::new();
        call.for_route("a".into(), None).record(Event::Attempt);
        let journey = call.journey();
        recent.well(Duration::from_millis(1));
        for number in 0..60 {
            let outcome = match number % 2 {
                0 => Outcome::Answered,
                _ => Outcome::Failed,
            };
            recent.told(&ended(outcome, &journey));
        }
        let (history, journeys, told) = recent.calls();
        assert_eq!((told, journeys.as_array().unwrap().len()), (60, 2 * KEPT));
        let last = |name: &str| history[name].as_array().unwrap().last().unwrap().clone();
        assert_eq!(
            (last("well"), last("recovered"), last("failed")),
            (1.into(), 30.into(), 30.into())
        );
        assert_eq!(journeys[0]["outcome"], "failed");
        assert_eq!(journeys[0]["steps"][0]["what"], "called");
        assert_eq!(journeys[0]["steps"][0]["route"], "a");
        assert_eq!(journeys[1]["outcome"], "answered");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_not_pushed_out_by_what_went_well() {
        let recent = Recent::new([]);
        let journey = Call::new().journey();
        recent.told(&ended(Outcome::Failed, &journey));
        for _ in 0..1000 {
            recent.told(&ended(Outcome::Answered, &journey));
        }
        let (_, journeys, _) = recent.calls();
        let journeys = journeys.as_array().unwrap();
        assert_eq!(journeys.len(), KEPT + 1);
        assert_eq!(journeys[KEPT]["outcome"], "failed");
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_count_for_their_route() {
        let recent = Arc::new(Recent::new([&"a".into(), &"b".into()]));
        let mut call = Call::new();
        call.listen(Arc::clone(&recent) as _);
        let route = call.for_route("b".into(), None);
        route.record(Event::Attempt);
        tokio::time::advance(Duration::from_millis(30)).await;
        route.record(Event::Answered);
        let last = |route: &str, name: &str| {
            recent.route(route)[name]
                .as_array()
                .unwrap()
                .last()
                .unwrap()
                .clone()
        };
        assert_eq!(last("b", "answered"), 1);
        assert_eq!(last("b", "mean_ms"), 30);
        assert_eq!(last("a", "answered"), 0);
        // A caller who does not wait any longer.
        route.record(Event::Attempt);
        call.ended();
        assert_eq!(
            (last("b", "cut_off"), last("b", "failed")),
            (1.into(), 0.into())
        );
        assert_eq!(recent.route("c"), Value::Null);

        let other = recent.of_routes([&"c".into(), &"b".into()]);
        assert_eq!(other.route("a"), Value::Null);
        assert_eq!(other.route("b"), recent.route("b"));
        other.well(Duration::from_millis(1));
        assert_eq!(other.calls(), recent.calls());
    }
}
