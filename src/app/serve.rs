//! The loops and the API, started and stopped in order.
//!
//! The stop, as a sentence: tell `/readyz` no, stop pulling and claiming, let what is under way finish within the drain time, publish
//! what the store still owes, stop answering, close the broker's connection and the store, send the last traces.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use async_nats::Client;
use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Parts,
    auditor::{Auditor, Checkpoints},
    broker, directory, http, keyring,
    loops::{delivery_settings, intake_settings},
    pruner,
    ready::Ready,
    schema, teams, zones,
};
use crate::{
    capabilities::calendar::{Calendar, CalendarSettings},
    graph,
    intake::{Intake, IntakeHealth},
    outbox::{Outbox, OutboxSettings},
    reconcile::{Reconciler, backoff::BackoffSettings},
    settings::{CLOSED, Role, Settings},
    traces,
};

/// How long the publisher may still publish after the last delivery was recorded.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Runs the service until `stop`, then stops it in order. Errors are those of starting; once it runs, it lives.
pub async fn serve(settings: Settings, role: Role, stop: CancellationToken) -> anyhow::Result<()> {
    tell_exposed_files(&settings);
    graph::install_tls_provider();
    let exporting = traces::start(&settings.telemetry)?;
    let parts = Parts::open(&settings).await?;
    schema::tell_second_line(&parts.store).await?;
    let stopping = CancellationToken::new();
    let worker = match role {
        Role::All | Role::Worker => Some(Worker::start(&settings, &parts).await?),
        Role::Api => None,
    };
    if let Some(file) = settings.vault()?.keyring_file.clone() {
        tokio::spawn(keyring::watch(parts.vault.clone(), file, stop.clone()));
    }
    let ready = Ready::new(parts.store.clone(), worker.as_ref().map(|worker| worker.health.clone()), stop.clone());
    let server = http::start(&settings, &parts, ready, stopping.clone()).await?;
    tracing::info!(listen = %settings.http.listen, ?role, "serving");
    stop.cancelled().await;
    if let Some(worker) = worker {
        worker.finish(settings.delivery.drain).await;
    }
    parts.connections.finish().await;
    stopping.cancel();
    finish_server(server).await;
    parts.store.close().await;
    exporting.finish().await;
    tracing::info!("stopped");
    Ok(())
}

/// No reason not to start: in a container the mode is often not ours to choose.
fn tell_exposed_files(settings: &Settings) {
    for file in settings.exposed_files() {
        let (mode, path) = (file.mode_text(), file.path.display());
        tracing::warn!(setting = file.key, file = %path, mode, "a file with a secret is open to others; chmod it to {CLOSED}");
    }
}

async fn finish_server(server: JoinHandle<std::io::Result<()>>) {
    match tokio::time::timeout(LAST_WORDS, server).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => tracing::error!(%error, "the HTTP server ended badly"),
        Ok(Err(error)) => tracing::error!(%error, "the HTTP server ended badly"),
        Err(_) => tracing::warn!("requests were still under way when the process stopped"),
    }
}

/// The loops that work on events.
struct Worker {
    client: Client,
    health: IntakeHealth,
    taking: CancellationToken,
    publishing: CancellationToken,
    loops: TaskTracker,
    publisher: JoinHandle<()>,
}

impl Worker {
    async fn start(settings: &Settings, parts: &Parts) -> anyhow::Result<Self> {
        let client = broker::connect(&settings.nats).await?;
        let context = async_nats::jetstream::new(client.clone());
        let (taking, publishing, loops) = (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());
        let intake = Intake::new(
            context.clone(),
            parts.store.clone(),
            parts.clock.clone(),
            parts.metrics.clone(),
            intake_settings(settings),
        )
        .waking(parts.due.notifier())
        .waking(parts.teams.outages.notifier())
        .waking(parts.zones_due.notifier())
        .waking(parts.owed.notifier());
        let health = intake.health();
        loops.spawn(intake.run(taking.clone()));
        loops.spawn(calendar(settings, parts).run(taking.clone()));
        teams::start(settings, parts, &loops, &taking);
        directory::start(settings, parts, &loops, &taking);
        loops.spawn(zones::reconciler(&delivery_settings(settings), parts).run(taking.clone()));
        loops.spawn(zones::publisher(delivery_settings(settings), parts).run(taking.clone()));
        let waits = BackoffSettings { initial: settings.delivery.probe_initial, max: settings.delivery.probe_max };
        loops.spawn(parts.connections.clone().probe_broken(parts.worker.clone(), waits, taking.clone()));
        loops.spawn(parts.connections.clone().follow_sign_ins(parts.worker.clone(), taking.clone()));
        loops.spawn(parts.connections.clone().warn_of_ends(parts.worker.clone(), taking.clone()));
        loops.spawn(auditor(settings, parts, client.clone())?.run(taking.clone()));
        loops.spawn(pruner::run(parts.clone(), taking.clone()));
        let outbox = Outbox::new(
            context,
            parts.store.clone(),
            (parts.worker.clone(), parts.clock.clone()),
            parts.owed.notifier(),
            OutboxSettings::default(),
        );
        let publisher = tokio::spawn(outbox.run(publishing.clone()));
        parts.connections.test_unverified(&parts.worker).await.context("looking for untested connections")?;
        Ok(Self { client, health, taking, publishing, loops, publisher })
    }

    /// Stops pulling and claiming, waits for what is under way, then lets the publisher say its last words.
    async fn finish(self, drain: Duration) {
        self.taking.cancel();
        self.loops.close();
        if tokio::time::timeout(drain, self.loops.wait()).await.is_err() {
            // Their leases run out and another worker looks before it acts: late, but right.
            tracing::warn!(running = self.loops.len(), "deliveries were still under way when the drain time was over");
        }
        self.publishing.cancel();
        if tokio::time::timeout(LAST_WORDS, self.publisher).await.is_err() {
            tracing::warn!("events were still to be published; the next start publishes them");
        }
        if let Err(error) = self.client.drain().await {
            tracing::debug!(%error, "the broker's connection was gone already");
        }
    }
}

/// What checks the audit chains.
fn auditor(settings: &Settings, parts: &Parts, client: Client) -> anyhow::Result<Auditor> {
    let checkpoints = Checkpoints::from_settings(&settings.audit)?;
    Ok(Auditor { parts: parts.clone(), client, interval: settings.audit.interval, checkpoints })
}

/// The reconciler of calendars. A further capability is one more of these.
fn calendar(settings: &Settings, parts: &Parts) -> Reconciler<Calendar, crate::connections::Connections> {
    Reconciler {
        store: parts.store.clone(),
        capability: Calendar::new(CalendarSettings { reminder_minutes: settings.calendar.reminder_minutes }),
        tenants: parts.connections.clone(),
        settings: delivery_settings(settings),
        clock: parts.clock.clone(),
        ids: parts.ids.clone(),
        metrics: Arc::clone(&parts.metrics),
        wake: parts.due.clone(),
        published: parts.owed.clone(),
        worker: parts.worker.clone(),
        owner: format!("{}", parts.ids.random()),
    }
}
