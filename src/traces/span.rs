//! One span. While traces are off it is nothing: no allocation, no clock.

use opentelemetry::{
    Context, KeyValue, Value,
    trace::{SpanBuilder, SpanKind, Status, TraceContextExt as _, Tracer as _},
};

use super::{context::TraceContext, recording::TRACER};
use crate::{events::EventContext, organisation::OrganisationId};

/// A span under way. It ends when it is dropped.
#[derive(Debug, Default)]
pub struct Span(Option<Box<Context>>);

impl Span {
    /// Whether spans are made at all; to spare the work for what only a span would say.
    pub fn wanted() -> bool {
        TRACER.get().is_some()
    }

    /// Begins a span that an event caused. Names have dots: `intake.take`.
    pub fn of_event(name: &'static str, kind: SpanKind, event: &EventContext) -> Self {
        if Self::wanted() { Self::under(name, kind, TraceContext::of(event).as_ref()) } else { Self(None) }
    }

    /// Begins a span below what `cause` names, or a trace of its own.
    pub fn under(name: &'static str, kind: SpanKind, cause: Option<&TraceContext>) -> Self {
        let Some(tracer) = TRACER.get() else { return Self(None) };
        let parent = cause.map_or_else(Context::new, TraceContext::remote);
        let span = tracer.build_with_context(SpanBuilder::from_name(name).with_kind(kind), &parent);
        // A span that nobody records stands in for nothing: what came goes on as it came.
        let recorded = Context::new().with_span(span);
        Self(recorded.span().is_recording().then(|| Box::new(recorded)))
    }

    /// Says something of it. Never of a person, and no text that came from outside.
    pub fn note(&self, name: &'static str, value: impl Into<Value>) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new(name, value));
        }
    }

    /// Says whose it is.
    pub fn organisation(&self, organisation: &OrganisationId) {
        if self.0.is_some() {
            self.note("argus.organisation", organisation.to_string());
        }
    }

    /// Says that it failed, and with which code.
    pub fn failed(&self, code: impl Into<Value>) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new("error.type", code));
            context.span().set_status(Status::error(""));
        }
    }

    /// What whatever it causes carries on; `None` when it is not recorded.
    pub fn context(&self) -> Option<TraceContext> {
        TraceContext::local(self.0.as_ref()?.span().span_context())
    }

    /// What the one whom it calls is told: this span; what caused it where nobody records it.
    pub fn told(&self, cause: Option<&TraceContext>) -> Option<TraceContext> {
        self.context().or_else(|| cause.cloned())
    }

    /// Lets an event carry this span on, when it is recorded.
    pub fn hand_to(&self, event: &mut EventContext) {
        if let Some(context) = self.context() {
            context.hand_to(event);
        }
    }
}
