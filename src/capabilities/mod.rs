//! What the connector can keep in agreement, one folder a part of Microsoft 365, and the words they share with the
//! reconciler.
//!
//! A capability is three pure functions and one that talks:
//!
//! ```text
//! decide   wanted + known + now          → the next call, or nothing left to do      pure
//! intend   what must be committed before the call leaves                             pure
//! perform  the call                      → what came back                            the only async one
//! learn    what came back                → what is known now, what to tell           pure
//! ```
//!
//! The reconciler (`crate::reconcile`) runs them in that order until nothing is left to do, and commits what they say.
//! A capability sees neither the store nor the clock.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{events::EventContext, graph::Graph, organisation::OrganisationId};

pub mod calendar;
pub mod directory;
pub mod sharepoint;
pub mod teams;
mod understood;

pub use understood::Understood;

/// The parts of Microsoft 365.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CapabilityName {
    /// Outlook calendars.
    Calendar,
    /// Teams channels.
    Teams,
    /// SharePoint lists.
    SharePoint,
    /// Entra ID.
    Directory,
}

impl CapabilityName {
    /// Every capability, in the order people list them.
    pub const ALL: [Self; 4] = [Self::Calendar, Self::Teams, Self::SharePoint, Self::Directory];

    /// The lower-case name: metric label and stored value.
    pub fn label(self) -> &'static str {
        match self {
            Self::Calendar => "calendar",
            Self::Teams => "teams",
            Self::SharePoint => "sharepoint",
            Self::Directory => "directory",
        }
    }
}

/// What kind of object a piece of work is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A field task's visit.
    Task,
    /// An outage.
    Outage,
    /// A zone record.
    Zone,
    /// What one outage shows in one Teams channel that a Workflows webhook posts to.
    Card,
    /// What one outage shows in one Teams channel that Graph posts to.
    Message,
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Self; 5] = [Self::Task, Self::Outage, Self::Zone, Self::Card, Self::Message];

    /// The stored word, also the first half of an outgoing event's subject (`task/…`).
    pub fn label(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Outage => "outage",
            Self::Zone => "zone",
            Self::Card => "card",
            Self::Message => "message",
        }
    }

    /// The capability that delivers objects of this kind. Holds and metrics are the capability's, rows have kinds.
    pub fn delivered_by(self) -> CapabilityName {
        match self {
            Self::Task => CapabilityName::Calendar,
            Self::Outage | Self::Card | Self::Message => CapabilityName::Teams,
            Self::Zone => CapabilityName::SharePoint,
        }
    }

    /// Whether it waits for a connection that works. Routing an outage asks nobody, and a webhook's URL is all the right that a
    /// card needs.
    pub fn needs_connection(self) -> bool {
        !matches!(self, Self::Outage | Self::Card)
    }
}

/// The version of an object: the event's, then how many mutations without a version were applied on top of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version {
    /// `data.version` of the newest event, 0 to 2^53 - 1.
    pub event: u64,
    /// Mutations applied since that event.
    pub mutation: u64,
}

/// One object to be made true, as the reconciler claimed it, with all that is known of it.
#[derive(Debug, Clone)]
pub struct Work {
    /// Whose it is.
    pub organisation: OrganisationId,
    /// The task id, zone id, …
    pub key: String,
    /// The wanted version.
    pub version: Version,
    /// The wanted state as committed by intake (the event's `data`, normalised), in the capability's own form.
    pub wanted: Value,
    /// The event that asked for it.
    pub context: EventContext,
    /// The highest generation used so far; a creation takes the next one. Never goes down, never is reused.
    pub generation: u64,
    /// Set when our picture may be wrong (a lease was taken over, a backup was restored): look before trusting `places`.
    pub recheck: bool,
    /// Where something of ours stands or may stand in Microsoft 365.
    pub places: Vec<Place>,
    /// What failed since the claim, by target: `decide` works around these and stops when nothing else is left.
    pub failures: Vec<Failure>,
    /// Targets that were looked at since the claim, so that a look-up is not repeated for ever; and other marks that a capability
    /// sets for the rest of the claim, in a form that no target has.
    pub looked: BTreeSet<String>,
    /// What the capability found out since the claim beside Microsoft 365 (a channel's settings), in its own form; never stored.
    pub briefing: Option<Value>,
    /// What the capability made of `wanted`.
    pub understood: Understood,
}

