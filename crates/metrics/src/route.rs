use crate::{Recorder, names};
use buttress_core::{Event, Failure, Heard, Name};
use metrics::{Counter, Histogram, SharedString};
use std::{sync::Arc, time::Duration};

/// What is counted of one route. The handles that a healthy call needs are resolved ahead of time;
/// what goes wrong is looked up when it does.
#[derive(Debug)]
pub(crate) struct Route {
    label: SharedString,
    recorder: Recorder,
    answered: Counter,
    attempt_seconds: Histogram,
    wait_seconds: Histogram,
}

impl Route {
    pub(crate) fn new(name: &Arc<str>, recorder: &Recorder) -> Self {
        let label = SharedString::from(Arc::clone(name));
        let route = || ("route", label.clone());
        let answered = [
            route(),
            ("verdict", "answered".into()),
            ("kind", names::NONE.into()),
        ];
        Self {
            answered: recorder.counter(names::ATTEMPTS, answered),
            attempt_seconds: recorder.histogram(names::ATTEMPT_SECONDS, [route()]),
            wait_seconds: recorder.histogram(names::WAIT_SECONDS, [route()]),
            recorder: recorder.clone(),
            label,
        }
    }

    pub(crate) fn heard(&self, step: &Heard<'_>) {
        if let Some(took) = step.took {
            self.attempt_seconds.record(took);
        }
        match step.event {
            Event::Answered if step.took.is_some() => self.answered.increment(1),
            Event::Failed(failure) if step.took.is_some() => {
                self.attempted(failure.class.as_str(), kind(failure));
            }
            Event::CutOff => self.attempted("cut_off", names::NONE),
            Event::Broke(failure) => self.count(names::BROKEN, "kind", kind(failure)),
            Event::Retry { .. } => self.once(names::RETRIES),
            Event::GaveUp(why) => self.count(names::GAVE_UP, "reason", why.as_str()),
            Event::Queued { .. } => self.once(names::GATE_WAITS),
            Event::Rejected(cause) => self.count(names::REJECTIONS, "cause", cause.as_str()),
            Event::Skipped { why } => self.count(names::SKIPS, "why", why),
            Event::Corrected(how) => self.count(names::CORRECTIONS, "how", how),
            _ => {}
        }
    }

    pub(crate) fn waited(&self, wait: Duration) {
        self.wait_seconds.record(wait);
    }

    fn attempted(&self, verdict: &'static str, kind: &'static str) {
        let labels = [
            ("route", self.label.clone()),
            ("verdict", verdict.into()),
            ("kind", kind.into()),
        ];
        self.recorder.counter(names::ATTEMPTS, labels).increment(1);
    }

    fn once(&self, name: &'static str) {
        let labels = [("route", self.label.clone())];
        self.recorder.counter(name, labels).increment(1);
    }

    fn count(&self, name: &'static str, label: &'static str, value: &'static str) {
        let labels = [("route", self.label.clone()), (label, value.into())];
        self.recorder.counter(name, labels).increment(1);
    }
}

pub(crate) fn kind(failure: &Failure) -> &'static str {
    failure.kind.map_or(names::NONE, Name::as_str)
}
