use super::{context, deliver::Deliver, export::Exporter};
use crate::{config, serve::request_id::RequestId};
use arc_swap::ArcSwap;
use buttress::{
    Route,
    trace::{TARGET, TraceLayer, Traces},
};
use http::{HeaderMap, Uri};
use opentelemetry::{InstrumentationScope, trace::TracerProvider};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchSpanProcessor, Sampler, SdkTracerProvider},
};
use std::{error::Error, sync::Arc, thread, time::Duration};
use tracing::{Dispatch, level_filters::LevelFilter};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Registry, filter::Targets, layer::SubscriberExt};

/// What traces calls.
pub(super) struct On {
    traces: ArcSwap<Traces>,
    provider: SdkTracerProvider,
}

impl On {
    pub(super) fn start(
        config: &config::Telemetry,
        collector: &Uri,
        routes: &[Route],
    ) -> Result<Option<Self>, Box<dyn Error>> {
        let headers = config.headers.clone();
        let deliver = Deliver::new(collector, headers, config.protocol, config.timeout)?;
        let batches = BatchSpanProcessor::builder(Exporter::new(deliver)).build();
        let resource = Resource::builder().with_service_name(config.service_name.clone());
        let provider = SdkTracerProvider::builder()
            .with_resource(resource.build())
            .with_span_processor(batches);
        let provider = match config.sample {
            Some(share) => {
                let share = Sampler::TraceIdRatioBased(share);
                provider.with_sampler(Sampler::ParentBased(Box::new(share)))
            }
            None => provider,
        };
        let provider = provider.build();
        let traces = Traces::new(routes)
            .propagate(context::tell)
            .content(config.content)
            .to(dispatch(&provider));
        let traces = ArcSwap::from_pointee(traces);
        Ok(Some(Self { traces, provider }))
    }

    pub(super) fn layer(&self, headers: &HeaderMap, id: &RequestId) -> TraceLayer {
        let (caller, id) = (context::of_caller(headers), id.clone());
        self.later().begun(move |span| {
            if let Some(caller) = &caller {
                // It has only just begun, and is there.
                let _ = span.set_parent(caller.clone());
            }
            span.record("buttress.request_id", id.as_str());
        })
    }

    pub(super) fn later(&self) -> TraceLayer {
        self.traces.load().layer()
    }

    pub(super) fn follow_routes(&self, routes: &[Route]) {
        let traces = Traces::clone(&self.traces.load());
        self.traces.store(Arc::new(traces.routes(routes)));
    }

    pub(super) async fn stop(&self, within: Duration) {
        let provider = self.provider.clone();
        // It waits for the thread that delivers, which waits for this runtime. Whether all was
        // delivered is told where that is done.
        let stop = move || provider.shutdown_with_timeout(within);
        let _ = tokio::task::spawn_blocking(stop).await;
    }
}

/// A place of its own for the spans of calls: the log has a filter, which would have a say in them,
/// and they would be in its lines.
fn dispatch(provider: &SdkTracerProvider) -> Dispatch {
    let scope = InstrumentationScope::builder("buttress").with_version(env!("CARGO_PKG_VERSION"));
    let spans = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer_with_scope(scope.build()))
        .with_context_activation(false)
        .with_level(false)
        .with_location(false)
        .with_target(false)
        .with_threads(false)
        .with_tracked_inactivity(false);
    let only = Targets::new().with_target(TARGET, LevelFilter::DEBUG);
    Dispatch::new(Registry::default().with(only).with(spans))
}

/// Who was not told to stop is dropped in the runtime in which traces are delivered, and must not
/// wait for it there.
impl Drop for On {
    fn drop(&mut self) {
        let provider = self.provider.clone();
        thread::spawn(move || provider.shutdown());
    }
}
