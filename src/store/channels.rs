//! An organisation's Teams channels: where outages are posted, and by whom.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{
    DeliveryError, NewAuditEntry, Store, StoreError, WorkerScope,
    db::{Conn, Failure, Job, Row, Value},
    values,
};
use crate::{
    events::outage::{Severity, UtilityType},
    organisation::OrgScope,
};

/// Who posts to a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelSender {
    /// A Workflows webhook.
    Webhook,
    /// Microsoft Graph.
    Graph,
}

impl ChannelSender {
    /// The stored word.
    pub fn label(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Graph => "graph",
        }
    }
}

/// The row of a channel. The sealed values are opaque here; `vault` opens them.
#[derive(Debug, Clone)]
pub struct ChannelRow {
    /// Its name within the organisation.
    pub key: String,
    /// Who posts.
    pub sender: ChannelSender,
    /// The team, for Graph.
    pub team_id: Option<String>,
    /// The channel in it, for Graph.
    pub channel_id: Option<String>,
    /// The host of the webhook's URL.
    pub webhook_host: Option<String>,
    /// Moves with every setting; part of what the URL is bound to.
    pub secret_version: u64,
    /// The key of the ring that wraps the data key; empty without a URL.
    pub key_id: String,
    /// The wrapped data key; empty without a URL.
    pub sealed_data_key: Vec<u8>,
    /// The sealed URL; empty without one.
    pub sealed_url: Vec<u8>,
    /// What it hears of; everything when empty.
    pub utility_types: Vec<UtilityType>,
    /// The least severity it hears of.
    pub minimum_severity: Option<Severity>,
    /// IANA name of the zone that times are shown in.
    pub time_zone: String,
    /// When it was set.
    pub updated_at: DateTime<Utc>,
}

/// What last happened in a channel.
#[derive(Debug, Clone, Default)]
pub struct ChannelNews {
    /// When something was last known to stand there.
    pub posted_at: Option<DateTime<Utc>>,
    /// What last went wrong, of what is not settled.
    pub error: Option<DeliveryError>,
}

const COLUMNS: &str = "SELECT key, sender, team_id, channel_id, webhook_host, secret_version, key_id, sealed_data_key, sealed_url, \
    utility_types, minimum_severity, time_zone, updated_at FROM teams_channel WHERE org = $1 ORDER BY key";

const ONE: &str = "SELECT key, sender, team_id, channel_id, webhook_host, secret_version, key_id, sealed_data_key, sealed_url, \
    utility_types, minimum_severity, time_zone, updated_at FROM teams_channel WHERE org = $1 AND key = $2";

const PUT: &str = "INSERT INTO teams_channel (org, key, sender, team_id, channel_id, webhook_host, secret_version, key_id, \
    sealed_data_key, sealed_url, utility_types, minimum_severity, time_zone, updated_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (org, key) DO UPDATE SET \
    sender = excluded.sender, team_id = excluded.team_id, channel_id = excluded.channel_id, webhook_host = excluded.webhook_host, \
    secret_version = excluded.secret_version, key_id = excluded.key_id, sealed_data_key = excluded.sealed_data_key, \
    sealed_url = excluded.sealed_url, utility_types = excluded.utility_types, minimum_severity = excluded.minimum_severity, \
    time_zone = excluded.time_zone, updated_at = excluded.updated_at";

/// Whatever went wrong for the old setting is tried again under the new one.
const WAKE: &str = "UPDATE wanted SET not_before = $3, due_at = $3, updated_at = $3 WHERE org = $1 AND kind IN ('card', 'message') \
    AND due_at > $3 AND lease_until IS NULL AND EXISTS (SELECT 1 FROM outage_route r WHERE r.org = wanted.org \
    AND r.kind = wanted.kind AND r.card = wanted.key AND r.channel = $2)";

const POSTED: &str = "SELECT r.channel, MAX(p.updated_at) FROM outage_route r JOIN place p ON p.org = r.org AND p.kind = r.kind \
    AND p.key = r.card AND p.state = 'present' WHERE r.org = $1 GROUP BY r.channel";

const TROUBLE: &str = "SELECT r.channel, w.last_error FROM outage_route r JOIN wanted w ON w.org = r.org AND w.kind = r.kind \
    AND w.key = r.card WHERE r.org = $1 AND w.last_error IS NOT NULL ORDER BY w.updated_at";

