//! What all requests share.

use super::{metrics::Metrics, queue::Webhook, room::Room, upstreams::Upstreams};
use crate::config::Config;
use buttress::{
    StackService,
    journal::{JournalLayer, LlmJournal},
};
use buttress_queue::Queue;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// What all requests share.
pub(super) struct App {
    pub(super) config: Config,
    pub(super) upstreams: Upstreams,
    pub(super) metrics: Metrics,
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
    pub(super) const fn new(
        config: Config,
        upstreams: Upstreams,
        metrics: Metrics,
        queue: Option<Queue>,
        journal: Option<JournalLayer<LlmJournal>>,
        webhook: Option<Webhook>,
    ) -> Self {
        Self {
            room: Room::new(config.server.max_in_flight_bytes),
            config,
            upstreams,
            metrics,
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

    /// No longer ready for new calls.
    pub(super) fn drain(&self) {
        self.draining.store(true, Relaxed);
    }

    /// Whether new calls are no longer taken.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Relaxed)
    }
}
