//! Teams channels.

use async_graphql::{Context, Enum, InputObject, Object, Result};
use secrecy::SecretString;

use super::{
    super::{auth::Permission, caller::Caller, errors::Refusal},
    scalars::Instant,
    tasks::DeliveryError,
};
use crate::{
    channels::{ChannelSetting, ChannelView},
    store,
};

/// Who posts to a Teams channel.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "store::ChannelSender")]
pub(super) enum TeamsSender {
    /// A Teams Workflows URL; works with an app-only connection, and without one.
    #[graphql(name = "WORKFLOW_WEBHOOK")]
    Webhook,
    /// Channel messages through Microsoft Graph, which Microsoft accepts from a signed-in (delegated) token only; with an app-only
    /// token Graph answers 401 and the connection test says so.
    Graph,
}

/// A Teams channel to be set.
#[derive(InputObject)]
pub(super) struct TeamsChannelInput {
    /// Its name within the organisation: 1 to 64 of A-Z a-z 0-9 . _ -
    key: String,
    /// Who posts.
    sender: TeamsSender,
    /// The team, with GRAPH.
    team_id: Option<String>,
    /// The channel in it, with GRAPH.
    channel_id: Option<String>,
    /// The workflow's URL, with `WORKFLOW_WEBHOOK`; a channel that has one keeps it without.
    webhook_url: Option<String>,
    /// Utilities it hears of; all without.
    utility_types: Option<Vec<String>>,
    /// The least severity it hears of; any without.
    minimum_severity: Option<String>,
    /// IANA; times on the card are shown in it.
    #[graphql(default_with = "Some(\"UTC\".to_owned())")]
    time_zone: Option<String>,
}

/// A Teams channel. webhookHost stands for the URL, which is a secret and is never returned.
pub(super) struct TeamsChannel(ChannelView);

/// A Teams channel. webhookHost stands for the URL, which is a secret and is never returned.
#[Object]
impl TeamsChannel {
    /// Its name within the organisation.
    async fn key(&self) -> &str {
        &self.0.row.key
    }

    /// Who posts.
    async fn sender(&self) -> TeamsSender {
        self.0.row.sender.into()
    }

    /// The team, with GRAPH.
    async fn team_id(&self) -> Option<&str> {
        self.0.row.team_id.as_deref()
    }

    /// The channel in it, with GRAPH.
    async fn channel_id(&self) -> Option<&str> {
        self.0.row.channel_id.as_deref()
    }

    /// The host of the workflow's URL.
    async fn webhook_host(&self) -> Option<&str> {
        self.0.row.webhook_host.as_deref()
    }

    /// Utilities it hears of; all when empty.
    async fn utility_types(&self) -> Vec<String> {
        self.0.row.utility_types.iter().filter_map(word).collect()
    }

    /// The least severity it hears of.
    async fn minimum_severity(&self) -> Option<String> {
        self.0.row.minimum_severity.as_ref().and_then(word)
    }

    /// IANA; times on the card are shown in it.
    async fn time_zone(&self) -> &str {
        &self.0.row.time_zone
    }

    /// When a card was last posted.
    async fn last_posted_at(&self) -> Option<Instant> {
        self.0.news.posted_at.map(Instant)
    }

    /// What last went wrong, of what is not settled.
    async fn last_error(&self) -> Option<DeliveryError> {
        self.0.news.error.clone().map(DeliveryError::from)
    }
}

/// The contract's word for an enumeration's member.
fn word(member: &impl serde::Serialize) -> Option<String> {
    serde_json::to_value(member).ok()?.as_str().map(str::to_owned)
}

/// `teamsChannels`.
#[derive(Default)]
pub(super) struct ChannelQuery;

#[Object]
impl ChannelQuery {
    /// The organisation's Teams channels by key.
    #[graphql(guard = "Permission::Read")]
    async fn teams_channels(&self, context: &Context<'_>) -> Result<Vec<TeamsChannel>> {
        let channels = super::teams(context)?.channels(Caller::of(context)?.scope()).await.map_err(Refusal::from)?;
        Ok(channels.into_iter().map(TeamsChannel).collect())
    }
}

/// `setTeamsChannel`, `removeTeamsChannel`.
#[derive(Default)]
pub(super) struct ChannelMutation;

#[Object]
impl ChannelMutation {
    /// Sets a Teams channel, new or not. A webhook's URL is sealed before it is stored and never returned. Outages that are open are told
    /// with their next version.
    #[graphql(guard = "Permission::Admin")]
    async fn set_teams_channel(&self, context: &Context<'_>, input: TeamsChannelInput) -> Result<TeamsChannel> {
        let caller = Caller::of(context)?;
        let setting = ChannelSetting {
            key: input.key,
            sender: input.sender.into(),
            team_id: input.team_id,
            channel_id: input.channel_id,
            webhook_url: input.webhook_url.map(SecretString::from),
            utility_types: input.utility_types.unwrap_or_default(),
            minimum_severity: input.minimum_severity,
            time_zone: input.time_zone.unwrap_or_else(|| "UTC".to_owned()),
        };
        let set = super::teams(context)?.set_channel(caller.scope(), caller.actor(), setting).await.map_err(Refusal::from)?;
        Ok(TeamsChannel(set))
    }

    /// Removes a Teams channel and erases its sealed URL; what was posted stays. False when there was none.
    #[graphql(guard = "Permission::Admin")]
    async fn remove_teams_channel(&self, context: &Context<'_>, key: String) -> Result<bool> {
        let caller = Caller::of(context)?;
        Ok(super::teams(context)?.remove_channel(caller.scope(), caller.actor(), key).await.map_err(Refusal::from)?)
    }
}