const REWRAP: &str =
    "UPDATE teams_channel SET key_id = $4, sealed_data_key = $5 WHERE org = $1 AND key = $2 AND secret_version = $3";

const UNDER_ANOTHER_KEY: &str =
    "SELECT org, key FROM teams_channel WHERE key_id <> '' AND key_id <> $1 ORDER BY org, key LIMIT $2";

impl Store {
    /// The organisation's channels by key.
    pub async fn channels(&self, scope: &OrgScope) -> Result<Vec<ChannelRow>, StoreError> {
        const DOING: &str = "reading the Teams channels";
        let mut conn = self.read(scope, DOING).await?;
        let rows = conn.all(COLUMNS, vec![scope.as_str().into()]).await;
        rows.and_then(|rows| rows.iter().map(read).collect()).map_err(|failure| failure.doing(DOING))
    }

    /// One channel.
    pub async fn channel(&self, scope: &OrgScope, key: &str) -> Result<Option<ChannelRow>, StoreError> {
        const DOING: &str = "reading a Teams channel";
        let mut conn = self.read(scope, DOING).await?;
        let rows = conn.all(ONE, vec![scope.as_str().into(), key.into()]).await;
        rows.and_then(|rows| rows.first().map(read).transpose()).map_err(|failure| failure.doing(DOING))
    }

    /// Sets a channel, new or not. What waits for it is due at once.
    pub async fn put_channel(&self, scope: &OrgScope, row: ChannelRow, audit: NewAuditEntry) -> Result<(), StoreError> {
        let given = Arc::new((scope.clone(), row, audit));
        let job: Job<()> = Box::new(move |tx| {
            let given = Arc::clone(&given);
            Box::pin(async move {
                let (scope, row, audit) = &*given;
                tx.conn.run(PUT, columns(scope, row)?).await?;
                let values = vec![scope.as_str().into(), row.key.as_str().into(), row.updated_at.into()];
                tx.conn.run(WAKE, values).await?;
                tx.audit(scope, [audit.clone()]);
                Ok(())
            })
        });
        self.write(scope, "setting a Teams channel", job).await
    }

    /// Removes a channel and its sealed URL; false, and nothing is written, when there was none. What waits for it is due at once, and
    /// ends with nothing to do.
    pub async fn remove_channel(
        &self,
        scope: &OrgScope,
        now: DateTime<Utc>,
        key: &str,
        audit: NewAuditEntry,
    ) -> Result<bool, StoreError> {
        let given = Arc::new((scope.clone(), key.to_owned(), audit));
        let job: Job<bool> = Box::new(move |tx| {
            let given = Arc::clone(&given);
            Box::pin(async move {
                let (scope, key, audit) = &*given;
                let named = || -> Vec<Value> { vec![scope.as_str().into(), key.as_str().into()] };
                if tx.conn.run("DELETE FROM teams_channel WHERE org = $1 AND key = $2", named()).await? == 0 {
                    return Ok(false);
                }
                let mut values = named();
                values.push(now.into());
                tx.conn.run(WAKE, values).await?;
                tx.audit(scope, [audit.clone()]);
                Ok(true)
            })
        });
        self.write(scope, "removing a Teams channel", job).await
    }

    /// What last happened in each channel, by key.
    pub async fn channel_news(&self, scope: &OrgScope) -> Result<std::collections::BTreeMap<String, ChannelNews>, StoreError> {
        const DOING: &str = "reading what happened in the Teams channels";
        let mut conn = self.read(scope, DOING).await?;
        news(&mut conn, scope).await.map_err(|failure| failure.doing(DOING))
    }

    /// Channels whose URL is not sealed under the key `newest`, at most `limit`: for a rotation, which goes on until there are none.
    pub async fn channels_under_another_key(
        &self,
        worker: &WorkerScope,
        newest: &str,
        limit: u32,
    ) -> Result<Vec<(OrgScope, String)>, StoreError> {
        const DOING: &str = "reading which Teams channels to re-seal";
        let mut conn = self.read(worker, DOING).await?;
        let rows = conn.all(UNDER_ANOTHER_KEY, vec![newest.into(), limit.into()]).await;
        let read = |row: &Row| Ok((self.scope_of(&row.text(0)?)?, row.text(1)?));
        rows.and_then(|rows| rows.iter().map(read).collect()).map_err(|failure| failure.doing(DOING))
    }

