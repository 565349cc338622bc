use crate::{
    Context, Event, Heard, Journey, Listener, Observe,
    listener::{Ear, Listeners},
    record::{Progress, Record},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::Instant;

/// What travels with one request: what it may spend, and the journey that it makes.
///
/// Clones are handles to the same call. It is carried in the extensions of an `http::Request`
/// (see [`Carry`] and [`Carried`]) or in a field of a request type of one's own, and survives
/// the request being cloned for a retry or for another route.
///
/// ```
/// use buttress_core::{Call, Context};
/// use std::time::Duration;
///
/// let call = Call::new().within(Duration::from_secs(60)).max_calls(3);
/// // The first upstream call is paid for; two more may be made.
/// assert!(call.spend_call() && call.spend_call());
/// assert!(!call.spend_call());
/// ```
#[derive(Clone, Debug)]
pub struct Call {
    shared: Arc<Shared>,
    deadline: Option<Instant>,
    route: Option<Arc<Route>>,
}

#[derive(Debug)]
struct Shared {
    started: Instant,
    /// Upstream calls that may still be made, beyond the first.
    calls_left: AtomicU32,
    waited: AtomicU64,
    record: Record,
    listeners: Listeners,
}

/// The part of a call that one route of a fallback makes.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) name: Arc<str>,
    /// What this route may spend waiting, in nanoseconds; `u64::MAX` is without limit.
    patience: AtomicU64,
    /// The route of the outer fallback, when this one's is nested in it. Its patience is spent
    /// here too.
    outer: Option<Arc<Route>>,
    /// How far the attempt is that is made there.
    pub(crate) progress: Progress,
}

impl Default for Call {
    fn default() -> Self {
        Self::new()
    }
}

impl Call {
    /// The default for the most upstream calls that one request may cause.
    pub const DEFAULT_MAX_CALLS: u32 = 12;

    /// A call that begins now, without a deadline, with
    /// [`DEFAULT_MAX_CALLS`](Self::DEFAULT_MAX_CALLS) upstream calls to spend.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                started: Instant::now(),
                calls_left: AtomicU32::new(Self::DEFAULT_MAX_CALLS - 1),
                waited: AtomicU64::new(0),
                record: Record::default(),
                listeners: Listeners::default(),
            }),
            deadline: None,
            route: None,
        }
    }

    /// Sets when the call must be over, unless an earlier deadline is set already.
    #[must_use]
    pub fn deadline_at(mut self, deadline: Instant) -> Self {
        self.deadline = Some(self.deadline.map_or(deadline, |set| set.min(deadline)));
        self
    }

    /// Sets how long from now the call may take, unless an earlier deadline is set already.
    ///
    /// A limit too far away for the clock to express is no limit.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        match Instant::now().checked_add(limit) {
            Some(deadline) => self.deadline_at(deadline),
            None => self,
        }
    }

    /// Sets the most upstream calls that this request may cause, the first one included.
    ///
    /// Meant for a call that has not begun: it forgets what was spent so far. Zero counts as one.
    #[must_use]
    pub fn max_calls(self, calls: u32) -> Self {
        self.shared
            .calls_left
            .store(calls.saturating_sub(1), Relaxed);
        self
    }

    /// Tells this listener, beside those that there are, of all that is done for the call from
    /// here on, through whichever of its handles.
    pub fn listen(&mut self, listener: Arc<dyn Listener>) {
        self.hear(Ear::Shared(listener));
    }

    /// The same for one that is there for good, so that no reference to it need be counted.
    pub fn listen_static(&mut self, listener: &'static dyn Listener) {
        self.hear(Ear::Static(listener));
    }

    fn hear(&mut self, ear: Ear) {
        match Arc::get_mut(&mut self.shared) {
            Some(shared) => shared.listeners.give(ear),
            None => self.shared.listeners.add(ear),
        }
    }

    /// Asks those who listen what the attempt that has just begun is to
    /// [tell](Listener::tell) whom it asks: names of headers, and their values.
    pub fn tell(&self, put: &mut dyn FnMut(&str, &str)) {
        let listeners = &self.shared.listeners;
        listeners.each(|listener| listener.tell(put));
    }

    /// The handle to give to one route of a fallback: what happens there is recorded under its
    /// name, and the time spent waiting there is limited by `patience`, if given. Where this is a
    /// route's handle already, that route's limit holds too.
    #[must_use]
    pub fn for_route(&self, name: Arc<str>, patience: Option<Duration>) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            deadline: self.deadline,
            route: Some(Arc::new(Route {
                name,
                patience: AtomicU64::new(patience.map_or(u64::MAX, nanos)),
                outer: self.route.clone(),
                progress: Progress::default(),
            })),
        }
    }

    /// When the call began.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.shared.started
    }

    /// All the time that was spent waiting so far: back-off, the waits that services asked for
    /// and standing in line.
    #[must_use]
    pub fn total_waited(&self) -> Duration {
        Duration::from_nanos(self.shared.waited.load(Relaxed))
    }

    /// How many upstream calls were made so far.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.shared.record.attempts()
    }

    /// Whether more than one route was entered so far.
    #[must_use]
    pub fn went_on(&self) -> bool {
        self.shared.record.went_on()
    }

    /// The call has ended. Puts down of each attempt that has not ended with it that it was [cut
    /// off](Event::CutOff): who made it can't, being dropped before it could know how it ends.
    pub fn ended(&self) {
        for route in self.shared.record.open() {
            self.put_down(route.as_ref(), &Event::CutOff);
        }
    }

    /// When it was answered last, or the first content was there, counted from its start.
    #[must_use]
    pub fn answered(&self) -> Option<Duration> {
        self.shared.record.answered()
    }

    /// What was done for this request so far.
    #[must_use]
    pub fn journey(&self) -> Journey {
        self.shared.record.snapshot()
    }

    fn put_down(&self, route: Option<&Arc<Route>>, event: &Event) {
        let Shared {
            started,
            record,
            listeners,
            ..
        } = &*self.shared;
        let at = started.elapsed();
        let Some(follows) = record.push(at, route, event) else {
            return;
        };
        if listeners.is_empty() {
            return;
        }
        let step = Heard {
            at,
            route: route.map(|route| &route.name),
            event,
            took: follows.attempt.map(|began| at.saturating_sub(began)),
        };
        listeners.each(|listener| listener.heard(&step));
    }

    fn route_name(&self) -> Option<&Arc<str>> {
        self.route.as_ref().map(|route| &route.name)
    }

    /// The route that this handle was given to, and those that it is nested in.
    fn routes(&self) -> impl Iterator<Item = &Route> {
        std::iter::successors(self.route.as_deref(), |route| route.outer.as_deref())
    }
}

