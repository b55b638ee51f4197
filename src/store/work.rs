//! The reconciler's side of the wanted state, as types: claim, record, hold. The work is in `claim` and `record`.

use chrono::{DateTime, Utc};

use super::{DeliveryError, Kind, NewAuditEntry, NewDeadLetter, OutgoingEvent, Shares};
use crate::{
    capabilities::{CapabilityName, Place, PlaceChange, Version},
    events::EventContext,
    organisation::{OrgScope, OrganisationId},
};

/// The right of the background loops to take up any organisation's due work. Made once, by the composition root.
#[derive(Debug, Clone)]
pub struct WorkerScope(());

impl WorkerScope {
    /// For the composition root and the loops it starts.
    pub fn for_loops() -> Self {
        Self(())
    }

    /// The scope of an object that a claim handed out, for whoever works on it.
    pub fn of_claimed(&self, organisation: &OrganisationId) -> OrgScope {
        OrgScope::of_stored_row(organisation.clone())
    }
}

/// How much to claim.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// The kinds this worker can deliver.
    pub kinds: Vec<Kind>,
    /// At most this many objects.
    pub limit: u32,
    /// At most this many objects of one target under lease at once, over all workers.
    pub per_target: u32,
    /// Who claims (a name for people).
    pub owner: String,
    /// When the lease ends.
    pub lease_until: DateTime<Utc>,
    /// What each organisation may be given of it.
    pub shares: Shares,
}

/// The claim that a worker holds on an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Whose object.
    pub scope: OrgScope,
    /// What kind.
    pub kind: Kind,
    /// Its id.
    pub key: String,
    /// Moves with every claim; a record with an older one is refused.
    pub epoch: u64,
    /// When others may take it over.
    pub until: DateTime<Utc>,
}

/// An object under lease, with all that is known of it.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The lease.
    pub lease: Lease,
    /// The wanted version.
    pub version: Version,
    /// The wanted state (`Arrival::body`).
    pub body: String,
    /// Its form.
    pub body_format: u16,
    /// The event that asked for it.
    pub context: EventContext,
    /// The version that was last made true.
    pub settled: Option<Version>,
    /// The highest generation used.
    pub generation: u64,
    /// The picture in `places` may be wrong: set by the store when it takes over an expired lease.
    pub recheck: bool,
    /// Attempts on this version, this one included (counted in the claim's own transaction, before any work).
    pub attempts: u32,
    /// Claims in a row before this one that ended without a word: their workers died, or were frozen past the lease.
    pub crashes: u32,
    /// Remote items known or suspected.
    pub places: Vec<Place>,
}

/// A wait that the server asked for: until then nothing of this scope is claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// What is held up.
    pub capability: CapabilityName,
    /// One mailbox, list or channel; `None` for the connection's whole use of the capability.
    pub target: Option<String>,
    /// Until when.
    pub until: DateTime<Utc>,
}

/// What to write down about an object under lease.
#[derive(Debug, Clone)]
pub struct Progress {
    /// The lease; refused as [`Recorded::LeaseLost`] when it is no longer ours.
    pub lease: Lease,
    /// Changes to the remote items, in order. A `Put` raises the object's generation to its own.
    pub places: Vec<PlaceChange>,
    /// Clears the recheck mark.
    pub rechecked: bool,
    /// Audit entries, in order.
    pub audit: Vec<NewAuditEntry>,
    /// Events to publish.
    pub outgoing: Vec<OutgoingEvent>,
    /// Waits the server asked for; a later `until` wins over an earlier one.
    pub holds: Vec<Hold>,
    /// What becomes of the lease.
    pub next: Next,
}

/// What becomes of an object after recording.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "made and read once a claim; a box would only be in the way of its readers")]
pub enum Next {
    /// Still being worked on; the lease stays.
    Keep,
    /// This version is true now. Ends the lease; dead letters of the object go. A newer version that came meanwhile stays due.
    Settled {
        /// The version that was made true.
        version: Version,
    },
    /// Try again. Ends the lease. A newer version that came meanwhile is due at once.
    Retry {
        /// Not before then.
        not_before: DateTime<Utc>,
        /// Whether a sent call's outcome is open (`UNKNOWN`).
        unknown: bool,
        /// Whether the attempt counted (a throttle does not).
        counts: bool,
        /// What went wrong.
        error: DeliveryError,
    },
    /// A person is needed. Ends the lease, keeps the dead letter (one an object, the newest), publishes
    /// `delivery.dead-lettered`. When a newer version came meanwhile: due at once instead, and no dead letter. Then
    /// [`Progress::outgoing`] is dropped, for it tells of the dead letter; [`Progress::audit`] is kept, for it tells of calls
    /// that were made.
    Dead {
        /// The version that failed.
        version: Version,
        /// The dead letter.
        dead_letter: NewDeadLetter,
        /// What went wrong.
        error: DeliveryError,
    },
    /// Gives the lease back, nothing happened; the attempt does not count.
    Release,
    /// Gives the lease back. What was done concerns another target than the object's own, so that the object stands as it stood.
    Aside,
}

/// Whether a [`Progress`] was written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// Committed.
    Done,
    /// Another worker has the object, or it is gone: nothing was written but [`Progress::holds`], which bind everybody. The object is
    /// marked for a recheck and due, with the places that the refused progress put as
    /// [suspicions](crate::capabilities::Place::suspected).
    LeaseLost,
}

/// How many objects wait, for metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BacklogRow {
    /// The kind of object.
    pub kind: Kind,
    /// `pending`, `unknown`, `blocked`, `dead`.
    pub state: super::DeliveryState,
    /// How many.
    pub count: u64,
    /// When the oldest of them became due.
    pub oldest: Option<DateTime<Utc>>,
}
