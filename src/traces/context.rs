//! W3C Trace Context as it is carried along.

use std::collections::HashMap;

use opentelemetry::{
    Context,
    propagation::TextMapPropagator as _,
    trace::{SpanContext, TraceContextExt as _},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;

use crate::events::EventContext;

/// The header and attribute that name the trace and the span before.
pub(super) const TRACEPARENT: &str = "traceparent";
/// The header and attribute in which tracing systems keep what is theirs.
pub(super) const TRACESTATE: &str = "tracestate";

/// The trace that something belongs to: a checked `traceparent`, and the `tracestate` that came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    traceparent: String,
    tracestate: Option<String>,
}

impl TraceContext {
    /// The trace of an event; `None` when it has none. Reading an event dropped a broken one.
    pub fn of(event: &EventContext) -> Option<Self> {
        Some(Self { traceparent: event.traceparent.clone()?, tracestate: event.tracestate.clone() })
    }

    /// The trace that an outgoing event (structured mode, JSON) carries.
    pub fn of_outgoing(payload: &str) -> Option<Self> {
        let envelope: serde_json::Value = serde_json::from_str(payload).ok()?;
        let text = |name: &str| envelope.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
        Some(Self { traceparent: text(TRACEPARENT)?, tracestate: text(TRACESTATE) })
    }

    /// What an event carries from now on.
    pub fn hand_to(self, event: &mut EventContext) {
        event.traceparent = Some(self.traceparent);
        event.tracestate = self.tracestate;
    }

    /// As headers: names and values.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        std::iter::once((TRACEPARENT, self.traceparent.as_str()))
            .chain(self.tracestate.as_deref().map(|state| (TRACESTATE, state)))
    }

    /// The SDK's form; a context without a trace when the text cannot be read after all.
    pub(super) fn remote(&self) -> Context {
        let carrier: HashMap<String, String> = self.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier)
    }

    /// The text of a span's own context; `None` when it has no valid ids.
    pub(super) fn local(span: &SpanContext) -> Option<Self> {
        let mut carrier = HashMap::new();
        let context = Context::new().with_remote_span_context(span.clone());
        TraceContextPropagator::new().inject_context(&context, &mut carrier);
        let tracestate = carrier.remove(TRACESTATE).filter(|state| !state.is_empty());
        Some(Self { traceparent: carrier.remove(TRACEPARENT)?, tracestate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_was_read_is_what_is_written() {
        let context = TraceContext { traceparent: PARENT.into(), tracestate: Some("a=1,b=2".into()) };
        let remote = context.remote();
        assert_eq!(TraceContext::local(remote.span().span_context()), Some(context));
    }

    #[test]
    fn a_span_without_ids_carries_nothing() {
        assert_eq!(TraceContext::local(&SpanContext::empty_context()), None);
    }

    #[test]
    fn an_outgoing_event_says_which_trace_it_belongs_to() {
        let payload = serde_json::json!({ "id": "x", "traceparent": PARENT }).to_string();
        let context = TraceContext::of_outgoing(&payload).unwrap();
        assert_eq!(context.headers().collect::<Vec<_>>(), [("traceparent", PARENT)]);
        assert_eq!(TraceContext::of_outgoing("{}"), None);
        assert_eq!(TraceContext::of_outgoing("not JSON"), None);
    }
}
