//! What the gateway itself counts, and the recorder of everything.

use buttress::{
    LlmMetrics,
    metrics::{Recorder, names},
    queue::{Counts, NotQueued, Progress, Queue, TaskId},
};
use metrics::{Counter, Gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::{
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};
use tokio::{
    sync::watch,
    task::AbortHandle,
    time::{interval, timeout},
};

/// What is counted, and where it is written down.
pub(in crate::serve) struct Metrics {
    recorder: Recorder,
    prometheus: PrometheusHandle,
    from_journal: Counter,
    /// How far the worker is, if there is one.
    progress: OnceLock<watch::Receiver<Progress>>,
    /// What has to be done all the time.
    upkeep: OnceLock<AbortHandle>,
    /// What follows the routes that there are.
    routes: Mutex<Option<AbortHandle>>,
    reloaded: [Counter; 2],
    current: Gauge,
}

/// In seconds. A first word takes a second or so, a long answer minutes; 0.005 and what follows are
/// the proxy's own time, and answers out of a cache.
const SECONDS: [f64; 16] = [
    0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0,
];

/// What was measured is put into its place this often, so that it takes no memory until somebody
/// asks.
const UPKEEP: Duration = Duration::from_secs(5);

/// How long a store may take to say how many tasks it has.
const PATIENCE: Duration = Duration::from_secs(1);

/// What may become of a request that is to be queued.
const OUTCOMES: [&str; 8] = [
    "queued",
    "unavailable",
    "full",
    "read_only",
    "too_large",
    "corrupt",
    "engine",
    "timed_out",
];

impl Metrics {
    pub(in crate::serve) fn new() -> Result<Self, BuildError> {
        let seconds = Matcher::Suffix("_seconds".to_owned());
        let builder = PrometheusBuilder::new().set_buckets_for_metric(seconds, &SECONDS)?;
        let prometheus = builder.build_recorder();
        let handle = prometheus.handle();
        let recorder = Recorder::new(prometheus);
        // What is there from the start can be seen to go up the first time.
        for outcome in OUTCOMES {
            let labels = [("outcome", outcome.into())];
            let _ = recorder.counter(names::QUEUE_ENQUEUED, labels);
        }
        // It has just been started with.
        let current = recorder.gauge(names::CONFIG_CURRENT, []);
        current.set(1.0);
        Ok(Self {
            current,
            from_journal: recorder.counter(names::JOURNAL_ANSWERS, []),
            prometheus: handle,
            progress: OnceLock::new(),
            upkeep: OnceLock::new(),
            routes: Mutex::new(None),
            reloaded: ["done", "refused"].map(|outcome| {
                let labels = [("outcome", outcome.into())];
                recorder.counter(names::CONFIG_RELOADS, labels)
            }),
            recorder,
        })
    }

    /// Where everything is to be written to.
    pub(in crate::serve) fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// Keeps what is counted in order.
    pub(in crate::serve) fn keep(&self) {
        let prometheus = self.prometheus.clone();
        let upkeep = async move {
            let mut ticks = interval(UPKEEP);
            loop {
                ticks.tick().await;
                prometheus.run_upkeep();
            }
        };
        let begun = self.upkeep.set(tokio::spawn(upkeep).abort_handle());
        debug_assert!(begun.is_ok(), "it is begun once");
    }

    /// Follows what is counted of these routes, and no longer that of others.
    pub(in crate::serve) fn follow_routes(&self, llm: &LlmMetrics) {
        let llm = llm.clone();
        let follow = tokio::spawn(async move { llm.follow().await }).abort_handle();
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = routes.replace(follow) {
            before.abort();
        }
    }

    /// The configuration was read again, and is served or not.
    pub(in crate::serve) fn reloaded(&self, served: bool) {
        let [done, refused] = &self.reloaded;
        if served { done } else { refused }.increment(1);
    }

    /// Whether what the configuration's file holds now can be used.
    pub(in crate::serve) fn config_is_current(&self, current: bool) {
        self.current.set(f64::from(u8::from(current)));
    }

    /// A request that nobody could answer was kept, or could not be.
    pub(in crate::serve) fn degraded(&self, queued: &Result<TaskId, NotQueued>) {
        let outcome = queued.as_ref().map_or_else(NotQueued::as_str, |_| "queued");
        let labels = [("outcome", outcome.into())];
        let counter = self.recorder.counter(names::QUEUE_ENQUEUED, labels);
        counter.increment(1);
    }

    /// A call was answered from the journal.
    pub(in crate::serve) fn answered_from_journal(&self) {
        self.from_journal.increment(1);
    }

    /// Counts what a worker does.
    pub(in crate::serve) fn follow(&self, progress: watch::Receiver<Progress>) {
        // There is one worker.
        let _ = self.progress.set(progress);
    }

    /// Writes down how the queue stands.
    pub(in crate::serve) async fn sample(&self, queue: Option<&Queue>) {
        if let Some(progress) = self.progress.get() {
            let now = *progress.borrow();
            for (outcome, count) in [
                ("done", now.done),
                ("failed", now.failed),
                ("refused", now.refused),
                ("lost", now.lost),
                ("dead", now.dead),
            ] {
                let labels = [("outcome", outcome.into())];
                let counter = self.recorder.counter(names::QUEUE_DELIVERIES, labels);
                counter.absolute(count);
            }
        }
        let Some(queue) = queue else {
            return;
        };
        let counts = timeout(PATIENCE, queue.counts()).await;
        // Of one that can't say nothing is known, which is not what was known before.
        let counts = counts.ok().and_then(Result::ok);
        let known = |number: fn(&Counts) -> u64| {
            let number = counts.as_ref().map(number);
            number.map_or(f64::NAN, as_gauge)
        };
        for (state, tasks) in [
            ("waiting", known(|counts| counts.waiting + counts.behind)),
            ("running", known(|counts| counts.leased)),
            ("done", known(|counts| counts.done)),
            ("dead", known(|counts| counts.dead)),
        ] {
            let labels = [("state", state.into())];
            self.recorder.gauge(names::QUEUE_TASKS, labels).set(tasks);
        }
        let age = known(|counts| {
            let age = counts.oldest.map(|oldest| oldest.elapsed());
            age.map_or(0, |age| age.unwrap_or_default().as_secs())
        });
        let oldest = self.recorder.gauge(names::QUEUE_OLDEST_SECONDS, []);
        oldest.set(age);
    }

    /// All of it, as text.
    pub(in crate::serve) fn render(&self) -> String {
        self.prometheus.render()
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
const fn as_gauge(count: u64) -> f64 {
    count as f64
}

impl Drop for Metrics {
    fn drop(&mut self) {
        let routes = self.routes.get_mut();
        let routes = routes.unwrap_or_else(PoisonError::into_inner);
        for chore in self.upkeep.get().into_iter().chain(&*routes) {
            chore.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use buttress_queue::StoreError;

    #[test]
    fn what_may_become_of_a_request_is_called_alike_everywhere() {
        let any = || "any".into();
        let refused = [
            StoreError::Unavailable(any()),
            StoreError::Full("any"),
            StoreError::ReadOnly(any()),
            StoreError::TooLarge { bytes: 2, most: 1 },
            StoreError::Corrupt(any()),
            StoreError::Engine(any()),
        ];
        let refused = refused.map(|error| NotQueued::Refused(error).as_str());
        let named = [&["queued"], &refused[..], &[NotQueued::TimedOut.as_str()]];
        assert_eq!(named.concat(), OUTCOMES);

        let mut all = names::ALL.iter();
        let metric = all.find(|metric| metric.name == names::QUEUE_ENQUEUED);
        let [("outcome", told)] = metric.unwrap().labels else {
            panic!("{metric:?}");
        };
        let told = told.replace("; or why not: ", ", ");
        assert_eq!(told, OUTCOMES.join(", "));
    }
}
