//! The types of event that this release knows, and what stands in each.

use super::{
    kinds::Id,
    outage,
    shape::{Required, Shape},
    subject::{ObjectKind, Verb},
    task, zone,
};

/// A type of event that this release knows.
pub(super) struct EventType {
    /// CloudEvents `type`: `argus.{kind}.{verb}.v1`.
    pub(super) name: &'static str,
    /// What it says of it.
    pub(super) verb: Verb,
    /// What stands in its `data`.
    pub(super) data: &'static Shape,
    /// For people.
    pub(super) meaning: &'static str,
}

/// Every type of event that may come.
#[rustfmt::skip]
pub(super) static TYPES: [EventType; 8] = [
    EventType { name: "argus.task.scheduled.v1", verb: Verb::Is, data: &task::SCHEDULED, meaning: "The task has a worker and a window." },
    EventType { name: "argus.task.rescheduled.v1", verb: Verb::Is, data: &task::SCHEDULED, meaning: "Window, worker, place or text changed; the full state again." },
    EventType { name: "argus.task.closed.v1", verb: Verb::Gone, data: &task::CLOSED, meaning: "Done, cancelled or withdrawn: the visit leaves the calendar." },
    EventType { name: "argus.outage.reported.v1", verb: Verb::Is, data: &outage::OUTAGE, meaning: "First alert." },
    EventType { name: "argus.outage.updated.v1", verb: Verb::Is, data: &outage::OUTAGE, meaning: "The full state again." },
    EventType { name: "argus.outage.restored.v1", verb: Verb::Restored, data: &outage::OUTAGE, meaning: "Supply is back." },
    EventType { name: "argus.zone.changed.v1", verb: Verb::Is, data: &zone::CHANGED, meaning: "A zone record, whole." },
    EventType { name: "argus.zone.removed.v1", verb: Verb::Gone, data: &zone::REMOVED, meaning: "A zone is gone." },
];

/// What a CloudEvents type says of its object; `None` when this release does not know it.
pub(super) fn verb(event_type: &str) -> Option<Verb> {
    TYPES.iter().find(|known| known.name == event_type).map(|known| known.verb)
}

/// The field of `data` that holds the object's id.
pub(super) fn id_field(kind: ObjectKind) -> &'static Required<Id> {
    match kind {
        ObjectKind::Task => &task::TASK_ID,
        ObjectKind::Outage => &outage::OUTAGE_ID,
        ObjectKind::Zone => &zone::ZONE_ID,
    }
}
