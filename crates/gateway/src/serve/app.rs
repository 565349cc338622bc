//! What all requests share.

use super::{
    live::Recent, metrics::Metrics, queue::Webhook, room::Room, sandbox::Sandbox,
    telemetry::Telemetry, upstreams::Upstreams,
};
use crate::config::Config;
use buttress::{
    Route, StackService,
    journal::{JournalLayer, LlmJournal},
};
use buttress_queue::Queue;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};
use tokio::time::Instant;

/// What all requests share.
pub(super) struct App {
    pub(super) config: Config,
    pub(super) upstreams: Upstreams,
    pub(super) metrics: Metrics,
    /// What happened lately.
    pub(super) recent: Arc<Recent>,
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
}

impl App {
    pub(super) fn new(
        config: Config,
        upstreams: Upstreams,
        metrics: Metrics,
        telemetry: Telemetry,
        queue: Option<Queue>,
        journal: Option<JournalLayer<LlmJournal>>,
        webhook: Option<Webhook>,
        sandbox: Option<Sandbox>,
    ) -> Self {
        let routes = upstreams.routes().iter().map(Route::name);
        Self {
            recent: Arc::new(Recent::new(routes)),
            started: Instant::now(),
            sandbox,
            room: Room::new(config.server.max_in_flight_bytes),
            config,
            upstreams,
            metrics,
            telemetry,
            queue,
            journal,
            webhook,
            draining: AtomicBool::new(false),
        }
    }

    /// What serves this model.
    pub(super) fn stack(&self, model: &str) -> Option<StackService> {
        self.upstreams.stack(self.config.chain_index(model)?)
    }

    /// No longer ready for new calls, or ready again.
    pub(super) fn set_draining(&self, draining: bool) {
        self.draining.store(draining, Relaxed);
    }

    /// Whether new calls are no longer taken.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Relaxed)
    }
}
