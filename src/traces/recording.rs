//! What records spans, from the start of the process to its end.

use std::{sync::OnceLock, time::Duration};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider},
};

use super::export::{self, ExportError};
use crate::settings::Telemetry;

/// Spans that wait for the exporter, at most. A burst beyond is dropped rather than kept.
const QUEUE: usize = 8192;
/// Time between two requests to the collector.
const EVERY: Duration = Duration::from_secs(1);
/// How long a stopping process waits for the collector to take what is left.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What records spans; nothing is here while traces are off.
pub(super) static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Why traces could not be started.
#[derive(Debug, thiserror::Error)]
#[error("telemetry.otlp_endpoint: traces cannot be exported")]
pub struct TracesError(#[from] ExportError);

/// Sends what is left when the process stops.
#[derive(Debug)]
#[must_use = "what was recorded last is sent by `finish`"]
pub struct Exporting(Option<SdkTracerProvider>);

/// Starts recording and exporting, when the settings name a collector. Needs the runtime that the exporter sends on.
pub fn start(settings: &Telemetry) -> Result<Exporting, TracesError> {
    let Some(endpoint) = &settings.otlp_endpoint else { return Ok(Exporting(None)) };
    let exporter = export::exporter(endpoint, settings)?;
    let resource = Resource::builder_empty()
        .with_service_name(settings.service_name.clone())
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let batches = BatchConfigBuilder::default().with_max_queue_size(QUEUE).with_scheduled_delay(EVERY).build();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample_ratio))))
        .with_resource(resource)
        .build();
    if TRACER.set(provider.tracer("argus-m365")).is_err() {
        tracing::warn!("traces were started already; they go where they went");
    }
    tracing::info!(ratio = settings.sample_ratio, "traces are exported");
    Ok(Exporting(Some(provider)))
}

impl Exporting {
    /// Sends what is left, for at most two seconds. Spans that end later are lost.
    pub async fn finish(self) {
        let Some(provider) = self.0 else { return };
        let stopped = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(LAST_WORDS)).await;
        match stopped {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last traces could not be exported"),
            Err(error) => tracing::warn!(%error, "exporting the last traces ended badly"),
        }
    }
}
