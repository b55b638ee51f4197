//! Publishing a batch with many confirmations in flight.

use std::time::Duration;

use async_nats::{
    Error,
    jetstream::{
        Context,
        context::{PublishAckFuture, PublishError, PublishErrorKind},
        message::PublishMessage,
    },
};
use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use crate::{
    events::Outgoing,
    store::QueuedEvent,
    traces::{Span, SpanKind, TraceContext},
};

/// CloudEvents 1.0, NATS protocol binding: structured mode.
const CONTENT_TYPE: &str = "application/cloudevents+json";

/// What became of a batch.
pub(super) struct Published {
    /// What the broker has confirmed.
    pub(super) confirmed: Vec<QueuedEvent>,
    /// What no broker with these settings takes.
    pub(super) too_large: Vec<QueuedEvent>,
    /// The first failure, if anything is left. What is left may have arrived all the same: only the id makes repeating it safe.
    pub(super) failure: Option<Error>,
}

/// Sends events in their order without waiting in between, then waits for the confirmations, at most `limit` altogether.
/// Nothing is sent after a failure to send: the broker is away, and what came later would overtake. An event that is
/// itself too large for the server (`max_payload`) holds up nobody.
pub(super) async fn publish(context: &Context, events: Vec<QueuedEvent>, limit: Duration) -> Published {
    let deadline = Instant::now() + limit;
    let mut failure = None;
    let (mut sent, mut too_large) = (Vec::new(), Vec::new());
    for event in events {
        let span = trace(&event.event);
        match send(context, &event, deadline).await {
            Ok(confirmation) => sent.push((event, confirmation, span)),
            Err(error) if is_too_large(&error) => {
                span.failed("tooLarge");
                too_large.push(event);
            }
            Err(error) => {
                span.failed("notSent");
                failure = Some(error);
                break;
            }
        }
    }
    let waits = sent.into_iter().map(|(event, confirmation, span)| async move {
        let confirmed = match timeout_at(deadline, confirmation.into_future()).await {
            Ok(Ok(_)) => Ok(event),
            Ok(Err(error)) => Err(Error::from(error)),
            Err(late) => Err(Error::from(late)),
        };
        confirmed.inspect_err(|_| span.failed("notConfirmed"))
    });
    let mut confirmed = Vec::new();
    for result in join_all(waits).await {
        match result {
            Ok(event) => confirmed.push(event),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Published { confirmed, too_large, failure }
}

/// Begins the span of publishing an event, in the trace that it carries.
fn trace(event: &Outgoing) -> Span {
    if !Span::wanted() {
        return Span::default();
    }
    let span = Span::under("outbox.publish", SpanKind::Producer, TraceContext::of_outgoing(&event.payload).as_ref());
    span.note("messaging.system", "nats");
    span
}

fn is_too_large(error: &Error) -> bool {
    error.downcast_ref::<PublishError>().is_some_and(|error| error.kind() == PublishErrorKind::MaxPayloadExceeded)
}

async fn send(context: &Context, queued: &QueuedEvent, deadline: Instant) -> Result<PublishAckFuture, Error> {
    let event = &queued.event;
    // The id last: `headers()` of the client would replace it.
    let message =
        PublishMessage::build().payload(event.payload.clone().into()).header("Content-Type", CONTENT_TYPE).message_id(&event.id);
    Ok(timeout_at(deadline, context.send_publish(event.subject.clone(), message)).await??)
}
