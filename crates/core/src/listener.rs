use crate::Event;
use std::{
    fmt, ptr,
    sync::{Arc, OnceLock},
    time::Duration,
};

/// Hears what is done for a call the moment it is done: metrics, traces, a live page.
///
/// It is [given](crate::Call::listen) to a call, and hears from then on all that is recorded of
/// it, from whichever task that happens on. It is told between two steps of the call, so it should
/// not block and not take long.
pub trait Listener: Send + Sync {
    /// This happened.
    fn heard(&self, step: &Heard<'_>);

    /// This much time was spent waiting, in this route of a fallback if in one.
    fn waited(&self, route: Option<&Arc<str>>, wait: Duration) {
        let _ = (route, wait);
    }

    /// What the attempt that has just begun is to tell whom it asks: puts each piece by its name
    /// and its value, as they stand in a header. An attempt is sent without it otherwise.
    fn tell(&self, put: &mut dyn FnMut(&str, &str)) {
        let _ = put;
    }
}

/// One thing that was done for a call.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Heard<'a> {
    /// When, counted from the start of the call.
    pub at: Duration,
    /// In which route of a fallback, if in one.
    pub route: Option<&'a Arc<str>>,
    /// What.
    pub event: &'a Event,
    /// How long the attempt took that ended with it, where one did: when it was
    /// [answered](Event::Answered), [failed](Event::Failed) or [cut off](Event::CutOff).
    pub took: Option<Duration>,
}

/// Somebody who listens.
pub(crate) enum Ear {
    Shared(Arc<dyn Listener>),
    Static(&'static dyn Listener),
}

/// Those who listen to a call, in the order in which they came.
///
/// The first two take no allocation, since hardly a call has more: metrics, and a trace or a page.
#[derive(Default)]
pub(crate) struct Listeners {
    /// Whoever came while the call had one handle: that takes no atomic, and a healthy call that
    /// is counted takes little else.
    given: Option<Ear>,
    others: Others,
}

#[derive(Default)]
struct Others {
    first: OnceLock<Ear>,
    others: OnceLock<Box<Self>>,
}

impl Listeners {
    /// Adds one where nobody else can.
    pub(crate) fn give(&mut self, ear: Ear) {
        if self.is_empty() {
            self.given = Some(ear);
        } else {
            self.add(ear);
        }
    }

    /// Whoever listens already is not told twice.
    pub(crate) fn add(&self, ear: Ear) {
        let mut known = false;
        self.each(|one| known |= ptr::addr_eq(one, ear.listener()));
        if !known {
            self.others.add(ear);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.given.is_none() && self.others.first.get().is_none()
    }

    pub(crate) fn each(&self, mut tell: impl FnMut(&dyn Listener)) {
        if let Some(given) = &self.given {
            tell(given.listener());
        }
        let mut others = Some(&self.others);
        while let Some(Others {
            first,
            others: more,
        }) = others
        {
            if let Some(ear) = first.get() {
                tell(ear.listener());
            }
            others = more.get().map(|more| &**more);
        }
    }
}

impl Others {
    fn add(&self, ear: Ear) {
        if let Err(ear) = self.first.set(ear) {
            self.others.get_or_init(Box::default).add(ear);
        }
    }
}

impl Ear {
    fn listener(&self) -> &dyn Listener {
        match self {
            Self::Shared(listener) => &**listener,
            Self::Static(listener) => *listener,
        }
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut count = 0;
        self.each(|_| count += 1);
        count.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Call, Context as _};
    use std::sync::Mutex;

    #[derive(Default)]
    struct Log(Mutex<Vec<(Option<Arc<str>>, Event)>>, Mutex<Duration>);

    impl Listener for Log {
        fn heard(&self, step: &Heard<'_>) {
            let heard = (step.route.cloned(), step.event.clone());
            self.0.lock().unwrap().push(heard);
        }

        fn waited(&self, _: Option<&Arc<str>>, wait: Duration) {
            *self.1.lock().unwrap() += wait;
        }
    }

    #[test]
    fn each_hears_all_that_is_put_down_once_it_is_there() {
        let listeners: Vec<_> = (0..3).map(|_| Arc::new(Log::default())).collect();
        let mut call = Call::new();
        let route = call.for_route("a".into(), None);
        for (number, listener) in (1..).zip(&listeners) {
            // Through whichever handle it comes.
            call.listen(Arc::clone(listener) as _);
            call.listen(Arc::clone(listener) as _);
            route.record(Event::Attempt);
            route.record(Event::Answered);
            // It is known already.
            route.record(Event::Answered);
            route.waited(Duration::from_secs(number));
        }
        for (listener, (events, waited)) in listeners.iter().zip([(6, 6), (4, 5), (2, 3)]) {
            let heard = listener.0.lock().unwrap();
            assert_eq!(heard.len(), events);
            assert!(heard.iter().all(|(route, _)| route.as_deref() == Some("a")));
            assert_eq!(heard.last().unwrap().1, Event::Answered);
            assert_eq!(*listener.1.lock().unwrap(), Duration::from_secs(waited));
        }
    }

    struct Tells(&'static str);

    impl Listener for Tells {
        fn heard(&self, _: &Heard<'_>) {}

        fn tell(&self, put: &mut dyn FnMut(&str, &str)) {
            put("x-of", self.0);
        }
    }

    #[test]
    fn each_may_tell_whom_an_attempt_asks() {
        let mut call = Call::new();
        let told = |call: &Call| {
            let mut told = Vec::new();
            call.tell(&mut |name, value| told.push(format!("{name}: {value}")));
            told
        };
        assert_eq!(told(&call), [""; 0]);
        call.listen(Arc::new(Log::default()));
        call.listen(Arc::new(Tells("one")));
        call.listen(Arc::new(Tells("two")));
        assert_eq!(told(&call), ["x-of: one", "x-of: two"]);
    }

    #[test]
    fn they_keep_their_order_however_they_came() {
        static FOURTH: Tells = Tells("four");
        let mut call = Call::new();
        let other = call.clone();
        // With a second handle, and with one.
        call.listen(Arc::new(Tells("one")));
        drop(other);
        for name in ["two", "three"] {
            call.listen(Arc::new(Tells(name)));
        }
        for _ in 0..2 {
            call.listen_static(&FOURTH);
        }
        let mut told = String::new();
        call.tell(&mut |_, value| told = format!("{told} {value}"));
        assert_eq!(told, " one two three four");
    }

    struct Times(Mutex<Vec<Option<u64>>>);

    impl Listener for Times {
        fn heard(&self, step: &Heard<'_>) {
            let took = step.took.map(|took| took.as_secs());
            self.0.lock().unwrap().push(took);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_takes_as_long_as_it_takes_on_its_route() {
        let mut call = Call::new();
        let times = Arc::new(Times(Mutex::default()));
        call.listen(Arc::clone(&times) as _);
        let (one, two) = (
            call.for_route("one".into(), None),
            call.for_route("two".into(), None),
        );
        let failed = Event::Failed(crate::Failure::SERVICE);
        // Refused before anything was sent.
        one.record(failed.clone());
        for (route, seconds, end) in [(&one, 2, failed.clone()), (&two, 3, Event::Answered)] {
            route.record(Event::Attempt);
            tokio::time::advance(Duration::from_secs(seconds)).await;
            route.record(end);
        }
        // It was the other one that was tried last.
        one.record(failed);
        let times = times.0.lock().unwrap();
        assert_eq!(*times, [None, None, Some(2), None, Some(3), None]);
    }
}
