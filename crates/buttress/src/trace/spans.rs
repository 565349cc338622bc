//! The spans of one call, while it runs.

use super::{
    Propagate, TARGET,
    held::Held,
    place::{Place, Places},
};
use buttress_core::{Event, Failure, Heard, Listener};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tracing::{Level, Span, event, field::Empty, span};

/// The spans of one call. Whatever is heard after its end is not told any more.
pub(super) struct CallSpans {
    open: Mutex<Open>,
    places: Places,
    propagate: Option<Propagate>,
}

/// Those that have not ended. They are children of the call, and none is ever entered: what
/// happens to a call happens on many threads.
struct Open {
    call: Held,
    attempts: u32,
    /// The route that was asked last.
    last: Option<Arc<str>>,
    attempt: Option<Attempt>,
    wait: Option<Held>,
    correction: Option<Correction>,
    /// When the answer, or its first content, was there.
    answered: Option<Duration>,
    /// Whether it has been given to the caller.
    given: bool,
}

struct Attempt {
    span: Held,
    began: Duration,
    answered: bool,
}

struct Correction {
    span: Held,
    /// Whether something was asked since: what is wrong then is wrong with another answer.
    asked: bool,
}

impl CallSpans {
    pub(super) fn new(call: Span, places: Places, propagate: Option<Propagate>) -> Self {
        let open = Open {
            call: Held::new(call),
            attempts: 0,
            last: None,
            attempt: None,
            wait: None,
            correction: None,
            answered: None,
            given: false,
        };
        Self {
            open: Mutex::new(open),
            places,
            propagate,
        }
    }

    /// The answer is there, by this route, or the first of it: no other one is waited for.
    pub(super) fn answered(&self, route: Option<&Arc<str>>, model: &str, streams: bool) {
        let mut open = self.open();
        open.correction = None;
        open.given = true;
        let call = &open.call;
        call.record("gen_ai.response.model", model);
        call.record("buttress.route", route.map(|route| &**route));
        self.asked(call, route);
        if streams && let Some(at) = open.answered {
            call.record("gen_ai.response.time_to_first_chunk", at.as_secs_f64());
        }
    }

    fn asked(&self, call: &Span, route: Option<&Arc<str>>) {
        if let Some(place) = self.places.of(route) {
            call.record("gen_ai.provider.name", place.provider);
            place.record(call);
        }
    }

    /// Does something with the span of the call.
    pub(super) fn with(&self, act: impl FnOnce(&Span)) {
        act(&self.open().call);
    }

    /// Ends what has not ended, the call last, after this was done with its span. Of one that failed
    /// it is told who was asked last.
    pub(super) fn end(&self, failed: bool, last: impl FnOnce(&Span)) {
        let mut open = self.open();
        if failed && !open.given {
            self.asked(&open.call, open.last.as_ref());
        }
        open.wait = None;
        open.attempt = None;
        open.correction = None;
        last(&open.call);
        open.call = Held::none();
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // Spans can't be half opened.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for CallSpans {
    fn heard(&self, step: &Heard<'_>) {
        let mut open = self.open();
        let open = &mut *open;
        if open.call.is_none() {
            return;
        }
        let route = step.route.map(|route| &**route);
        match step.event {
            Event::Attempt => open.attempt(step, self.places.of(step.route)),
            Event::Answered => open.is_answered(step.at),
            Event::Failed(failure) | Event::Broke(failure) => open.failed(route, failure),
            Event::CutOff => open.cut_off(),
            Event::Retry { wait } => open.wait("retry", route, *wait),
            Event::Queued { wait } => open.wait("line", route, *wait),
            Event::Corrected(words) => open.corrected(words),
            Event::GaveUp(why) => open.happened("gave_up", route, why.as_str()),
            Event::Rejected(cause) => open.happened("rejected", route, cause.as_str()),
            Event::Skipped { why } => open.happened("skipped", route, why),
            Event::Entered => open.happened("entered", route, ""),
            Event::Note(words) => open.note(route, words),
            // Whatever else there will be has words of its own in the journey.
            _ => {}
        }
    }

    fn waited(&self, _: Option<&Arc<str>>, wait: Duration) {
        if let Some(span) = self.open().wait.take() {
            span.record("buttress.wait.duration", wait.as_secs_f64());
        }
    }

    fn tell(&self, put: &mut dyn FnMut(&str, &str)) {
        let open = self.open();
        if let (Some(propagate), Some(attempt)) = (self.propagate, &open.attempt) {
            propagate(&attempt.span, put);
        }
    }
}

impl Open {
    fn attempt(&mut self, step: &Heard<'_>, place: Option<&Place>) {
        self.wait = None;
        // Ended before the next one begins.
        self.attempt = None;
        self.attempts += 1;
        if let Some(correction) = &mut self.correction {
            correction.asked = true;
        }
        self.last = step.route.cloned();
        let route = step.route.map(|route| &**route);
        let name = route.map(|route| format!("attempt {route}"));
        let name = name.as_deref();
        let span = self.call.child(|call| {
            span!(
                target: TARGET, parent: call, Level::INFO, "attempt",
                otel.name = name,
                otel.kind = "client",
                otel.status_code = Empty,
                buttress.route = route,
                buttress.attempt = i64::from(self.attempts),
                buttress.answered_after = Empty,
                buttress.failure.class = Empty,
                buttress.failure.blame = Empty,
                buttress.failure.retry_after = Empty,
                gen_ai.provider.name = place.map(|place| place.provider),
                server.address = Empty,
                server.port = Empty,
                "error.type" = Empty,
            )
        });
        if let Some(place) = place {
            place.record(&span);
        }
        self.attempt = Some(Attempt {
            span,
            began: step.at,
            answered: false,
        });
    }

