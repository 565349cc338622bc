use crate::{Metrics, names};
use buttress_core::{Call, Failure, Listener, Witness};
use metrics::{Counter, Gauge, Histogram, SharedString};
use std::{fmt, sync::Arc};

/// What is counted of the calls for one model. Clones count to the same.
#[derive(Clone)]
pub struct Model {
    handles: Arc<Handles>,
}

struct Handles {
    listener: Arc<dyn Listener>,
    success: Counter,
    retry: Counter,
    fallback: Counter,
    failure: Counter,
    abandoned: Counter,
    in_flight: Gauge,
    latency: Histogram,
}

impl Model {
    pub(crate) fn new(metrics: &Metrics, name: &Arc<str>) -> Self {
        let recorder = metrics.recorder();
        let label = SharedString::from(Arc::clone(name));
        let model = || ("model", label.clone());
        let calls = |status: &'static str| {
            recorder.counter(names::CALLS, [model(), ("status", status.into())])
        };
        let handles = Handles {
            listener: metrics.listener(),
            success: calls("success"),
            retry: calls("retry"),
            fallback: calls("fallback"),
            failure: calls("failure"),
            abandoned: recorder.counter(names::ABANDONED, [model()]),
            in_flight: recorder.gauge(names::IN_FLIGHT, [model()]),
            latency: recorder.histogram(names::LATENCY, [model()]),
        };
        Self {
            handles: Arc::new(handles),
        }
    }

    /// Counts this call, from now on.
    pub(crate) fn begin(&self, mut call: Call) -> Running {
        call.listen(Arc::clone(&self.handles.listener));
        self.handles.in_flight.increment(1);
        Running {
            handles: Arc::clone(&self.handles),
            call,
            settled: false,
        }
    }
}

/// A call that is under way, as the witness of its end. One that is dropped before it has settled
/// was abandoned.
pub struct Running {
    handles: Arc<Handles>,
    call: Call,
    settled: bool,
}

impl Witness for Running {
    fn settled(mut self, outcome: Result<(), Failure>) {
        self.settled = true;
        let Handles {
            success,
            retry,
            fallback,
            failure,
            latency,
            ..
        } = &*self.handles;
        let status = match outcome {
            Err(_) => failure,
            Ok(()) if self.call.went_on() => fallback,
            Ok(()) if self.call.attempts() > 1 => retry,
            Ok(()) => success,
        };
        status.increment(1);
        latency.record(self.call.started().elapsed());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handles.in_flight.decrement(1);
        if !self.settled {
            self.handles.abandoned.increment(1);
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
