//! What gateways tell each other, over a Redis server: circuits that open and close, keys that are
//! parked, and gates that close.
//!
//! What is told is what changed here, once, and it is kept in the server for as long as it holds,
//! for gateways that start later. What is heard is taken in as if it had been found out here, and
//! not told again. No call waits for any of it: one task looks at what the calls leave behind, a
//! few times a second. Without the server it goes on alone, and looks for it.
//!
//! ```text
//! calls => breaker, gate => Item::seen, changed? => tell: SET, PUBLISH
//! breaker, gate <= Item::take_in <= SUBSCRIBE, and GET when the connection is new
//! ```

mod identity;
mod item;
mod message;
mod run;
mod server;
mod subjects;

use self::{
    run::{Gateway, Renewed},
    server::Channel,
};
use crate::config;
use buttress::Route;
use std::sync::Arc;
use tokio::task::AbortHandle;

/// The task that tells and hears. Dropped, it ends.
#[derive(Debug)]
pub(super) struct Sharing {
    task: AbortHandle,
    /// Where it looks for what is to be shared from now on.
    renewed: Arc<Renewed>,
}

/// Shares what becomes of these routes, if that is configured.
pub(super) fn start(
    settings: &config::Shared,
    configured: &[config::Route],
    routes: &[Route],
) -> Option<Sharing> {
    let config::StoreUrl::Redis(url) = settings.server.as_ref()? else {
        return None;
    };
    let channel = Channel::new(url, &settings.name);
    let renewed = Arc::<Renewed>::default();
    let items = subjects::of(configured, routes);
    let gateway = Gateway::new(channel, items, Arc::clone(&renewed));
    Some(Sharing {
        task: tokio::spawn(gateway.run()).abort_handle(),
        renewed,
    })
}

impl Sharing {
    /// Shares what becomes of these routes from now on, and of no others.
    pub(super) fn follow(&self, configured: &[config::Route], routes: &[Route]) {
        self.renewed.put(subjects::of(configured, routes));
    }
}

impl Drop for Sharing {
    fn drop(&mut self) {
        self.task.abort();
    }
}
