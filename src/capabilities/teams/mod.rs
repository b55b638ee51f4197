//! Teams: an outage as one card in each channel that its utility and severity lead to.
//!
//! One thread a channel and outage: a card when it is first heard of, a reply for every change that a reader cares about, a last one
//! when it is over; afterwards silence. A webhook knows no replies, so there every change is a card of its own. Each card carries our
//! marker, by which it is found again where Graph lets us read.
//!
//! Two senders, two instances of [`Teams`], each with rows of its own kind ([`Kind::Card`], [`Kind::Message`]):
//! - a Workflows webhook takes the card as an object and answers 202; its URL is all the right it needs:
//!   <https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook>
//! - Graph takes it as text in an attachment, from a signed-in account alone (`ChannelMessage.Send`), one message a second and
//!   channel; reading needs `ChannelMessage.Read.All`:
//!   <https://learn.microsoft.com/graph/api/channel-post-messages>, <https://learn.microsoft.com/graph/api/chatmessage-post-replies>,
//!   <https://learn.microsoft.com/graph/api/channel-list-messages>
//!
//! Reading order: [`route`], [`Call`], `decide`, `intend`, `perform`, `learn`. What the capability needs beside Graph (the channel's
//! settings, its turn among the channel's cards, the webhook itself) it asks a [`Desk`] for.

mod call;
pub mod card;
mod decide;
mod desk;
mod intend;
mod kept;
mod learn;
mod look;
mod marker;
mod notes;
mod perform;
mod refusal;
pub mod route;
mod says;
#[cfg(test)]
mod tests;
mod wanted;
mod wire;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::json;

pub use self::{
    call::{Answer, Call},
    desk::{Channel, Desk, DeskError, Turn, WebhookError},
    kept::{Posted, posted},
    wanted::{WantedCard, card_key},
};
use self::{perform::Rests, wanted::channel_of};
use super::{Announcement, Capability, CapabilityName, Decision, Intent, Kind, Learned, Told, Work};
use crate::graph::Graph;

/// Who carries a card to Teams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// A Workflows webhook.
    Webhook,
    /// Microsoft Graph.
    Graph,
}

/// What can be set about outage cards.
#[derive(Debug, Clone, Copy)]
pub struct TeamsSettings {
    /// How much the number of customers must change, in percent of what was told, before that alone is told.
    pub customers_threshold_percent: u32,
    /// Whether a card whose answer was lost, and that cannot be looked for, is left to a person instead of being sent again.
    pub hold_unknown: bool,
}

/// Keeps outages' cards in Teams channels. [`Work::wanted`] is a [`WantedCard`].
#[derive(Debug, Clone)]
pub struct Teams<D> {
    sender: Sender,
    settings: TeamsSettings,
    desk: D,
    rests: Arc<Rests>,
}

impl<D> Teams<D> {
    /// For channels of one sender.
    pub fn new(sender: Sender, settings: TeamsSettings, desk: D) -> Self {
        Self { sender, settings, desk, rests: Arc::default() }
    }
}

impl<D: Desk> Capability for Teams<D> {
    type Call = Call;
    type Answer = Answer;

    fn name(&self) -> CapabilityName {
        CapabilityName::Teams
    }

    fn kind(&self) -> Kind {
        match self.sender {
            Sender::Webhook => Kind::Card,
            Sender::Graph => Kind::Message,
        }
    }

    fn failed_action(&self) -> &'static str {
        notes::FAILED
    }

    fn object(&self, work: &Work) -> String {
        notes::object(work)
    }

    fn decide(&self, work: &Work, now: DateTime<Utc>) -> Decision<Call> {
        decide::decide(self.sender, self.settings, work, now)
    }

    fn intend(&self, work: &Work, call: &Call) -> Option<Intent> {
        intend::intend(work, call)
    }

    async fn perform(&self, graph: &impl Graph, work: &Work, call: &Call) -> Answer {
        perform::perform(self, graph, work, call).await
    }

    fn learn(&self, work: &Work, call: &Call, answer: Answer) -> Learned {
        learn::learn(self.settings, work, call, answer)
    }

    fn tell(&self, work: &Work, announcement: &Announcement) -> Told {
        let wanted = WantedCard::read(work).ok();
        let data = json!({
            "outageId": wanted.as_ref().map(|wanted| &wanted.outage_id),
            "version": work.version.event,
            "channel": channel_of(&work.key),
            "action": announcement.action,
            "messageId": announcement.remote_id,
            "possiblyDuplicated": wanted.is_some_and(|wanted| kept::ever_twice(work, &wanted.target)),
        });
        Told { topic: "outage.posted", data }
    }
}
