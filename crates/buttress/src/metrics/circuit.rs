use super::{Recorder, names};
use crate::Route;
use buttress_circuit_breaker::{Handle, State};
use metrics::{Counter, Gauge};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// What is counted of one route's circuit.
pub(super) struct Circuit {
    handle: Handle,
    states: [Gauge; State::ALL.len()],
    transitions: [Counter; State::ALL.len()],
    open_seconds: Gauge,
    /// When the time spent open was last added up, if it is open.
    open_since: Mutex<Option<Instant>>,
}

impl Circuit {
    pub(super) fn new(route: &Route, recorder: &Recorder) -> Self {
        let name = || ("route", Arc::clone(route.name()).into());
        let states = State::ALL.map(|state| {
            let labels = [name(), ("state", state.as_str().into())];
            recorder.gauge(names::CIRCUIT_STATE, labels)
        });
        let transitions = State::ALL.map(|state| {
            let labels = [name(), ("to", state.as_str().into())];
            recorder.counter(names::CIRCUIT_TRANSITIONS, labels)
        });
        Self {
            handle: route.breaker_handle(),
            states,
            transitions,
            open_seconds: recorder.gauge(names::CIRCUIT_OPEN_SECONDS, [name()]),
            open_since: Mutex::new(None),
        }
    }

    pub(super) fn sample(&self) {
        self.put(self.handle.state());
    }

    pub(super) fn forget(&self) {
        for gauge in &self.states {
            gauge.set(0.0);
        }
    }

    /// Counts the changes. Two in the same instant may be seen as one.
    pub(super) async fn follow(&self) {
        let mut changes = self.handle.watch();
        while changes.changed().await.is_ok() {
            let state = changes.borrow_and_update().state;
            let counters = State::ALL.iter().zip(&self.transitions);
            for (_, counter) in counters.filter(|(of, _)| **of == state) {
                counter.increment(1);
            }
            self.put(state);
        }
    }

    fn put(&self, state: State) {
        for (of, gauge) in State::ALL.iter().zip(&self.states) {
            gauge.set(f64::from(u8::from(*of == state)));
        }
        let now = Instant::now();
        let open = matches!(state, State::Open | State::Isolated).then_some(now);
        let mut since = self
            .open_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = std::mem::replace(&mut *since, open) {
            self.open_seconds
                .increment(now.saturating_duration_since(since).as_secs_f64());
        }
    }
}
