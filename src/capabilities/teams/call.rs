//! The calls that keep a channel told, and what they come back with.

use chrono::{DateTime, Utc};

use super::{
    desk::{Channel, DeskError, Turn, WebhookError},
    look::{Look, Seen},
    marker::{Marker, Step},
    says::Says,
};
use crate::{events::outage::WantedOutage, graph::GraphError};

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// Asks how the channel is set now.
    Open,
    /// Asks for a turn, for a card in this generation.
    Turn(Channel, u64),
    /// Looks for our cards, a page of messages.
    LookUp(Look),
    /// Sends a card.
    Send(Box<Send>),
    /// Leaves an open card to a person: the answer was lost, and nothing can be looked up.
    Leave,
}

/// A card to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Send {
    pub(super) channel: Channel,
    pub(super) by_graph: bool,
    pub(super) marker: Marker,
    /// The message that a reply goes under.
    pub(super) root: Option<String>,
    pub(super) outage: WantedOutage,
    /// What a summary tells of; empty for a card of its own.
    pub(super) several: Vec<WantedOutage>,
    pub(super) says: Says,
    pub(super) at: DateTime<Utc>,
    /// It may stand there already.
    pub(super) twice: bool,
}

impl Send {
    pub(super) fn step(&self) -> Step {
        self.marker.step
    }
}

/// What a call came back with.
#[derive(Debug)]
pub struct Answer(pub(super) Reply);

#[derive(Debug)]
pub(super) enum Reply {
    Opened(Result<Option<Channel>, DeskError>),
    Turned(Result<Turn, DeskError>),
    Looked(Result<Seen, GraphError>),
    /// Sent through Graph: the message's id.
    Sent(Result<(String, Option<String>), GraphError>),
    /// Handed to a webhook.
    Handed(Result<(), WebhookError>),
    Left,
}
