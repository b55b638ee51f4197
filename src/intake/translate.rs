//! From what was read to what the store takes.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use crate::{
    capabilities::{Outcome, sharepoint::LANE},
    events::{self, Event, EventContext, Object, ObjectKind, Refusal, Telling, task::WantedTask},
    store::{Arrival, Kind, NewAuditEntry, NewDeadLetter, OutgoingEvent, Rejection},
};

/// The form of `body` that this release writes.
const BODY_FORMAT: u16 = 1;

/// An event as wanted state.
pub(super) fn arrival(event: Event) -> Result<Arrival, serde_json::Error> {
    let Event { scope, context, object, digest } = event;
    let (kind, key, version, body, target) = match object {
        Object::Task { task_id, version, wanted } => {
            let target = match &wanted {
                WantedTask::Scheduled(visit) => visit.assignee.mailbox(),
                WantedTask::Closed { .. } => String::new(),
            };
            (Kind::Task, task_id, version, serde_json::to_string(&wanted)?, target)
        }
        Object::Outage { outage_id, version, wanted } => {
            let target = wanted.channel.as_deref().unwrap_or_default().to_lowercase();
            (Kind::Outage, outage_id, version, serde_json::to_string(&wanted)?, target)
        }
        Object::Zone { zone_id, version, wanted } => {
            (Kind::Zone, zone_id, version, serde_json::to_string(&wanted)?, LANE.to_owned())
        }
    };
    Ok(Arrival { scope, kind, key, version, digest, body, body_format: BODY_FORMAT, target, context })
}

/// A refused event as a dead letter, with the entry and the event that go with it. `id` is stable for the message.
pub(super) fn rejection(id: Uuid, refusal: Refusal, now: DateTime<Utc>) -> Rejection {
    let id = id.to_string();
    let audit = audit_entry(&id, &refusal, now);
    let outgoing = telling(&id, &refusal, now);
    let Refusal { scope, code, message, pointer, context, object, payload } = refusal;
    let dead_letter = NewDeadLetter {
        id,
        capability: None,
        code: code.label().into(),
        message,
        pointer,
        object: object.map(|(kind, key)| (kind_of(kind), key)),
        attempts: 0,
        graph_request_id: None,
        payload: Some(payload),
        context,
        first_failed_at: now,
    };
    Rejection { scope, dead_letter, audit: vec![audit], outgoing: vec![outgoing] }
}

fn audit_entry(id: &str, refusal: &Refusal, now: DateTime<Utc>) -> NewAuditEntry {
    let context = refusal.context.as_ref();
    NewAuditEntry {
        at: now,
        actor: context.map_or_else(|| "event".into(), actor),
        action: "event.rejected".into(),
        target: object(refusal).unwrap_or_else(|| format!("dead-letter/{id}")),
        // Nothing was tried in Microsoft 365: setting it aside is all there is, and it is done.
        outcome: Outcome::Succeeded,
        detail: json!({
            "deadLetter": id, "code": refusal.code.label(), "message": refusal.message, "pointer": refusal.pointer,
        }),
        personal: Vec::new(),
        correlation_id: context.and_then(|context| context.correlation_id.clone()),
        graph_request_id: None,
    }
}

/// Who caused an entry: `event:SOURCE#ID`.
fn actor(context: &EventContext) -> String {
    format!("event:{}#{}", context.source, context.id)
}

fn telling(id: &str, refusal: &Refusal, now: DateTime<Utc>) -> OutgoingEvent {
    let key = refusal.object.as_ref().map(|(_, key)| key);
    events::outgoing(Telling {
        id: id.to_owned(),
        organisation: refusal.scope.organisation(),
        topic: "delivery.dead-lettered",
        object: object(refusal),
        time: now,
        cause: refusal.context.as_ref(),
        trace: None,
        data: json!({"id": id, "capability": null, "key": key, "code": refusal.code.label(), "message": refusal.message}),
    })
}

/// `task/7f0c2b1e`, when it is known.
fn object(refusal: &Refusal) -> Option<String> {
    refusal.object.as_ref().map(|(kind, key)| format!("{}/{key}", kind.label()))
}

fn kind_of(kind: ObjectKind) -> Kind {
    match kind {
        ObjectKind::Task => Kind::Task,
        ObjectKind::Outage => Kind::Outage,
        ObjectKind::Zone => Kind::Zone,
    }
}
