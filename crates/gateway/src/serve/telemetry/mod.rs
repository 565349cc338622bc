//! Where calls are traced: at a collector that speaks OpenTelemetry's protocol.

#[cfg(feature = "otlp")]
mod context;
#[cfg(feature = "otlp")]
mod deliver;
#[cfg(feature = "otlp")]
mod export;
#[cfg(feature = "otlp")]
mod on;
#[cfg(not(feature = "otlp"))]
#[path = "without.rs"]
mod on;

use self::on::On;
use super::request_id::RequestId;
use crate::config;
use buttress::{Route, trace::TraceLayer};
use http::HeaderMap;
use std::{error::Error, time::Duration};

/// What traces calls, if they are to be traced.
pub(super) struct Telemetry(Option<On>);

impl Telemetry {
    /// Begins to trace calls of these routes. Must be awaited within a tokio runtime, in which traces
    /// are delivered.
    pub(super) fn start(
        config: &config::Telemetry,
        routes: &[Route],
    ) -> Result<Self, Box<dyn Error>> {
        let on = match &config.endpoint {
            Some(collector) => On::start(config, collector, routes)?,
            None => None,
        };
        Ok(Self(on))
    }

    /// What traces a call with these headers, in the trace of its caller if they name one.
    pub(super) fn layer(&self, headers: &HeaderMap, id: &RequestId) -> TraceLayer {
        let on = self.0.as_ref();
        on.map_or(TraceLayer::off(), |on| on.layer(headers, id))
    }

    /// What traces a call that nobody waits for.
    pub(super) fn later(&self) -> TraceLayer {
        let on = self.0.as_ref();
        on.map_or(TraceLayer::off(), On::later)
    }

    /// Knows these routes from now on.
    pub(super) fn follow_routes(&self, routes: &[Route]) {
        if let Some(on) = &self.0 {
            on.follow_routes(routes);
        }
    }

    /// Delivers what is there, within this time, and traces nothing more.
    pub(super) async fn stop(&self, within: Duration) {
        if let Some(on) = &self.0 {
            on.stop(within).await;
        }
    }
}
