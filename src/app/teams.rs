//! Teams: the channels' service, the router, and a reconciler for each sender.

use std::sync::Arc;

use anyhow::Context as _;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Parts, loops::delivery_settings};
use crate::{
    capabilities::teams::{Sender, Teams, TeamsSettings},
    channels::{self, Alone, ChannelDesk, Channels, Hosts, Router, WebhookSettings, Webhooks},
    clock::SharedClock,
    ids::Ids,
    metrics::Metrics,
    reconcile::{DeliverySettings, Reconciler, Tenants, Wake},
    settings::{Settings, UnknownPolicy},
    store::Store,
    vault::Vault,
};

/// Wakes the loops that bring outages to Teams.
#[derive(Clone, Default)]
pub struct TeamsWakes {
    /// The router.
    pub outages: Wake,
    /// The reconciler of webhooks.
    pub cards: Wake,
    /// The reconciler of channel messages.
    pub messages: Wake,
}

impl TeamsWakes {
    /// Those who wait for something to deliver.
    pub(super) fn deliveries(&self) -> Vec<Arc<tokio::sync::Notify>> {
        vec![self.cards.notifier(), self.messages.notifier()]
    }
}

/// The channels' service.
pub(super) fn channels(
    settings: &Settings,
    (store, vault): (&Store, &Vault),
    (clock, ids, metrics): (&SharedClock, &Ids, &Arc<Metrics>),
    wakes: &TeamsWakes,
) -> anyhow::Result<Channels> {
    let hosts = Hosts::new(&settings.teams.webhook_hosts, is_on_this_machine(settings));
    let webhooks = WebhookSettings {
        hosts: hosts.clone(),
        connect_timeout: settings.delivery.connect_timeout,
        call_timeout: settings.delivery.call_timeout,
    };
    Ok(Channels::new(channels::Parts {
        store: store.clone(),
        vault: vault.clone(),
        webhooks: Webhooks::new(webhooks, clock.clone()).context("building the client for webhooks")?,
        hosts,
        cards_per_minute: settings.teams.cards_per_minute,
        clock: clock.clone(),
        ids: ids.clone(),
        metrics: Arc::clone(metrics),
        due: wakes.deliveries(),
    }))
}

/// Starts the router and the reconcilers.
pub(super) fn start(settings: &Settings, parts: &Parts, loops: &TaskTracker, stop: &CancellationToken) {
    let router = Router { channels: parts.channels.clone(), wake: parts.teams.outages.notifier(), worker: parts.worker.clone() };
    loops.spawn(router.run(stop.clone()));
    loops.spawn(reconciler(settings, parts, Sender::Webhook, Alone, &parts.teams.cards).run(stop.clone()));
    // The signed-in account makes these calls, where there is one; without, Microsoft answers the application with 401, which ends as
    // TEAMS_APP_ONLY_FORBIDDEN.
    let account = parts.connections.clone();
    loops.spawn(reconciler(settings, parts, Sender::Graph, account, &parts.teams.messages).run(stop.clone()));
}

/// One chain of calls a channel: its lane takes one lease.
fn reconciler<T: Tenants>(
    settings: &Settings,
    parts: &Parts,
    sender: Sender,
    tenants: T,
    wake: &Wake,
) -> Reconciler<Teams<ChannelDesk>, T> {
    let teams = TeamsSettings {
        customers_threshold_percent: settings.teams.customers_threshold_percent,
        hold_unknown: settings.teams.unknown_policy == UnknownPolicy::Hold,
    };
    let desk = ChannelDesk::new(parts.channels.clone(), sender, parts.worker.clone());
    Reconciler {
        store: parts.store.clone(),
        capability: Teams::new(sender, teams, desk),
        tenants,
        settings: DeliverySettings { per_target: 1, ..delivery_settings(settings) },
        clock: parts.clock.clone(),
        ids: parts.ids.clone(),
        metrics: Arc::clone(&parts.metrics),
        wake: wake.clone(),
        published: parts.owed.clone(),
        worker: parts.worker.clone(),
        owner: format!("{}", parts.ids.random()),
    }
}

/// Whether the connector listens on this machine alone and Microsoft is played by something on it.
fn is_on_this_machine(settings: &Settings) -> bool {
    let loopback = |url: &url::Url| match url.host() {
        Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    settings.http.listen.ip().is_loopback() && settings.microsoft.graph_url.as_ref().is_some_and(loopback)
}
