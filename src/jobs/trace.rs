//! An operation's trace: begun where it is queued, gone on in by every run of it.

use super::JobEnd;
use crate::{
    connections::Actor,
    organisation::OrgScope,
    store::{OperationKind, OperationRow},
    traces::{Span, SpanKind, TraceContext},
};

/// The trace of an operation that somebody queues: the caller's own, or one that begins here. It is kept with the operation, so that a
/// run after a crash or an approval belongs to it too.
pub fn queued(kind: OperationKind, scope: &OrgScope, actor: &Actor) -> Option<TraceContext> {
    let cause = actor.trace.as_ref();
    about(Span::under("operation.queue", SpanKind::Producer, cause), kind, scope).told(cause)
}

/// Begins the span of a run; its calls, and the events that it tells, go on in it.
pub(super) fn run(operation: &mut OperationRow, scope: &OrgScope) -> Span {
    let span = Span::under("operation.run", SpanKind::Consumer, operation.trace.as_ref());
    let span = about(span, operation.kind, scope);
    operation.trace = span.told(operation.trace.as_ref());
    span
}

/// Says how a run ended.
pub(super) fn ended(span: &Span, end: &JobEnd) {
    let (outcome, error) = match end {
        JobEnd::Ended(end) => (end.state.label(), end.error.as_ref()),
        JobEnd::Recorded(state) => (state.label(), None),
        JobEnd::Again(_) => ("again", None),
    };
    span.note("argus.outcome", outcome);
    if let Some(error) = error {
        span.failed(error.code.clone());
    }
}

fn about(span: Span, kind: OperationKind, scope: &OrgScope) -> Span {
    span.organisation(scope.organisation());
    span.note("argus.kind", kind.label());
    span
}
