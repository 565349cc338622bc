//! What answers requests.

use super::{live::Recent, upstreams::Upstreams};
use crate::config::Config;
use buttress::{Route, StackService};
use std::{error::Error, sync::Arc};

/// What answers requests: the configuration, and what was made of it.
pub(super) struct Serving {
    pub(super) config: Config,
    pub(super) upstreams: Upstreams,
    /// What happened lately.
    pub(super) recent: Arc<Recent>,
}

impl Serving {
    pub(super) fn new(config: Config, upstreams: Upstreams) -> Self {
        let routes = upstreams.routes().iter().map(Route::name);
        Self {
            recent: Arc::new(Recent::new(routes)),
            config,
            upstreams,
        }
    }

    /// The same with another configuration. What it does not change keeps its state.
    pub(super) fn renewed(&self, config: Config) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let upstreams = self.upstreams.renewed(&config)?;
        let routes = upstreams.routes().iter().map(Route::name);
        Ok(Self {
            recent: Arc::new(self.recent.of_routes(routes)),
            config,
            upstreams,
        })
    }

    /// What serves this model.
    pub(super) fn stack(&self, model: &str) -> Option<StackService> {
        self.upstreams.stack(self.config.chain_index(model)?)
    }
}
