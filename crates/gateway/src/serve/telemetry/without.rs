//! In the place of what traces calls, in a program that was built without it.

use crate::{config, serve::request_id::RequestId};
use buttress::{Route, trace::TraceLayer};
use http::{HeaderMap, Uri};
use std::{convert::Infallible, error::Error, time::Duration};

pub(super) struct On(Infallible);

impl On {
    pub(super) fn start(
        _: &config::Telemetry,
        _: &Uri,
        _: &[Route],
    ) -> Result<Option<Self>, Box<dyn Error>> {
        // The variable that names a collector may be set for all programs of a machine.
        tracing::warn!("calls are not traced: this program was built without the feature `otlp`");
        Ok(None)
    }

    pub(super) fn layer(&self, _: &HeaderMap, _: &RequestId) -> TraceLayer {
        match self.0 {}
    }

    pub(super) fn later(&self) -> TraceLayer {
        match self.0 {}
    }

    pub(super) fn follow_routes(&self, _: &[Route]) {
        match self.0 {}
    }

    pub(super) async fn stop(&self, _: Duration) {
        match self.0 {}
    }
}
