//! Set, remove, list; and re-seal under the newest key.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::json;

use super::{
    ChannelSetting, Hosts, Webhooks, sealing,
    setting::{Checked, To, invalid},
};
use crate::{
    capabilities::Outcome,
    clock::SharedClock,
    connections::{Actor, ConnectionError},
    ids::Ids,
    metrics::Metrics,
    organisation::OrgScope,
    store::{ChannelNews, ChannelRow, ChannelSender, NewAuditEntry, Store, StoreError, WorkerScope},
    vault::{Vault, VaultError},
};

/// A channel as people see it: nothing secret.
#[derive(Debug, Clone)]
pub struct ChannelView {
    /// Its row; its sealed values are of no use to readers.
    pub row: ChannelRow,
    /// What last happened in it.
    pub news: ChannelNews,
}

/// Why a channel could not be set, removed or opened.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// A value of the input is not acceptable.
    #[error("{field}: {problem}")]
    Invalid {
        /// The input's field, as the API names it (`webhookUrl`).
        field: &'static str,
        /// What is wrong with it; never the value.
        problem: String,
    },
    /// The store could not do it.
    #[error("working with a channel's row")]
    Store(#[from] StoreError),
    /// The URL could not be sealed or opened.
    #[error("sealing or opening a webhook's URL")]
    Vault(#[from] VaultError),
}

/// What the service is built from.
pub struct Parts {
    /// The rows.
    pub store: Store,
    /// Seals and opens.
    pub vault: Vault,
    /// Calls webhooks.
    pub webhooks: Webhooks,
    /// Which hosts they may have.
    pub hosts: Hosts,
    /// Cards a minute and channel.
    pub cards_per_minute: u32,
    /// The time.
    pub clock: SharedClock,
    /// Ids.
    pub ids: Ids,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Wakes whoever delivers cards.
    pub due: Vec<Arc<tokio::sync::Notify>>,
}

/// The organisations' channels. Cheap to clone.
#[derive(Clone)]
pub struct Channels {
    pub(super) parts: Arc<Parts>,
}

impl Channels {
    /// From its parts.
    pub fn new(parts: Parts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// The organisation's channels by key.
    pub async fn list(&self, scope: &OrgScope) -> Result<Vec<ChannelView>, ChannelError> {
        let mut news = self.parts.store.channel_news(scope).await?;
        let view = |row: ChannelRow| ChannelView { news: news.remove(&row.key).unwrap_or_default(), row };
        Ok(self.parts.store.channels(scope).await?.into_iter().map(view).collect())
    }

    /// Sets a channel, new or not. A webhook's URL is sealed before anything else happens to it. Outages that are open hear of it with
    /// their next version.
    pub async fn set(&self, scope: &OrgScope, actor: &Actor, setting: ChannelSetting) -> Result<ChannelView, ChannelError> {
        let checked = setting.check(&self.parts.hosts)?;
        let now = self.parts.clock.now();
        let row = match self.parts.store.channel(scope, &checked.key).await? {
            Some(known) => self.row(scope, checked, Some(known), now)?,
            None => self.row(scope, checked, None, now)?,
        };
        let audit = entry(actor, now, "teams-channel.set", &row.key, described(&row));
        self.parts.store.put_channel(scope, row.clone(), audit).await?;
        self.wake();
        let news = self.parts.store.channel_news(scope).await?.remove(&row.key).unwrap_or_default();
        Ok(ChannelView { row, news })
    }

    /// Removes a channel and erases its sealed URL; what was posted stays. False when there was none.
    pub async fn remove(&self, scope: &OrgScope, actor: &Actor, key: &str) -> Result<bool, ChannelError> {
        let now = self.parts.clock.now();
        let audit = entry(actor, now, "teams-channel.removed", key, json!({}));
        let removed = self.parts.store.remove_channel(scope, now, key, audit).await?;
        self.wake();
        Ok(removed)
    }

    /// Seals the URLs of at most `limit` channels under the ring's newest key; how many were left under another before. A rotation goes
    /// on until there are none.
    pub async fn reseal(&self, worker: &WorkerScope, limit: u32) -> Result<usize, ConnectionError> {
        let newest = self.parts.vault.key_ids().pop().unwrap_or_default();
        let old = self.parts.store.channels_under_another_key(worker, &newest, limit).await?;
        for (scope, key) in &old {
            let Some(row) = self.parts.store.channel(scope, key).await? else { continue };
            let (key_id, data_key) = sealing::rewrap(&self.parts.vault, scope, &row)?;
            let operator = Actor::operator();
            let detail = json!({ "from": row.key_id, "to": key_id });
            let audit = entry(&operator, self.parts.clock.now(), "keys.rotated", key, detail);
            self.parts.store.rewrap_channel(scope, &row, (key_id, data_key), audit).await?;
        }
        Ok(old.len())
    }

    pub(super) fn wake(&self) {
        for waiting in &self.parts.due {
            waiting.notify_one();
        }
    }

    fn row(
        &self,
        scope: &OrgScope,
        checked: Checked,
        known: Option<ChannelRow>,
        now: DateTime<Utc>,
    ) -> Result<ChannelRow, ChannelError> {
        // Never used again for this channel, even when it is removed and set anew: clocks go on.
        let after_known = known.as_ref().map_or(0, |known| known.secret_version + 1);
        let secret_version = u64::try_from(now.timestamp_micros()).unwrap_or_default().max(after_known);
        let row = ChannelRow {
            key: checked.key,
            sender: ChannelSender::Graph,
            team_id: None,
            channel_id: None,
            webhook_host: None,
            secret_version,
            key_id: String::new(),
            sealed_data_key: Vec::new(),
            sealed_url: Vec::new(),
            utility_types: checked.utility_types,
            minimum_severity: checked.minimum_severity,
            time_zone: checked.time_zone.name().to_owned(),
            updated_at: now,
        };
        match checked.to {
            To::Graph { team_id, channel_id } => Ok(ChannelRow { team_id: Some(team_id), channel_id: Some(channel_id), ..row }),
            To::Webhook(Some((url, host))) => self.sealed(scope, row, &url, host),
            To::Webhook(None) => match known.filter(|known| known.sender == ChannelSender::Webhook) {
                Some(known) => Ok(ChannelRow {
                    sender: known.sender,
                    webhook_host: known.webhook_host,
                    secret_version: known.secret_version,
                    key_id: known.key_id,
                    sealed_data_key: known.sealed_data_key,
                    sealed_url: known.sealed_url,
                    ..row
                }),
                None => Err(invalid("webhookUrl", "is required with sender WORKFLOW_WEBHOOK")),
            },
        }
    }

    fn sealed(&self, scope: &OrgScope, row: ChannelRow, url: &SecretString, host: String) -> Result<ChannelRow, ChannelError> {
        let sealed = sealing::seal(&self.parts.vault, scope, &row.key, row.secret_version, url)?;
        let sealed_url = sealed.values.into_iter().next().ok_or(VaultError::UnknownFormat)?;
        Ok(ChannelRow {
            sender: ChannelSender::Webhook,
            webhook_host: Some(host),
            key_id: sealed.key_id,
            sealed_data_key: sealed.data_key,
            sealed_url,
            ..row
        })
    }
}

/// What the audit trail keeps of a setting: of a webhook, its host alone.
fn described(row: &ChannelRow) -> serde_json::Value {
    json!({
        "sender": row.sender.label(),
        "teamId": row.team_id,
        "channelId": row.channel_id,
        "webhookHost": row.webhook_host,
        "utilityTypes": row.utility_types,
        "minimumSeverity": row.minimum_severity,
        "timeZone": row.time_zone,
    })
}

fn entry(actor: &Actor, at: DateTime<Utc>, action: &str, key: &str, detail: serde_json::Value) -> NewAuditEntry {
    NewAuditEntry {
        at,
        actor: actor.name.clone(),
        action: action.to_owned(),
        target: format!("teams-channel/{key}"),
        outcome: Outcome::Succeeded,
        detail,
        personal: Vec::new(),
        correlation_id: actor.correlation_id.clone(),
        graph_request_id: None,
    }
}