    fn is_answered(&mut self, at: Duration) {
        self.answered.get_or_insert(at);
        // An attribute is put down once: OpenTelemetry would keep both.
        if let Some(attempt) = &mut self.attempt
            && !std::mem::replace(&mut attempt.answered, true)
        {
            let took = at.saturating_sub(attempt.began);
            attempt
                .span
                .record("buttress.answered_after", took.as_secs_f64());
        }
    }

    fn failed(&mut self, route: Option<&str>, failure: &Failure) {
        // What was answered before counts no more.
        self.answered = None;
        match self.attempt.take() {
            Some(Attempt { span, .. }) => {
                span.record("error.type", error_type(failure));
                span.record("otel.status_code", "ERROR");
                span.record("buttress.failure.class", failure.class.as_str());
                span.record("buttress.failure.blame", failure.blame.as_str());
                if let Some(wait) = failure.wait() {
                    span.record("buttress.failure.retry_after", wait.as_secs_f64());
                }
            }
            // Nothing was sent, or it is what was told of the attempt already.
            None => self.happened("failed", route, error_type(failure)),
        }
    }

    fn cut_off(&mut self) {
        if let Some(Attempt { span, .. }) = self.attempt.take() {
            span.record("error.type", "cut_off");
        }
    }

    fn wait(&mut self, why: &'static str, route: Option<&str>, wait: Duration) {
        self.wait = (!wait.is_zero()).then(|| {
            self.call.child(|call| {
                span!(
                    target: TARGET, parent: call, Level::INFO, "wait",
                    buttress.route = route,
                    buttress.wait.reason = why,
                    buttress.wait.expected = wait.as_secs_f64(),
                    buttress.wait.duration = Empty,
                )
            })
        });
    }

    fn corrected(&mut self, words: &'static str) {
        self.attempt = None;
        self.answered = None;
        match &self.correction {
            Some(correction) if !correction.asked => note(&correction.span, None, words),
            _ => {
                // The last one ends before this one begins.
                self.correction = None;
                let span = self.call.child(|call| {
                    span!(
                        target: TARGET, parent: call, Level::INFO, "correction",
                        buttress.correction.reason = words,
                    )
                });
                let asked = false;
                self.correction = Some(Correction { span, asked });
            }
        }
    }

    /// An event of the call, which ends a wait.
    fn happened(&mut self, what: &'static str, route: Option<&str>, why: &'static str) {
        self.wait = None;
        let why = (!why.is_empty()).then_some(why);
        self.call.within(|| {
            event!(
                target: TARGET, parent: &*self.call, Level::DEBUG,
                message = what,
                buttress.route = route,
                buttress.reason = why,
            );
        });
    }

    fn note(&self, route: Option<&str>, words: &'static str) {
        note(&self.call, route, words);
    }
}

impl Place {
    fn record(&self, span: &Span) {
        if let Some(port) = self.port {
            span.record("server.address", &*self.host);
            span.record("server.port", port);
        }
    }
}

/// The class of an error, as finely as it is known.
pub(super) fn error_type(failure: &Failure) -> &'static str {
    match failure.kind {
        Some(kind) => kind.as_str(),
        None => failure.class.as_str(),
    }
}

fn note(span: &Held, route: Option<&str>, words: &'static str) {
    span.within(|| {
        event!(
            target: TARGET, parent: &**span, Level::DEBUG,
            message = "note",
            buttress.route = route,
            buttress.reason = words,
        );
    });
}
