//! Events in: a batch becomes wanted state, dead letters and audit entries in one transaction.

use chrono::{DateTime, Utc};

use super::{NewAuditEntry, NewDeadLetter, OutgoingEvent, Store, StoreError};
use crate::{events::EventContext, organisation::OrgScope};

pub use crate::capabilities::Kind;

/// A readable event: what one object should be.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Whose.
    pub scope: OrgScope,
    /// What kind of object.
    pub kind: Kind,
    /// Its id.
    pub key: String,
    /// `data.version`.
    pub version: u64,
    /// SHA-256 over the event's data in canonical form: tells a duplicate from a conflict.
    pub digest: [u8; 32],
    /// The wanted state as JSON, in the capability's own form.
    pub body: String,
    /// The form of `body`; rows of older releases are read by it.
    pub body_format: u16,
    /// The mailbox, list or channel it will be delivered to, lower-case; empty when it names none (a closed task keeps the
    /// one it had).
    pub target: String,
    /// The event.
    pub context: EventContext,
}

/// An event that cannot become wanted state.
#[derive(Debug, Clone)]
pub struct Rejection {
    /// Whose.
    pub scope: OrgScope,
    /// The dead letter to keep. Its id is the same whenever the same message comes again.
    pub dead_letter: NewDeadLetter,
    /// The `event.rejected` entry; written only if the dead letter is.
    pub audit: Vec<NewAuditEntry>,
    /// The outgoing `delivery.dead-lettered`; queued only if the dead letter is kept.
    pub outgoing: Vec<OutgoingEvent>,
}

/// What became of an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is the wanted state now.
    Applied,
    /// Known already, with the same data.
    Duplicate,
    /// Overtaken by a higher version.
    Stale,
    /// The same version with other data; counted and audited, not applied.
    Conflict,
}

impl Store {
    /// Commits a batch in one transaction: all of it or nothing. The answers are in the order of `arrivals`; two arrivals for
    /// one object are applied in order.
    ///
    /// A rejection with the same dead letter id, or the same organisation, event id and source, as one already kept is kept
    /// once (a message that was committed but whose termination was lost comes again).
    pub async fn take_in(
        &self,
        _now: DateTime<Utc>,
        _arrivals: Vec<Arrival>,
        _rejections: Vec<Rejection>,
    ) -> Result<Vec<Taken>, StoreError> {
        unimplemented!()
    }
}
