//! What the capability asks for: the channel as it is set now, its turn, its webhook.

use serde_json::Value;

use super::{Channels, router, sealing};
use crate::{
    capabilities::{
        Work,
        teams::{Channel, Desk, DeskError, Sender, Turn, WantedCard, WebhookError},
    },
    organisation::OrgScope,
    store::{ChannelRow, ChannelSender, Kind, TurnAnswer, TurnRequest, WorkerScope},
};

/// The desk for the channels of one sender. Cheap to clone.
#[derive(Clone)]
pub struct ChannelDesk {
    channels: Channels,
    sender: ChannelSender,
    worker: WorkerScope,
}

impl ChannelDesk {
    /// Over the organisations' channels.
    pub fn new(channels: Channels, sender: Sender, worker: WorkerScope) -> Self {
        let sender = match sender {
            Sender::Webhook => ChannelSender::Webhook,
            Sender::Graph => ChannelSender::Graph,
        };
        Self { channels, sender, worker }
    }

    fn scope(&self, work: &Work) -> OrgScope {
        self.worker.of_claimed(&work.organisation)
    }

    async fn row(&self, work: &Work, key: &str) -> Result<Option<ChannelRow>, DeskError> {
        let row = self.channels.parts.store.channel(&self.scope(work), key).await;
        row.map(|row| row.filter(|row| row.sender == self.sender)).map_err(|error| unreadable(&error))
    }

    fn kind(&self) -> Kind {
        router::kind(self.sender)
    }
}

impl Desk for ChannelDesk {
    async fn open(&self, work: &Work) -> Result<Option<Channel>, DeskError> {
        let wanted: WantedCard =
            serde_json::from_value(work.wanted.clone()).map_err(|_| DeskError("the wanted card cannot be read".into()))?;
        let row = self.row(work, &wanted.channel).await?;
        Ok(row.filter(|row| router::target(row) == wanted.target).map(channel))
    }

    async fn turn(&self, work: &Work, channel: &Channel, marker: &str) -> Result<Turn, DeskError> {
        let parts = &self.channels.parts;
        let request = TurnRequest {
            scope: self.scope(work),
            kind: self.kind(),
            key: work.key.clone(),
            version: work.version,
            target: channel.target.clone(),
            marker: marker.to_owned(),
            cards_per_minute: parts.cards_per_minute,
        };
        Ok(match parts.store.take_turn(parts.clock.now(), request).await.map_err(|error| unreadable(&error))? {
            TurnAnswer::Granted => Turn::Granted,
            TurnAnswer::Summary(bodies) => {
                let outage = |body: &String| serde_json::from_str::<WantedCard>(body).ok().map(|wanted| wanted.outage);
                Turn::Summary(bodies.iter().filter_map(outage).collect())
            }
            TurnAnswer::Covered => Turn::Covered,
            TurnAnswer::Wait(until) => Turn::Wait(until),
            TurnAnswer::Pending(until) => Turn::Pending(until),
        })
    }

    async fn post(&self, work: &Work, channel: &Channel, body: Value) -> Result<(), WebhookError> {
        let parts = &self.channels.parts;
        let unavailable = |code: &str, message: String| WebhookError::Unavailable(code.into(), message);
        let row = self.row(work, &channel.key).await.map_err(|error| unavailable("CHANNEL_UNREADABLE", error.to_string()))?;
        let row = row.ok_or_else(|| unavailable("CHANNEL_REMOVED", "the channel was removed meanwhile".into()))?;
        let url = sealing::open(&parts.vault, &self.scope(work), &row)
            .map_err(|error| unavailable("CHANNEL_UNREADABLE", format!("the webhook's URL cannot be opened: {error}")))?;
        parts.webhooks.post(&url, &body, &work.context).await
    }
}

fn channel(row: ChannelRow) -> Channel {
    Channel {
        target: router::target(&row),
        key: row.key,
        team_id: row.team_id.unwrap_or_default(),
        channel_id: row.channel_id.unwrap_or_default(),
        // Checked when it was set; a zone that a later release of the zone database drops must not silence a channel.
        time_zone: row.time_zone.parse().unwrap_or(chrono_tz::UTC),
    }
}

fn unreadable(error: &crate::store::StoreError) -> DeskError {
    tracing::error!(error = error as &dyn std::error::Error, "could not read a Teams channel");
    DeskError("the channel could not be read".into())
}
