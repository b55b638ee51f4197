//! W3C Trace Context as it is carried along.

use std::collections::HashMap;

use http::{HeaderMap, HeaderValue};
use opentelemetry::{
    Context,
    propagation::TextMapPropagator as _,
    trace::{SpanContext, TraceContextExt as _},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;

use crate::events::{EventContext, is_traceparent, is_tracestate};

/// The header and attribute that name the trace and the span before.
pub const TRACEPARENT: &str = "traceparent";
/// The header and attribute in which tracing systems keep what is theirs.
pub const TRACESTATE: &str = "tracestate";

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

    /// The trace that these name; `None` when they are broken, and without a broken `tracestate`.
    pub fn given(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        let tracestate = tracestate.filter(|state| is_tracestate(state)).map(str::to_owned);
        is_traceparent(traceparent).then(|| Self { traceparent: traceparent.to_owned(), tracestate })
    }

    /// The trace that a caller's request belongs to; `None` when it says none, or two. Several `tracestate` are one list (W3C Trace
    /// Context, section 3.3.1).
    pub fn of_headers(headers: &HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all(TRACEPARENT).iter();
        let parent = parents.next().filter(|_| parents.next().is_none())?.to_str().ok()?;
        let states: Vec<&str> = headers.get_all(TRACESTATE).iter().filter_map(|state| state.to_str().ok()).collect();
        Self::given(parent, (!states.is_empty()).then(|| states.join(",")).as_deref())
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

    /// One of its headers.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Puts it among the headers of a call.
    pub fn put_into(&self, headers: &mut HeaderMap) {
        for (name, value) in self.headers() {
            // Checked when it was read: every value is one that HTTP allows.
            headers.extend(HeaderValue::try_from(value).ok().map(|value| (http::HeaderName::from_static(name), value)));
        }
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
    fn a_callers_trace_is_taken_whole_or_not_at_all() {
        let request = |headers: &[(&'static str, &'static str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, HeaderValue::from_static(value));
            }
            map
        };
        let sane = request(&[("traceparent", PARENT), ("tracestate", "a=1"), ("tracestate", "b=2")]);
        let context = TraceContext::of_headers(&sane).unwrap();
        assert_eq!(context.headers().collect::<Vec<_>>(), [("traceparent", PARENT), ("tracestate", "a=1,b=2")]);
        let mut sent = HeaderMap::new();
        context.put_into(&mut sent);
        assert_eq!(TraceContext::of_headers(&sent), Some(context));
        for broken in [
            request(&[]),
            request(&[("tracestate", "a=1")]),
            request(&[("traceparent", "nonsense"), ("tracestate", "a=1")]),
            request(&[("traceparent", PARENT), ("traceparent", PARENT)]),
        ] {
            assert_eq!(TraceContext::of_headers(&broken), None, "{broken:?}");
        }
        let long = "x".repeat(10_000);
        assert_eq!(TraceContext::given(PARENT, Some(&long)), TraceContext::given(PARENT, None));
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