impl Context for Call {
    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn patience(&self) -> Option<Duration> {
        let left = self.routes().map(|route| route.patience.load(Relaxed));
        let left = left.min().filter(|&left| left != u64::MAX);
        left.map(Duration::from_nanos)
    }

    fn spend_call(&self) -> bool {
        self.shared
            .calls_left
            .try_update(Relaxed, Relaxed, |left| left.checked_sub(1))
            .is_ok()
    }

    fn refund_call(&self) {
        let calls = &self.shared.calls_left;
        let more = |left: u32| Some(left.saturating_add(1));
        let _ = calls.try_update(Relaxed, Relaxed, more);
    }

    fn waited(&self, time: Duration) {
        let wait = nanos(time);
        let add = |waited: u64| Some(waited.saturating_add(wait));
        let _ = self.shared.waited.try_update(Relaxed, Relaxed, add);
        for route in self.routes() {
            let spend = |left| (left != u64::MAX).then(|| u64::saturating_sub(left, wait));
            let _ = route.patience.try_update(Relaxed, Relaxed, spend);
        }
        let listeners = &self.shared.listeners;
        listeners.each(|listener| listener.waited(self.route_name(), time));
    }

    fn record(&self, event: Event) {
        self.put_down(self.route.as_ref(), &event);
    }
}

/// A request that has a place for its [`Call`].
pub trait Carry {
    /// The call that this request belongs to, if it was given one.
    fn call(&self) -> Option<&Call>;

    /// Gives the request its call.
    fn set_call(&mut self, call: Call);

    /// The call that this request belongs to: one that has none is given what is made here.
    fn call_or(&mut self, make: impl FnOnce() -> Call) -> &mut Call
    where
        Self: Sized;
}

/// The observer for requests that [`Carry`] their [`Call`]: limits and records are the call's.
/// A request without one is unlimited and unrecorded.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Carried;

impl Carried {
    /// Looks for the call in the request.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl<Req: Carry> Observe<Req> for Carried {
    type Context = Option<Call>;

    fn context(&self, request: &Req) -> Option<Call> {
        request.call().cloned()
    }

