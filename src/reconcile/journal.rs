//! What a run has learned and not written down yet.
//!
//! Entries of a run are written in the order they happened. They may wait in memory until the next intent or the end of the run,
//! because losing them is safe: the next run finds the intents, looks, and learns the same again.

use chrono::{DateTime, Utc};

use crate::{
    capabilities::{AuditNote, Capability, Intent, Learned, PlaceChange, Work},
    events::{Telling, outgoing},
    ids::Ids,
    store::{Hold, Lease, NewAuditEntry, Next, OutgoingEvent, Progress},
};

/// Collects what is to be recorded next.
#[derive(Debug, Default)]
pub(super) struct Journal {
    places: Vec<PlaceChange>,
    rechecked: bool,
    audit: Vec<NewAuditEntry>,
    outgoing: Vec<OutgoingEvent>,
    holds: Vec<Hold>,
    /// The run has told of its object: what several of its steps amount to is one event, the first step's.
    told: bool,
}

impl Journal {
    /// An intent that must be committed before its call leaves.
    pub(super) fn intend(&mut self, work: &Work, intent: Intent, now: DateTime<Utc>) {
        self.places.extend(intent.place.map(PlaceChange::Put));
        self.audit.push(entry(work, intent.audit, now));
    }

    /// What a call taught.
    pub(super) fn learn<C: Capability>(&mut self, capability: &C, work: &Work, learned: Learned, now: DateTime<Utc>) {
        self.places.extend(learned.places);
        self.rechecked |= learned.rechecked;
        self.holds.extend(learned.rest.map(|(target, rest)| Hold {
            capability: capability.name(),
            target: Some(target),
            until: now.checked_add_signed(rest).unwrap_or(DateTime::<Utc>::MAX_UTC),
        }));
        self.audit.extend(learned.audit.map(|note| entry(work, note, now)));
        if let Some(announcement) = learned.announce.filter(|_| !self.told) {
            self.told = true;
            let told = capability.tell(work, &announcement);
            // Stable over a crash between the call and its record: the run that repeats the step tells the same event again.
            let parts =
                [work.key.as_str(), &work.version.event.to_string(), &work.version.mutation.to_string(), announcement.action];
            let id = Ids::derived(work.organisation.as_str(), &parts).to_string();
            self.outgoing.push(outgoing(Telling {
                id,
                organisation: &work.organisation,
                topic: told.topic,
                object: Some(capability.object(work)),
                time: now,
                cause: Some(&work.context),
                trace: None,
                data: told.data,
            }));
        }
    }

    /// An event or entry that the loop itself adds at the end of a run.
    pub(super) fn add(
        &mut self,
        audit: impl IntoIterator<Item = NewAuditEntry>,
        outgoing: impl IntoIterator<Item = OutgoingEvent>,
    ) {
        self.audit.extend(audit);
        self.outgoing.extend(outgoing);
    }

    /// Everything that is not written down yet, to be recorded under `lease`; nothing is left of it after.
    pub(super) fn progress(&mut self, lease: &Lease, next: Next) -> Progress {
        let told = self.told;
        let Self { places, rechecked, audit, outgoing, holds, .. } = std::mem::replace(self, Self { told, ..Self::default() });
        Progress { lease: lease.clone(), places, rechecked, audit, outgoing, holds, next }
    }
}

/// A capability's note with who, when and which event.
pub(super) fn entry(work: &Work, note: AuditNote, now: DateTime<Utc>) -> NewAuditEntry {
    NewAuditEntry {
        at: now,
        actor: format!("event:{}#{}", work.context.source, work.context.id),
        action: note.action.into(),
        target: note.target,
        outcome: note.outcome,
        detail: note.detail,
        personal: note.personal.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        correlation_id: work.context.correlation_id.clone(),
        graph_request_id: note.graph_request_id,
    }
}
