use crate::{Metrics, Recorder, names, route::kind};
use buttress_core::{Call, Failure, Listener, Witness};
use metrics::{Counter, Gauge, Histogram, SharedString};
use std::{fmt, sync::Arc, time::Duration};

/// What is counted of the calls for one model. Clones count to the same.
#[derive(Clone)]
pub struct Model {
    handles: &'static Handles,
    // Its block is given to no one else while this is there.
    _metrics: Metrics,
}

pub(crate) struct Handles {
    label: SharedString,
    recorder: Recorder,
    listener: &'static dyn Listener,
    success: Counter,
    retry: Counter,
    fallback: Counter,
    failure: Counter,
    abandoned: Counter,
    in_flight: Gauge,
    latency: Histogram,
}

impl Handles {
    pub(crate) fn new(
        listener: &'static dyn Listener,
        recorder: &Recorder,
        name: &Arc<str>,
    ) -> Self {
        let label = SharedString::from(Arc::clone(name));
        let model = || ("model", label.clone());
        let calls = |status: &'static str| {
            recorder.counter(names::CALLS, [model(), ("status", status.into())])
        };
        Self {
            recorder: recorder.clone(),
            listener,
            success: calls("success"),
            retry: calls("retry"),
            fallback: calls("fallback"),
            failure: calls("failure"),
            abandoned: recorder.counter(names::ABANDONED, [model()]),
            in_flight: recorder.gauge(names::IN_FLIGHT, [model()]),
            latency: recorder.histogram(names::LATENCY, [model()]),
            label,
        }
    }

    /// What is only looked up when something goes wrong.
    fn failed(&self, failure: &Failure) {
        let labels = [
            ("model", self.label.clone()),
            ("verdict", failure.class.as_str().into()),
            ("kind", kind(failure).into()),
        ];
        self.recorder.counter(names::FAILURES, labels).increment(1);
    }
}

impl Model {
    pub(crate) fn new(metrics: &Metrics, handles: &'static Handles) -> Self {
        Self {
            handles,
            _metrics: metrics.clone(),
        }
    }

    /// Counts this call, from now on.
    pub(crate) fn begin(&self, call: &mut Call) -> Running {
        let handles = self.handles;
        call.listen_static(handles.listener);
        handles.in_flight.increment(1);
        Running {
            handles: Some(handles),
            call: call.clone(),
            answered: None,
        }
    }
}

/// A call that is under way, as the witness of its end. One that is dropped before it has settled
/// was abandoned.
pub struct Running {
    /// Nothing once it has settled.
    handles: Option<&'static Handles>,
    call: Call,
    /// When it was answered, where that was in the very poll in which it resolved.
    answered: Option<Duration>,
}

impl Running {
    pub(crate) fn answered(&self) -> Option<Duration> {
        self.call.answered()
    }

    /// The call has resolved, in a poll before which it had been answered then.
    pub(crate) fn resolved(&mut self, before: Option<Duration>) {
        self.answered = self.answered().filter(|now| Some(*now) != before);
    }

    fn settle(&mut self, outcome: Result<(), Failure>, took: Duration) {
        let Some(handles) = self.handles.take() else {
            return;
        };
        let status = match outcome {
            Err(_) => &handles.failure,
            Ok(()) if self.call.went_on() => &handles.fallback,
            Ok(()) if self.call.attempts() > 1 => &handles.retry,
            Ok(()) => &handles.success,
        };
        status.increment(1);
        if let Err(failure) = &outcome {
            self.call.ended();
            handles.failed(failure);
        }
        handles.latency.record(took);
        handles.in_flight.decrement(1);
    }

    fn now(&self) -> Duration {
        self.call.started().elapsed()
    }
}

impl Witness for Running {
    fn settled(mut self, outcome: Result<(), Failure>) {
        let now = self.now();
        self.settle(outcome, now);
    }

    fn settled_at_once(mut self, outcome: Result<(), Failure>) {
        // To read the clock once more would take half as long as all else that is done to count a
        // healthy call, to add what the layers above the answer have computed in this poll.
        let answered = self.answered.filter(|_| outcome.is_ok());
        let took = answered.unwrap_or_else(|| self.now());
        self.settle(outcome, took);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(handles) = self.handles {
            self.call.ended();
            handles.in_flight.decrement(1);
            handles.abandoned.increment(1);
        }
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").finish_non_exhaustive()
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}