    /// How many channels' URLs are not sealed under the key `newest`.
    pub async fn count_channels_under_another_key(&self, worker: &WorkerScope, newest: &str) -> Result<u64, StoreError> {
        const DOING: &str = "counting the Teams channels to re-seal";
        let mut conn = self.read(worker, DOING).await?;
        let text = "SELECT COUNT(*) FROM teams_channel WHERE key_id <> '' AND key_id <> $1";
        let rows = conn.all(text, vec![newest.into()]).await;
        rows.and_then(|rows| rows.first().map_or(Ok(0), |row| row.count(0))).map_err(|failure| failure.doing(DOING))
    }

    /// Puts a channel's data key under another key of the ring; false when the channel was set anew or removed meanwhile.
    pub async fn rewrap_channel(
        &self,
        scope: &OrgScope,
        row: &ChannelRow,
        (key_id, sealed_data_key): (String, Vec<u8>),
        audit: NewAuditEntry,
    ) -> Result<bool, StoreError> {
        let given = Arc::new((scope.clone(), audit));
        let named: Vec<Value> = vec![scope.as_str().into(), row.key.as_str().into(), row.secret_version.into()];
        let job: Job<bool> = Box::new(move |tx| {
            let (mut values, given) = (named.clone(), Arc::clone(&given));
            values.extend([key_id.as_str().into(), sealed_data_key.as_slice().into()]);
            Box::pin(async move {
                let moved = tx.conn.run(REWRAP, values).await? > 0;
                if moved {
                    tx.audit(&given.0, [given.1.clone()]);
                }
                Ok(moved)
            })
        });
        self.write(scope, "re-sealing a Teams channel", job).await
    }
}

async fn news(conn: &mut Conn, scope: &OrgScope) -> Result<std::collections::BTreeMap<String, ChannelNews>, Failure> {
    let mut news = std::collections::BTreeMap::<String, ChannelNews>::new();
    for row in conn.all(POSTED, vec![scope.as_str().into()]).await? {
        news.entry(row.text(0)?).or_default().posted_at = values::maybe_instant(&row, 1)?;
    }
    for row in conn.all(TROUBLE, vec![scope.as_str().into()]).await? {
        news.entry(row.text(0)?).or_default().error = Some(values::from_json(&row.text(1)?, "delivery error")?);
    }
    Ok(news)
}

fn columns(scope: &OrgScope, row: &ChannelRow) -> Result<Vec<Value>, Failure> {
    Ok(vec![
        scope.as_str().into(),
        row.key.as_str().into(),
        row.sender.label().into(),
        row.team_id.as_deref().into(),
        row.channel_id.as_deref().into(),
        row.webhook_host.as_deref().into(),
        row.secret_version.into(),
        row.key_id.as_str().into(),
        row.sealed_data_key.as_slice().into(),
        row.sealed_url.as_slice().into(),
        values::json(&row.utility_types)?.into(),
        row.minimum_severity.map(|severity| values::json(&severity)).transpose()?.into(),
        row.time_zone.as_str().into(),
        row.updated_at.into(),
    ])
}

fn read(row: &Row) -> Result<ChannelRow, Failure> {
    Ok(ChannelRow {
        key: row.text(0)?,
        sender: match row.text(1)?.as_str() {
            "webhook" => ChannelSender::Webhook,
            "graph" => ChannelSender::Graph,
            _ => return Err(Failure::Unreadable("Teams sender")),
        },
        team_id: row.maybe_text(2)?,
        channel_id: row.maybe_text(3)?,
        webhook_host: row.maybe_text(4)?,
        secret_version: row.count(5)?,
        key_id: row.text(6)?,
        sealed_data_key: row.bytes(7)?,
        sealed_url: row.bytes(8)?,
        utility_types: values::from_json(&row.text(9)?, "utility types")?,
        minimum_severity: row.maybe_text(10)?.map(|text| values::from_json(&text, "severity")).transpose()?,
        time_zone: row.text(11)?,
        updated_at: values::instant(row, 12)?,
    })
}
