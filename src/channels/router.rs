//! From an outage to what its channels should show.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Channels;
use crate::{
    capabilities::{
        Kind, Outcome,
        teams::{WantedCard, card_key, route},
    },
    events::outage::WantedOutage,
    organisation::OrgScope,
    store::{ChannelRow, ChannelSender, DueOutage, NewAuditEntry, RoutedCard, StoreError, WorkerScope},
};

/// Outages routed in one go.
const AT_ONCE: u32 = 128;
/// The longest sleep: an outage that nobody announced (another replica took it in) is found within it.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// The loop that routes outages.
pub struct Router {
    /// The channels.
    pub channels: Channels,
    /// Told when outages were taken in.
    pub wake: Arc<Notify>,
    /// The loop's right to any organisation's outages.
    pub worker: WorkerScope,
}

impl Router {
    /// Routes until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.channels.route_due(&self.worker).await {
                Ok(0) => {
                    tokio::select! { () = stop.cancelled() => {}, () = self.wake.notified() => {}, () = tokio::time::sleep(LONGEST_SLEEP) => {} }
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "could not route outages");
                    tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(LONGEST_SLEEP) => {} }
                }
            }
        }
    }
}

impl Channels {
    /// Routes what is due; how many outages there were.
    async fn route_due(&self, worker: &WorkerScope) -> Result<usize, StoreError> {
        let due = self.parts.store.due_outages(worker, self.parts.clock.now(), AT_ONCE).await?;
        let count = due.len();
        for outage in due {
            self.route(outage).await?;
        }
        if count > 0 {
            self.wake();
        }
        Ok(count)
    }

    /// Routes one outage now, if it is to be routed.
    pub(super) async fn route_one(&self, scope: &OrgScope, key: &str) -> Result<(), StoreError> {
        if let Some(outage) = self.parts.store.due_outage(scope, key).await? {
            self.route(outage).await?;
            self.wake();
        }
        Ok(())
    }

    async fn route(&self, outage: DueOutage) -> Result<(), StoreError> {
        let (cards, reason) = match serde_json::from_str::<WantedOutage>(&outage.body) {
            Ok(wanted) => {
                let rows = self.parts.store.channels(&outage.scope).await?;
                let cards = cards(&outage, &wanted, &rows);
                let reason = match &wanted.channel {
                    Some(channel) => format!("no channel has the key {channel}"),
                    None => "no channel's rules fit".to_owned(),
                };
                (cards, reason)
            }
            Err(error) => (Vec::new(), format!("the stored outage cannot be read: {error}")),
        };
        let unrouted = cards.is_empty();
        let audit = unrouted.then(|| entry(&outage, &reason, self.parts.clock.now()));
        let (scope, key) = (outage.scope.clone(), outage.key.clone());
        let routed = self.parts.store.route_outage(self.parts.clock.now(), outage, cards, audit.into_iter().collect()).await?;
        if routed && unrouted {
            tracing::warn!(organisation = %scope.organisation(), outage = key, reason, "an outage matches no Teams channel");
            self.parts.metrics.outages_unrouted_total.inc();
        }
        Ok(())
    }
}

/// What the channels should show of an outage.
fn cards(outage: &DueOutage, wanted: &WantedOutage, rows: &[ChannelRow]) -> Vec<RoutedCard> {
    let rules: Vec<route::Rule> = rows.iter().map(rule).collect();
    let told: Vec<&str> = outage.told.iter().map(|(channel, _)| channel.as_str()).collect();
    let chosen = route::channels(wanted, &rules, &told);
    let card = |row: &ChannelRow| {
        let (kind, target) = (kind(row.sender), target(row));
        let body = WantedCard {
            outage_id: outage.key.clone(),
            channel: row.key.clone(),
            target: target.clone(),
            outage: wanted.clone(),
        };
        // Cannot fail: what was read can be written.
        let body = serde_json::to_string(&body).unwrap_or_default();
        RoutedCard { channel: row.key.clone(), kind, key: card_key(&outage.key, &row.key), target, body }
    };
    rows.iter().filter(|row| chosen.contains(&row.key)).map(card).collect()
}

fn rule(row: &ChannelRow) -> route::Rule {
    route::Rule { channel: row.key.clone(), utility_types: row.utility_types.clone(), minimum_severity: row.minimum_severity }
}

/// The kind of row that a sender delivers.
pub(super) fn kind(sender: ChannelSender) -> Kind {
    match sender {
        ChannelSender::Webhook => Kind::Card,
        ChannelSender::Graph => Kind::Message,
    }
}

/// What calls and turns are counted by: the Teams channel for Graph, which two keys may lead to; for a webhook, whose channel nobody
/// knows, the key.
pub(super) fn target(row: &ChannelRow) -> String {
    match (row.sender, &row.team_id, &row.channel_id) {
        (ChannelSender::Graph, Some(team), Some(channel)) => format!("{team}/{channel}").to_lowercase(),
        _ => format!("webhook/{}", row.key),
    }
}

fn entry(outage: &DueOutage, reason: &str, now: chrono::DateTime<chrono::Utc>) -> NewAuditEntry {
    NewAuditEntry {
        at: now,
        actor: format!("event:{}#{}", outage.context.source, outage.context.id),
        action: "outage.unrouted".into(),
        target: format!("outage/{}", outage.key),
        // Routing is all there was to do, and it is done.
        outcome: Outcome::Succeeded,
        detail: json!({ "version": outage.version.event, "mutation": outage.version.mutation, "reason": reason }),
        personal: Vec::new(),
        correlation_id: outage.context.correlation_id.clone(),
        graph_request_id: None,
    }
}