/// One remote item of ours, or the trace of an attempt to make one.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The mailbox, list or channel, in the form it is addressed by, lower-case.
    pub target: String,
    /// The generation it was made in; 0 for a [suspicion](Place::suspected).
    pub generation: u64,
    /// The deterministic key sent with the creation.
    pub idempotency_key: String,
    /// What is known of it.
    pub state: PlaceState,
    /// Microsoft's id, once known.
    pub remote_id: Option<String>,
    /// What Microsoft last confirmed to stand there, in the capability's own form; `None` when that is not known.
    pub confirmed: Option<Value>,
}

impl Place {
    /// A suspicion: something of ours may stand at this target that no attempt accounts for, because a worker without a lease
    /// reported a call there, or because the store was restored from a backup and an event of the stream names it. The capability
    /// looks there, and takes up what it finds in a generation of its own.
    pub fn suspected(target: &str) -> Self {
        Self {
            target: target.to_owned(),
            generation: 0,
            idempotency_key: String::new(),
            state: PlaceState::Unknown,
            remote_id: None,
            confirmed: None,
        }
    }

    /// Whether it is a [suspicion](Place::suspected) and no attempt: attempts count from 1.
    pub fn is_suspicion(&self) -> bool {
        self.generation == 0
    }
}

/// What is known of a [`Place`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlaceState {
    /// A creation was committed; whether it was sent, and what came of it, is not known.
    Intended,
    /// It stands there under `remote_id`.
    Present,
    /// A creation was sent and its answer lost.
    Unknown,
}

/// What the reconciler should do next for a piece of work.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision<Call> {
    /// Make this call.
    Call(Call),
    /// Everything is as wanted.
    Settled,
    /// Nothing more can be done in this claim; `Work::failures` says why.
    Stop,
    /// The wanted state cannot be read or carried out, whatever is tried.
    Impossible {
        /// Dead-letter code.
        code: &'static str,
        /// In words.
        message: String,
    },
}

/// What must be committed before a call may leave: no intent, no effect.
#[derive(Debug, Clone)]
pub struct Intent {
    /// The place as it will be known if the process dies right after the commit.
    pub place: Option<Place>,
    /// The audit entry of the intent.
    pub audit: AuditNote,
}

/// What a finished call changed in our knowledge.
#[derive(Debug, Clone, Default)]
pub struct Learned {
    /// Changes to the known places, in order.
    pub places: Vec<PlaceChange>,
    /// The audit entry of the outcome; `None` for a mere look-up.
    pub audit: Option<AuditNote>,
    /// What happened to the object, when others should hear of it.
    pub announce: Option<Announcement>,
    /// The call failed: the rest of the claim works around this target.
    pub failure: Option<Failure>,
    /// The target was looked at.
    pub looked: Option<String>,
    /// Our picture was re-read and may be trusted again.
    pub rechecked: bool,
    /// Takes the place of [`Work::briefing`].
    pub briefing: Option<Value>,
    /// Nothing more to this target, by whatever worker, for so long.
    pub rest: Option<(String, TimeDelta)>,
}

/// A change to the known places.
#[derive(Debug, Clone, PartialEq)]
pub enum PlaceChange {
    /// Put or replace the place with this target and generation.
    Put(Place),
    /// Nothing of that target and generation stands there any more.
    Gone {
        /// The place's target.
        target: String,
        /// The place's generation.
        generation: u64,
    },
}

/// What happened to an object, for the outgoing event. Of several in one claim the first counts: an event that was created and
/// then brought up to date was created.
#[derive(Debug, Clone, PartialEq)]
pub struct Announcement {
    /// `created`, `updated`, `moved`, `removed`, …
    pub action: &'static str,
    /// Where it stands now.
    pub target: Option<String>,
    /// Its id there.
    pub remote_id: Option<String>,
}

/// An outgoing event as a capability words it.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// What follows `argus.{org}.m365.` in the subject: `calendar.synced`.
    pub topic: &'static str,
    /// The event's data.
    pub data: Value,
}

/// A call that failed, as the reconciler needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The target that failed.
    pub target: String,
    /// What it means for the work.
    pub kind: FailureKind,
    /// The code that people see (`MAILBOX_NOT_FOUND`, or Microsoft's own).
    pub code: String,
    /// In words, without personal data.
    pub message: String,
    /// Microsoft's `request-id`.
    pub graph_request_id: Option<String>,
}

