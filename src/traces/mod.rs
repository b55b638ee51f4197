//! Traces: what became of one event, from the publisher's own trace through intake, delivery and the calls to Microsoft to the event
//! that goes out; and of one operation, from its caller's.
//!
//! ```text
//! publisher's span ──> intake.take ──> reconcile.run ──> graph.call ──> Microsoft (traceparent header)
//!    (traceparent)                          │                 └── token.request, when there is no token
//!                                           ├── webhook.post ──> a channel (traceparent header)
//!                                           └── traceparent of the outgoing event ──> outbox.publish
//! caller's span ──> operation.queue ──> operation.run ──> graph.call …   and so on: a publication or an import
//!    (traceparent)
//! ```
//!
//! **Parents, not links.** A span's parent is the `traceparent` of the event that caused it. OpenTelemetry's messaging conventions link a
//! processing span by default, because one of theirs may have many causes. Here each has one: intake reads messages singly though it
//! commits them together, and a run acts for the newest event of its object alone. So that everything one event caused is one trace,
//! also when it was delivered hours later, the span takes the event for its parent.
//!
//! **Off by default.** Then nothing is made, measured or sent, and the trace context of an event goes on as it came, to Microsoft and to
//! outgoing events: a span that nobody records would only cut the publisher's trace in two. With `telemetry.otlp_endpoint`, each recorded
//! span stands in for what it was told. Whether a trace is recorded, its beginner decided (the `sampled` flag); of traces that begin
//! here, `telemetry.sample_ratio` are.
//!
//! **What a span says.** The organisation, kinds, counts, codes and outcomes; the same words as the metrics' labels. Never a person, a
//! mailbox, an object's key, an address, a token or a text of an event.
//!
//! Like the log, this is the process's: started once, before anything else is built. Exporting never holds anybody up: spans wait in a
//! bounded queue of the SDK's own thread, and are dropped when the collector is away.

mod context;
mod export;
mod recording;
mod span;

pub use context::{TRACEPARENT, TRACESTATE, TraceContext};
pub use export::ExportError;
pub use opentelemetry::trace::SpanKind;
pub use recording::{Exporting, TracesError, start};
pub use span::Span;
