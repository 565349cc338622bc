use super::deliver::{Deliver, told};
use opentelemetry::{Array, KeyValue, Value};
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

/// Makes a list of what the conventions say is one: a field of a span can't be.
fn make_list(attribute: &mut KeyValue) {
    const LIST: &str = "gen_ai.response.finish_reasons";
    if attribute.key.as_str() == LIST
        && let Value::String(one) = &attribute.value
    {
        attribute.value = Value::Array(Array::String(vec![one.clone()]));
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, mut spans: Vec<SpanData>) -> OTelSdkResult {
        let count = spans.len() as u64;
        let attributes = spans.iter_mut().flat_map(|span| &mut span.attributes);
        attributes.for_each(make_list);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Protocol, serve::written::Written};
    use http::HeaderMap;
    use std::time::Duration;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };
    use tracing::Level;

    /// Answers everything so.
    async fn answer(listener: &TcpListener, status: u16) {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await.unwrap();
        let answer =
            format!("HTTP/1.1 {status} S\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_lost_is_told_when_it_begins_and_when_it_is_over() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let limit = Duration::from_secs(20);
        let url = url.parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-key", "SECRET".parse().unwrap());
        let deliver = Deliver::new(&url, headers, Protocol::Http, limit).unwrap();
        let exporter = Exporter::new(deliver);

        let log = Written::default();
        let _guard = log.begin(Level::INFO);
        for status in [200, 400, 401, 200, 200] {
            let (exported, ()) = tokio::join!(exporter.export(vec![]), answer(&listener, status));
            assert_eq!(exported.is_ok(), status == 200);
        }
        let log = log.text();
        let lines: Vec<_> = log.lines().collect();
        assert_eq!(lines.len(), 2, "{log}");
        assert!(
            lines[0].contains("lost") && lines[0].contains("400"),
            "{log}"
        );
        assert!(lines[1].contains("delivered again"), "{log}");
        assert!(!log.contains("SECRET"), "{log}");
    }
}
