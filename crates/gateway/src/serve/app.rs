//! What all requests share.

use super::{
    metrics::Metrics, queue::Webhook, reload::Source, room::Room, sandbox::Sandbox,
    serving::Serving, shared::Sharing, telemetry::Telemetry,
};
use crate::config;
use arc_swap::ArcSwap;
use buttress::journal::{JournalLayer, LlmJournal};
use buttress_queue::Queue;
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
};
use tokio::{sync::watch, time::Instant};

/// What all requests share, for as long as the process runs.
pub(super) struct App {
    /// How callers are listened to.
    pub(super) server: config::Server,
    /// Where the configuration came from.
    pub(super) source: Source,
    /// What answers them, which may be replaced.
    serving: ArcSwap<Serving>,
    /// Whoever has it is the one who writes down how routes stand, or replaces them.
    sampling: Mutex<()>,
    pub(super) metrics: Metrics,
    /// The providers, if they are in this process.
    pub(super) sandbox: Option<Sandbox>,
    pub(super) started: Instant,
    /// Where calls are traced.
    pub(super) telemetry: Telemetry,
    /// Where requests go that nobody could answer.
    pub(super) queue: Option<Queue>,
    /// What records sessions.
    pub(super) journal: Option<JournalLayer<LlmJournal>>,
    /// Who is told of the end of those.
    pub(super) webhook: Option<Webhook>,
    /// For the requests that are read and kept.
    pub(super) room: Room,
    draining: AtomicBool,
    stopping: AtomicBool,
    closing: watch::Sender<bool>,
    /// What tells other gateways of its routes.
    sharing: Option<Sharing>,
}

/// What is kept of requests, and where.
pub(super) struct Kept {
    pub(super) queue: Option<Queue>,
    pub(super) journal: Option<JournalLayer<LlmJournal>>,
    pub(super) webhook: Option<Webhook>,
}

impl App {
    pub(super) fn new(
        source: Source,
        serving: Serving,
        metrics: Metrics,
        telemetry: Telemetry,
        kept: Kept,
        sandbox: Option<Sandbox>,
    ) -> Self {
        let server = serving.config.server.clone();
        Self {
            started: Instant::now(),
            sandbox,
            room: Room::new(server.max_in_flight_bytes),
            server,
            source,
            serving: ArcSwap::from_pointee(serving),
            sampling: Mutex::default(),
            metrics,
            telemetry,
            queue: kept.queue,
            journal: kept.journal,
            webhook: kept.webhook,
            draining: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            closing: watch::Sender::new(false),
            sharing: None,
        }
    }

    /// Keeps what tells other gateways of its routes for as long as anybody serves them.
    pub(super) fn sharing(mut self, sharing: Option<Sharing>) -> Self {
        self.sharing = sharing;
        self
    }

    /// What answers requests now. Whoever has to do with one takes it once and keeps it to the
    /// end, so that what began in one way also ends in it.
    pub(super) fn serving(&self) -> Arc<Serving> {
        self.serving.load_full()
    }

    /// Answers requests with this from now on.
    pub(super) fn serve(&self, new: Arc<Serving>) {
        let sampling = self.sampling.lock();
        let _sampling = sampling.unwrap_or_else(PoisonError::into_inner);
        let before = self.serving();
        // Up to now the time that circuits were open is counted there.
        before.upstreams.metrics().sample();
        self.metrics.follow_routes(new.upstreams.metrics());
        self.telemetry.follow_routes(new.upstreams.routes());
        self.serving.store(new);
        let serving = self.serving();
        for route in before.upstreams.routes() {
            before.upstreams.metrics().forget(route.name());
        }
        // Of those that are still there it is written down again.
        serving.upstreams.metrics().sample();
        if let Some(sharing) = &self.sharing {
            sharing.follow(&serving.config.routes, serving.upstreams.routes());
        }
    }

    /// Writes down how its routes stand now.
    ///
    /// Those of before are not written down once more when they are forgotten: a route that is not
    /// there any more would stand as it did for as long as the process runs.
    pub(super) fn sample(&self) {
        let sampling = self.sampling.lock();
        let _sampling = sampling.unwrap_or_else(PoisonError::into_inner);
        self.serving().upstreams.metrics().sample();
    }

    /// No longer ready for new calls, or ready again unless it stops.
    pub(super) fn set_draining(&self, draining: bool) {
        self.draining.store(draining, Relaxed);
    }

    /// It ends, and there is no way back.
    pub(super) fn set_stopping(&self) {
        self.stopping.store(true, Relaxed);
    }

    /// Whether new calls should go elsewhere: by hand, or because it stops.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Relaxed) || self.is_stopping()
    }

    /// Whether it was told to stop.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// It takes no more calls, and waits for those under way to end.
    pub(super) fn set_closing(&self) {
        self.closing.send_replace(true);
    }

    /// Resolves when that is so. What would go on for as long as somebody listens ends then, and
    /// not before: until then everything goes on, for whoever watches as well.
    pub(super) async fn closing(&self) {
        // The sender is in here, so there is an answer.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }
}