/// What a failure means for the work.
#[derive(Debug, Clone, PartialEq)]
pub enum FailureKind {
    /// Try again after a backoff; counts as an attempt.
    Transient,
    /// The answer was lost: `UNKNOWN` until a look-up settles it; counts as an attempt.
    Ambiguous,
    /// Told to wait until then; does not count as an attempt.
    Throttled {
        /// The earliest instant allowed.
        until: DateTime<Utc>,
        /// Whether the wait is for the target alone or for the whole workload.
        whole_workload: bool,
    },
    /// The connection does not work (token refused or not to be had): nothing of the organisation can be sent; does not
    /// count as an attempt.
    Connection,
    /// Will not work until a person acts: a dead letter.
    Permanent,
}

/// An audit entry that a capability asks for. The reconciler adds who, when and which event.
#[derive(Debug, Clone)]
pub struct AuditNote {
    /// `calendar.event.created`, …
    pub action: &'static str,
    /// What it was done to: `task/7f0c2b1e`.
    pub target: String,
    /// How it went.
    pub outcome: Outcome,
    /// Facts that name nobody.
    pub detail: Value,
    /// Facts that name somebody (a mailbox): kept aside behind a salted commitment.
    pub personal: Vec<(&'static str, String)>,
    /// Microsoft's `request-id`, when an answer caused the entry.
    pub graph_request_id: Option<String>,
}

/// How an audited step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// About to be done.
    Intended,
    /// Done.
    Succeeded,
    /// Refused or failed.
    Failed,
    /// Sent, and the answer lost.
    Unknown,
    /// Overtaken by something newer before it was done.
    Superseded,
}

impl Outcome {
    /// The stored and published word.
    pub fn label(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Superseded => "superseded",
        }
    }
}

/// A part of Microsoft 365 that the connector keeps in agreement with Argus. See the module's head for the walk.
pub trait Capability: Send + Sync + 'static {
    /// One call to make.
    type Call: Clone + std::fmt::Debug + Send + Sync;
    /// What a call came back with.
    type Answer: Send;

    /// Which part of Microsoft 365 it is.
    fn name(&self) -> CapabilityName;

    /// The kind of object it delivers.
    fn kind(&self) -> Kind;

    /// The audit action of a delivery that was set aside: `calendar.event.failed`.
    fn failed_action(&self) -> &'static str;

    /// The object as people and other systems know it: `task/7f0c2b1e`. Pure.
    fn object(&self, work: &Work) -> String {
        format!("{}/{}", self.kind().label(), work.key)
    }

    /// The next step towards the wanted state. Pure.
    fn decide(&self, work: &Work, now: DateTime<Utc>) -> Decision<Self::Call>;

    /// What must be committed before `call` leaves; `None` for a call that changes nothing. Pure.
    fn intend(&self, work: &Work, call: &Self::Call) -> Option<Intent>;

    /// Makes the call. Repeating it does no more than doing it once, by the means that the capability's `perform.rs` names.
    fn perform(&self, graph: &impl Graph, work: &Work, call: &Self::Call) -> impl Future<Output = Self::Answer> + Send;

    /// What is known after the call. Pure.
    fn learn(&self, work: &Work, call: &Self::Call, answer: Self::Answer) -> Learned;

    /// The outgoing event that tells others of an announcement. Pure.
    fn tell(&self, work: &Work, announcement: &Announcement) -> Told;
}

impl Work {
    /// Takes in what a call taught, so that the next decision sees it.
    pub fn apply(&mut self, learned: &Learned) {
        for change in &learned.places {
            self.change(change);
        }
        if let Some(failure) = &learned.failure {
            self.failures.push(failure.clone());
        }
        if let Some(target) = &learned.looked {
            self.looked.insert(target.clone());
        }
        if learned.rechecked {
            self.recheck = false;
        }
        if let Some(briefing) = &learned.briefing {
            self.briefing = Some(briefing.clone());
        }
    }

    /// Takes in an intent that was committed.
    pub fn apply_intent(&mut self, intent: &Intent) {
        if let Some(place) = &intent.place {
            self.change(&PlaceChange::Put(place.clone()));
        }
    }

    /// Whether a call to this target failed since the claim.
    pub fn failed(&self, target: &str) -> bool {
        self.failures.iter().any(|failure| failure.target == target)
    }

    fn change(&mut self, change: &PlaceChange) {
        let (target, generation) = match change {
            PlaceChange::Put(place) => (place.target.as_str(), place.generation),
            PlaceChange::Gone { target, generation } => (target.as_str(), *generation),
        };
        self.places.retain(|place| !(place.target == target && place.generation == generation));
        if let PlaceChange::Put(place) = change {
            self.generation = self.generation.max(place.generation);
            self.places.push(place.clone());
        }
    }
}
