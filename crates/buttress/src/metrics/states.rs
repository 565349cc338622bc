use super::{Recorder, names};
use crate::Route;
use buttress_retry_after::GateState;
use metrics::Gauge;
use std::sync::Arc;

/// How the key of one route stands.
pub(super) struct States {
    route: Route,
    recorder: Recorder,
    gate: [Gauge; GateState::NAMES.len()],
    waiting: Gauge,
}

impl States {
    pub(super) fn new(route: &Route, recorder: &Recorder) -> Self {
        let name = || ("route", Arc::clone(route.name()).into());
        let gate = GateState::NAMES.map(|state| {
            let labels = [name(), ("state", state.into())];
            recorder.gauge(names::GATE_STATE, labels)
        });
        Self {
            gate,
            waiting: recorder.gauge(names::GATE_WAITING, [name()]),
            recorder: recorder.clone(),
            route: route.clone(),
        }
    }

    pub(super) fn is_of(&self, route: &str) -> bool {
        **self.route.name() == *route
    }

    pub(super) fn forget(&self) {
        for gauge in &self.gate {
            gauge.set(0.0);
        }
        self.waiting.set(0.0);
        for left in self.route.limits() {
            // Nothing is known, which is not that nothing is left.
            self.remaining(left.counts).set(f64::NAN);
        }
    }

    pub(super) fn sample(&self) {
        let handle = self.route.gate_handle();
        let state = handle.state().as_str();
        for (name, gauge) in GateState::NAMES.iter().zip(&self.gate) {
            gauge.set(f64::from(u8::from(*name == state)));
        }
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let number = |count: u64| count as f64;
        self.waiting.set(number(handle.waiting() as u64));
        for left in self.route.limits() {
            self.remaining(left.counts).set(number(left.remaining));
        }
    }

    fn remaining(&self, limit: &'static str) -> Gauge {
        let labels = [
            ("route", Arc::clone(self.route.name()).into()),
            ("limit", limit.into()),
        ];
        self.recorder.gauge(names::RATE_LIMIT_REMAINING, labels)
    }
}