    fn enter(
        &self,
        request: &mut Req,
        call: &Option<Call>,
        route: &Arc<str>,
        patience: Option<Duration>,
    ) -> Option<Call> {
        let call = call.as_ref()?.for_route(Arc::clone(route), patience);
        request.set_call(call.clone());
        Some(call)
    }
}

/// Saturating, and never the marker for "without limit".
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).map_or(u64::MAX - 1, |nanos| nanos.min(u64::MAX - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_never_overspent() {
        let call = Call::new().max_calls(4);
        let spent = std::thread::scope(|scope| {
            let spend = || (0..10).filter(|_| call.spend_call()).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(spend)).collect();
            let spent = threads.into_iter().map(|thread| thread.join().unwrap());
            spent.sum::<usize>()
        });
        assert_eq!(spent, 3);
    }

    #[test]
    fn a_call_that_only_one_of_two_grants_is_given_back() {
        let (wealthy, poor) = (Call::new().max_calls(2), Call::new().max_calls(1));
        assert!(!(wealthy.clone(), poor).spend_call());
        assert!(wealthy.spend_call());
        (Some(wealthy.clone()), ()).refund_call();
        assert!(wealthy.spend_call());
        assert!(!wealthy.spend_call());
    }

    #[test]
    fn the_earlier_deadline_stays() {
        let now = Instant::now();
        let call = Call::new().deadline_at(now).within(Duration::from_secs(9));
        assert_eq!(call.deadline(), Some(now));
        assert_eq!(Call::new().within(Duration::MAX).deadline(), None);
    }

    #[test]
    fn patience_is_a_route_s_own_and_waiting_is_everybody_s() {
        let call = Call::new();
        let first = call.for_route("first".into(), Some(Duration::from_secs(2)));
        let last = call.for_route("last".into(), None);
        first.waited(Duration::from_millis(1500));
        last.waited(Duration::from_secs(5));
        assert_eq!(first.patience(), Some(Duration::from_millis(500)));
        first.waited(Duration::from_secs(1));
        assert_eq!(first.patience(), Some(Duration::ZERO));
        assert_eq!(last.patience(), None);
        assert_eq!(call.total_waited(), Duration::from_millis(7500));
    }

    #[test]
    fn a_nested_route_spends_the_patience_of_the_outer_one() {
        let outer = Call::new().for_route("outer".into(), Some(Duration::from_secs(2)));
        let last = outer.for_route("last".into(), None);
        assert_eq!(last.patience(), Some(Duration::from_secs(2)));
        let hasty = outer.for_route("hasty".into(), Some(Duration::from_secs(1)));
        hasty.waited(Duration::from_millis(1500));
        assert_eq!(hasty.patience(), Some(Duration::ZERO));
        assert_eq!(last.patience(), Some(Duration::from_millis(500)));
    }

    #[test]
    fn steps_carry_the_name_of_their_route() {
        let call = Call::new();
        call.for_route("a".into(), None).record(Event::Attempt);
        call.for_route("b".into(), None).record(Event::Attempt);
        let journey = call.journey();
        let routes: Vec<_> = journey.steps().iter().map(|s| s.route.as_deref()).collect();
        assert_eq!(routes, [Some("a"), Some("b")]);
        assert_eq!(call.attempts(), 2);
    }

    #[test]
    fn what_has_not_ended_is_cut_off_with_its_call() {
        let call = Call::new();
        call.ended();
        assert!(call.journey().steps().is_empty());
        let [a, b, late] = ["a", "b", "late"].map(|name| call.for_route(name.into(), None));
        for open in [&call, &a, &b] {
            open.record(Event::Attempt);
        }
        a.record(Event::Note("it is the same attempt"));
        b.record(Event::Answered);
        for _ in 0..2 {
            call.ended();
        }
        let cut_off = |call: &Call| {
            let journey = call.journey().to_string();
            let lines = journey.lines().filter(|line| line.ends_with("cut off"));
            let lines = lines.map(|line| line.split("s ").nth(1).unwrap().to_owned());
            lines.collect::<Vec<_>>()
        };
        assert_eq!(cut_off(&call), ["cut off", "a: cut off"]);

        // However many steps there were before.
        let call = call.clone();
        for _ in 0..crate::Journey::MAX_STEPS {
            b.record(Event::Failed(crate::Failure::SERVICE));
        }
        late.record(Event::Attempt);
        let before = call.journey().dropped();
        call.ended();
        call.ended();
        assert_eq!(call.journey().dropped(), before + 1);
    }
}
