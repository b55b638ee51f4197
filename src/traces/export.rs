//! Spans to a collector: OTLP over HTTP, protobuf, through a reqwest client of its own.
//!
//! The SDK exports from a thread of its own, where there is no runtime. So each request is handed to the service's runtime and waited
//! for: it takes no thread of it, and a collector that is away costs the deliveries nothing.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use tokio::runtime::Handle;
use url::Url;

use crate::settings::Telemetry;

/// Bound on one request to the collector.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of a collector's answer that are read: it says little, and nothing of it is used.
const LARGEST: usize = 64 * 1024;

/// Why there is no exporter.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It refused its settings.
    #[error("the exporter cannot be built")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// Its client could not be built.
    #[error("no HTTP client for the exporter")]
    Client(#[from] reqwest::Error),
}

/// The exporter that the settings ask for. The process's TLS provider must be installed.
pub(super) fn exporter(endpoint: &Url, settings: &Telemetry) -> Result<SpanExporter, ExportError> {
    #[expect(clippy::disallowed_methods, reason = "the collector is not Microsoft: no token may ever go there")]
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(TIMEOUT)
        .timeout(TIMEOUT)
        .build()?;
    let collector = Collector { client, runtime: Handle::current(), away: AtomicBool::new(false) };
    Ok(SpanExporter::builder()
        .with_http()
        .with_http_client(collector)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(endpoint.as_str())
        .with_timeout(TIMEOUT)
        .with_headers(settings.headers())
        // What the collector did not take is dropped, and told of once. Waiting would only fill the queue.
        .with_retry_policy(RetryPolicy::disabled())
        .build()?)
}

/// Sends to the collector, and says when it goes away and when it is back.
#[derive(Debug)]
struct Collector {
    client: reqwest::Client,
    runtime: Handle,
    away: AtomicBool,
}

#[async_trait::async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let answer = self.runtime.spawn(exchange(self.client.clone(), request)).await.map_err(HttpError::from).flatten();
        let trouble = match &answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answered {}", answer.status())),
            Err(error) => Some(error.to_string()),
        };
        let was_away = self.away.swap(trouble.is_some(), Ordering::Relaxed);
        match trouble {
            Some(trouble) if !was_away => tracing::warn!(trouble, "the collector does not take traces; they are dropped"),
            None if was_away => tracing::info!("the collector takes traces again"),
            _ => {}
        }
        answer
    }
}

async fn exchange(client: reqwest::Client, request: reqwest::Request) -> Result<Response<Bytes>, HttpError> {
    let mut answer = client.execute(request).await.map_err(reqwest::Error::without_url)?;
    let (status, mut body) = (answer.status(), Vec::new());
    while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        if body.len() + chunk.len() > LARGEST {
            return Err("the collector's answer is too long".into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Response::builder().status(status).body(Bytes::from(body))?)
}
