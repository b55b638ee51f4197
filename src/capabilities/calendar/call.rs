//! The calls that keep a visit right, and what they come back with.

use super::content::{EventContent, Patch};
use crate::graph::GraphError;

/// One step in Outlook. A mailbox is named as it is addressed: a lower-case object id or principal name.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// Finds every event in the mailbox that carries our reference.
    LookUp {
        /// Where.
        mailbox: String,
    },
    /// Creates the event, or sends the same creation again.
    Create {
        /// Where.
        mailbox: String,
        /// In which generation.
        generation: u64,
        /// The key that makes a repeat harmless.
        transaction_id: String,
        /// Whether an earlier attempt in this generation may have got through: its content may be older than this one's.
        repeat: bool,
        /// What the event says.
        content: Box<EventContent>,
    },
    /// Sends what differs.
    Update {
        /// Where.
        mailbox: String,
        /// The generation of the place.
        generation: u64,
        /// Which event.
        event_id: String,
        /// What the event says afterwards.
        content: Box<EventContent>,
        /// What is sent.
        patch: Patch,
    },
    /// Removes one event by its id.
    Remove {
        /// Where.
        mailbox: String,
        /// The generation of the place.
        generation: u64,
        /// Which event.
        event_id: String,
    },
    /// Sends a creation again only to learn the id of what an unrecorded one may have left behind, where a look-up does not see
    /// it (yet). What comes back is removed next.
    Probe {
        /// Where.
        mailbox: String,
        /// The generation of the attempt.
        generation: u64,
        /// The key of the attempt.
        transaction_id: String,
    },
}

/// What a call came back with.
#[derive(Debug)]
pub struct Answer {
    pub(super) outcome: Result<Reply, GraphError>,
    /// Microsoft's `request-id` of the answer.
    pub(super) request_id: Option<String>,
}

/// What a call that was not refused came back with.
#[derive(Debug)]
pub(super) enum Reply {
    /// Everything in the mailbox that carries exactly our reference.
    Found(Vec<Found>),
    /// The creation was answered with an event: a new one, or the one that an earlier attempt made.
    Made {
        /// The event.
        event: Found,
        /// It visibly says something else than what was sent.
        differs: bool,
    },
    /// The key was used before, and this stands there with our reference.
    Taken(Vec<Found>),
    /// The key was used before, and Microsoft's id for it leads nowhere: the event is gone.
    TakenAndGone,
    /// The key was used before, and nothing is to be found.
    TakenUnseen,
    /// The key was used before, and asking by what failed: something may stand there.
    TakenUnread(GraphError),
    /// Done; nothing to tell.
    Done,
}

/// An event of ours, as a look-up shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    /// When it was created, as Graph writes it (sorts by time).
    pub(super) created: String,
    /// Its immutable id; case matters.
    pub(super) id: String,
    /// The key it was created with, when the answer shows it.
    pub(super) transaction_id: Option<String>,
    /// Whether a probe made it, by what it says.
    pub(super) probe: bool,
}

impl Call {
    /// The mailbox it works on.
    pub(super) fn mailbox(&self) -> &str {
        match self {
            Self::LookUp { mailbox }
            | Self::Create { mailbox, .. }
            | Self::Update { mailbox, .. }
            | Self::Remove { mailbox, .. }
            | Self::Probe { mailbox, .. } => mailbox,
        }
    }

    /// The generation it works on; a look-up works on all.
    pub(super) fn generation(&self) -> Option<u64> {
        match self {
            Self::LookUp { .. } => None,
            Self::Create { generation, .. }
            | Self::Update { generation, .. }
            | Self::Remove { generation, .. }
            | Self::Probe { generation, .. } => Some(*generation),
        }
    }
}
