use super::deliver::{Deliver, told};
use opentelemetry_proto::{
    tonic::collector::trace::v1::ExportTraceServiceRequest,
    transform::{
        common::tonic::ResourceAttributesWithSchema,
        trace::tonic::group_spans_by_resource_and_scope,
    },
};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{SpanData, SpanExporter},
};
use prost::Message;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};
use tokio::runtime::Handle;

/// Writes spans as the protocol has them, and has them delivered.
///
/// It is asked on a thread of its own, which it may block: calls only put their spans into a row,
/// and where that is full they are lost. What is delivered is in the runtime of the calls.
#[derive(Debug)]
pub(super) struct Exporter {
    deliver: Arc<Deliver>,
    runtime: Handle,
    resource: ResourceAttributesWithSchema,
    /// Whether the last ones were lost, and how many have been since some were delivered.
    failing: AtomicBool,
    lost: AtomicU64,
}

impl Exporter {
    /// Delivers in the runtime in which this is called.
    pub(super) fn new(deliver: Deliver) -> Self {
        Self {
            deliver: Arc::new(deliver),
            runtime: Handle::current(),
            resource: ResourceAttributesWithSchema::default(),
            failing: AtomicBool::new(false),
            lost: AtomicU64::new(0),
        }
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, spans: Vec<SpanData>) -> OTelSdkResult {
        let count = spans.len() as u64;
        let request = ExportTraceServiceRequest {
            resource_spans: group_spans_by_resource_and_scope(spans, &self.resource),
        };
        let request = request.encode_to_vec().into();
        let deliver = Arc::clone(&self.deliver);
        let delivered = self
            .runtime
            .spawn(async move { deliver.deliver(request).await });
        let delivered = delivered.await.unwrap_or_else(|error| Err(error.into()));
        match delivered {
            Ok(()) => {
                let lost = self.lost.swap(0, Relaxed);
                if self.failing.swap(false, Relaxed) {
                    tracing::info!(lost, "traces are delivered again");
                }
                Ok(())
            }
            Err(error) => {
                let error = told(&error);
                self.lost.fetch_add(count, Relaxed);
                // Once, and no more until it is well again.
                if !self.failing.swap(true, Relaxed) {
                    tracing::warn!(error, "traces can't be delivered, and are lost");
                }
                Err(OTelSdkError::InternalFailure(error))
            }
        }
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}
