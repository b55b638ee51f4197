//! A collector that remembers.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, any_value},
    trace::v1::Span,
};
use prost::Message as _;
use tokio::net::TcpListener;

use crate::support::eventually;

/// The trace that callers and publishers of these tests are in, and their own span.
pub(crate) const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
pub(crate) const BEGINNER: &str = "00f067aa0ba902b7";

/// What a collector was sent.
#[derive(Default)]
pub(crate) struct Got {
    pub(crate) spans: Vec<Span>,
    pub(crate) services: Vec<String>,
    pub(crate) keys: Vec<String>,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Clone, Default)]
pub(crate) struct Collector(Arc<Mutex<Got>>);

impl Collector {
    /// A collector (OTLP over HTTP) on a free port of this machine; with it, its root.
    pub(crate) async fn start() -> (Self, String) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let root = format!("http://{}", listener.local_addr().expect("its address"));
        let routes = Router::new().route("/v1/traces", post(take)).with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (collector, root)
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Got) -> T) -> T {
        look(&mut self.0.lock().expect("the collector's memory"))
    }

    /// The spans of a trace with this name.
    pub(crate) fn named(&self, trace: &str, name: &str) -> Vec<Span> {
        let of_trace = |span: &&Span| hex(&span.trace_id) == trace && span.name == name;
        self.with(|got| got.spans.iter().filter(of_trace).cloned().collect())
    }

    pub(crate) async fn waits_for(&self, trace: &str, name: &str) -> Vec<Span> {
        eventually(&format!("a span {name}"), async || Some(self.named(trace, name)).filter(|spans| !spans.is_empty())).await
    }
}

async fn take(State(collector): State<Collector>, headers: HeaderMap, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(body.clone()).expect("protobuf");
    collector.with(|got| {
        got.bytes.extend_from_slice(&body);
        got.keys.extend(headers.get("x-collector-key").map(|key| key.to_str().expect("text").to_owned()));
        for spans in request.resource_spans {
            let attributes = spans.resource.unwrap_or_default().attributes;
            got.services.extend(attributes.iter().filter(|kv| kv.key == "service.name").map(|kv| text(kv.value.as_ref())));
            got.spans.extend(spans.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    });
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

pub(crate) fn attribute(span: &Span, name: &str) -> String {
    text(span.attributes.iter().find(|kv| kv.key == name).and_then(|kv| kv.value.as_ref()))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
