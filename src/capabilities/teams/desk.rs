//! What the capability asks for beside Graph: the channel as it is set now, its turn among the channel's cards, the webhook.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{capabilities::Work, events::outage::WantedOutage};

/// A channel as a card is posted to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Channel {
    /// Its key.
    pub key: String,
    /// What calls, waits and turns are counted by.
    pub target: String,
    /// The team; empty for a webhook.
    pub team_id: String,
    /// The channel in it; empty for a webhook.
    pub channel_id: String,
    /// The zone that times are shown in.
    pub time_zone: chrono_tz::Tz,
}

/// Whether a card may go out now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Turn {
    /// It may; it is counted.
    Granted,
    /// The channel has had its cards for this minute: one summary may go out, of these outages, whose rows are told by it.
    Summary(Vec<WantedOutage>),
    /// A summary that stands tells of this version.
    Covered,
    /// The channel is full until then.
    Wait(DateTime<Utc>),
    /// A summary was to tell of this version, and whether it stands is not known yet: ask again then.
    Pending(DateTime<Utc>),
}

/// The desk could not say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DeskError(pub String);

/// How a webhook did not take a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookError {
    /// Told to wait: not taken, and nothing before then.
    Throttled(DateTime<Utc>),
    /// Not taken, or never sent; may be taken later. With a code and a text for people.
    Unavailable(String, String),
    /// Refused, and will be again.
    Rejected(String),
    /// Refused for its size.
    TooLarge,
    /// Sent, and the answer lost.
    Lost(String),
}

/// Answers the capability's questions. The composition root puts the store and the vault behind it.
pub trait Desk: Clone + Send + Sync + 'static {
    /// The channel as it is set now; none when it is gone, has another sender, or leads elsewhere.
    fn open(&self, work: &Work) -> impl Future<Output = Result<Option<Channel>, DeskError>> + Send;

    /// Asks for a turn; `marker` is what a summary would carry. What was counted stays counted, whatever becomes of the card.
    fn turn(&self, work: &Work, channel: &Channel, marker: &str) -> impl Future<Output = Result<Turn, DeskError>> + Send;

    /// Hands a message envelope to the channel's webhook.
    fn post(&self, work: &Work, channel: &Channel, body: Value) -> impl Future<Output = Result<(), WebhookError>> + Send;
}
