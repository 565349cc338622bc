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
    ) -> Result<Self, Box<dyn Error>> {
        Err(
            "this program was built without the feature `otlp`: take `telemetry.endpoint` away"
                .into(),
        )
    }

    pub(super) fn layer(&self, _: &HeaderMap, _: &RequestId) -> TraceLayer {
        match self.0 {}
    }

    pub(super) fn later(&self) -> TraceLayer {
        match self.0 {}
    }

    pub(super) async fn stop(&self, _: Duration) {
        match self.0 {}
    }
}
