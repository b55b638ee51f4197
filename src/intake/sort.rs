//! A pulled batch, sorted into what is to be committed and what is to be said of each message after.

use async_nats::jetstream::Message;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{settle::Settlement, translate};
use crate::{
    events::{self, EventContext, Headers, ObjectKind, Reading},
    metrics::Metrics,
    organisation::OrgScope,
    store::{Arrival, Rejection, StoreError, Taken},
    traces::{Span, SpanKind},
};

/// A batch that was read.
#[derive(Default)]
pub(super) struct Sorted {
    /// What becomes wanted state.
    pub(super) arrivals: Vec<Arrival>,
    /// What becomes dead letters.
    pub(super) rejections: Vec<Rejection>,
    /// One for each message, in their order.
    fates: Vec<Fate>,
    /// One for each event in it, with its place; they end with the batch.
    spans: Vec<(usize, Span)>,
}

/// What will have become of a message once the batch is committed.
enum Fate {
    /// The next of `arrivals`.
    Arrived(ObjectKind),
    /// Set aside; with what the broker's advisory is to say.
    Rejected(ObjectKind, String),
    /// Nobody's.
    Unroutable(Option<ObjectKind>, &'static str),
}

impl Sorted {
    /// Reads messages. Pure but for the log line of a message that belongs to nobody.
    pub(super) fn read(messages: &[Message], now: DateTime<Utc>) -> Self {
        let mut sorted = Self::default();
        for message in messages {
            let fate = sorted.add(message, now);
            sorted.fates.push(fate);
        }
        sorted
    }

    fn add(&mut self, message: &Message, now: DateTime<Utc>) -> Fate {
        let kind = ObjectKind::of_subject(&message.subject);
        match events::read(&message.subject, &headers(message), &message.payload) {
            Reading::Accepted(mut event) => {
                self.trace(&event.scope, Some(&mut event.context));
                match (kind, translate::arrival(event)) {
                    (Some(kind), Ok(arrival)) => {
                        self.arrivals.push(arrival);
                        Fate::Arrived(kind)
                    }
                    // Cannot happen: what was read can be written, and a routed subject has a kind.
                    _ => Fate::Unroutable(kind, "the event cannot be written as JSON"),
                }
            }
            Reading::Rejected(mut refusal) => {
                self.trace(&refusal.scope, refusal.context.as_mut());
                let reason = format!("{} {}", refusal.code.label(), refusal.pointer.as_deref().unwrap_or_default());
                self.rejections.push(translate::rejection(stable_id(message, now), refusal, now));
                kind.map_or(Fate::Unroutable(None, "no kind"), |kind| Fate::Rejected(kind, reason.trim_end().to_owned()))
            }
            Reading::Unroutable { reason } => Fate::Unroutable(kind, reason),
        }
    }

    /// Begins an event's span; what becomes of the event goes on in it.
    fn trace(&mut self, scope: &OrgScope, context: Option<&mut EventContext>) {
        if !Span::wanted() {
            return;
        }
        let span = match context {
            Some(context) => {
                let span = Span::of_event("intake.take", SpanKind::Consumer, context);
                span.hand_to(context);
                span
            }
            None => Span::under("intake.take", SpanKind::Consumer, None),
        };
        span.organisation(scope.organisation());
        span.note("messaging.system", "nats");
        self.spans.push((self.fates.len(), span));
    }

    /// Ends the spans of a batch that the store did not take.
    pub(super) fn not_taken(&self, error: &StoreError) {
        let code = if matches!(error, StoreError::Unavailable { .. }) { "storeUnavailable" } else { "storeRefused" };
        self.spans.iter().for_each(|(_, span)| span.failed(code));
    }

    /// Whether there is anything to commit.
    pub(super) fn is_empty(&self) -> bool {
        self.arrivals.is_empty() && self.rejections.is_empty()
    }

    /// Counts what became of each message, and says what the broker is to be told. `taken` is in the order of `arrivals`.
    pub(super) fn settlements(&self, messages: Vec<Message>, taken: &[Taken], metrics: &Metrics) -> Vec<(Message, Settlement)> {
        let (mut taken, mut spans) = (taken.iter(), self.spans.iter().peekable());
        let settle = |(at, (message, fate)): (usize, (Message, &Fate))| {
            let (kind, outcome, settlement) = match fate {
                Fate::Arrived(kind) => (Some(*kind), taken.next().copied().map_or("applied", outcome), Settlement::Ack),
                Fate::Rejected(kind, reason) => (Some(*kind), "rejected", Settlement::Terminate(reason.clone())),
                Fate::Unroutable(kind, reason) => {
                    tracing::warn!(
                        reason,
                        sequence = message.info().ok().map(|info| info.stream_sequence),
                        "message belongs to nobody"
                    );
                    (*kind, "unroutable", Settlement::Terminate((*reason).to_owned()))
                }
            };
            let kind = kind.map_or("none", ObjectKind::label);
            metrics.events_received_total.with_label_values(&[kind, outcome]).inc();
            if let Some((_, span)) = spans.next_if(|(of, _)| *of == at) {
                span.note("argus.kind", kind);
                span.note("argus.outcome", outcome);
            }
            (message, settlement)
        };
        messages.into_iter().zip(&self.fates).enumerate().map(settle).collect()
    }
}

/// The label of what became of an arrival.
fn outcome(taken: Taken) -> &'static str {
    match taken {
        Taken::Applied => "applied",
        Taken::Duplicate => "duplicate",
        Taken::Stale => "stale",
        Taken::Conflict => "conflict",
    }
}

fn headers(message: &Message) -> Headers {
    let headers = message.headers.iter().flat_map(async_nats::HeaderMap::iter);
    headers.flat_map(|(name, values)| values.iter().map(move |value| (name.to_string(), value.as_str()))).collect()
}

/// The dead letter's id: the same when the same message comes again, and sorting by the time it was published (UUID version 7,
/// with a hash for its random part). The stream's sequence alone would not do: it starts again when a stream is made again.
fn stable_id(message: &Message, now: DateTime<Utc>) -> Uuid {
    let info = message.info().ok();
    let published = info.as_ref().and_then(|info| u64::try_from(info.published.unix_timestamp_nanos() / 1_000_000).ok());
    let millis = published.or_else(|| u64::try_from(now.timestamp_millis()).ok()).unwrap_or_default();
    let mut hash = Sha256::new();
    if let Some(info) = &info {
        hash.update(info.stream.as_bytes());
        hash.update(info.stream_sequence.to_be_bytes());
        hash.update(info.published.unix_timestamp_nanos().to_be_bytes());
    }
    hash.update(&message.payload);
    let mut random = [0; 10];
    random.iter_mut().zip(hash.finalize()).for_each(|(byte, hashed)| *byte = hashed);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}
