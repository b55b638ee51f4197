//! What every command stands on: store, vault, Graph, connections.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use secrecy::ExposeSecret as _;

use super::{
    schema,
    teams::{self, TeamsWakes},
};
use crate::{
    channels::Channels,
    clock::{SharedClock, SystemClock},
    connections::{self, Connections},
    graph::{GraphClient, GraphSettings},
    ids::Ids,
    imports::Imports,
    metrics::Metrics,
    operations::Operations,
    publish::{Lists, Publications, Targets},
    reconcile::Wake,
    roles::Roles,
    settings::Settings,
    store::{Store, WorkerScope},
    vault::Vault,
};

/// Everything that does not run by itself. Cheap to clone.
#[derive(Clone)]
pub struct Parts {
    /// The time.
    pub clock: SharedClock,
    /// Ids and jitter.
    pub ids: Ids,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// The store, migrated when the settings say so.
    pub store: Store,
    /// Seals and opens.
    pub vault: Vault,
    /// The organisations' connections.
    pub connections: Connections,
    /// What operators decide.
    pub operations: Operations,
    /// The organisations' Teams channels.
    pub channels: Channels,
    /// What administrators decide about roles.
    pub roles: Roles,
    /// Imports of the directory, started and decided on.
    pub imports: Imports,
    /// Takes requests for publications of zones.
    pub publications: Publications,
    /// The lists that zones go to, as administrators set them.
    pub targets: Targets,
    /// The lists that zones go to, as the loops use them.
    pub lists: Lists<Connections>,
    /// Wakes the calendar's reconciler.
    pub due: Wake,
    /// Wakes the loops that bring outages to Teams.
    pub teams: TeamsWakes,
    /// Wakes the zones' reconciler.
    pub zones_due: Wake,
    /// Wakes what carries out publications.
    pub publications_due: Wake,
    /// Wakes the publisher of outgoing events.
    pub owed: Wake,
    /// The loops' right to any organisation's rows.
    pub worker: WorkerScope,
}

impl Parts {
    /// Opens everything. Refuses to start when a row is sealed under a key that the ring lacks: better now than at the first delivery.
    pub async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let (clock, ids): (SharedClock, _) = (Arc::new(SystemClock), Ids::system());
        let metrics = Arc::new(Metrics::new().context("registering the metrics")?);
        let vault = Vault::from_keyring(&settings.vault()?.keyring).context("vault.keyring")?;
        let store = store(settings).await?;
        let worker = WorkerScope::for_loops();
        refuse_unknown_keys(&store, &worker, &vault).await?;
        let graph = GraphClient::new(graph_settings(settings), clock.clone(), ids.clone(), metrics.clone())
            .context("building the client for Microsoft Graph")?;
        let (due, owed, zones_due, publications_due) = (Wake::default(), Wake::default(), Wake::default(), Wake::default());
        let wakes = TeamsWakes::default();
        let mut wake = vec![due.notifier(), owed.notifier(), zones_due.notifier()];
        wake.extend(wakes.deliveries());
        let channels = teams::channels(settings, (&store, &vault), (&clock, &ids, &metrics), &wakes)?;
        let connections = Connections::new(connections::Parts {
            store: store.clone(),
            vault: vault.clone(),
            graph,
            clock: clock.clone(),
            ids: ids.clone(),
            metrics: metrics.clone(),
            read_channels: settings.microsoft.read_channels,
            changed: wake.clone(),
        });
        let operations = Operations::new(store.clone(), clock.clone(), wake);
        let imports = Imports::new(store.clone(), clock.clone(), ids.clone());
        let roles = Roles::new(store.clone(), clock.clone(), vec![owed.notifier()]);
        let publications = Publications::new(store.clone(), clock.clone(), ids.clone(), vec![publications_due.notifier()]);
        let wake_zones = vec![zones_due.notifier(), publications_due.notifier()];
        let targets = Targets::new(store.clone(), connections.clone(), clock.clone(), ids.clone(), wake_zones);
        let lists = Lists::new(store.clone(), connections.clone(), clock.clone());
        Ok(Self {
            clock,
            ids,
            metrics,
            store,
            vault,
            connections,
            operations,
            channels,
            roles,
            imports,
            publications,
            targets,
            lists,
            due,
            teams: wakes,
            zones_due,
            publications_due,
            owed,
            worker,
        })
    }
}

/// The store, migrated first unless the settings leave that to the `migrate` command.
async fn store(settings: &Settings) -> anyhow::Result<Store> {
    if settings.database.migrate {
        schema::migrate(settings).await?;
    }
    Store::open(settings.database.url.expose_secret()).await.context("opening the store")
}

async fn refuse_unknown_keys(store: &Store, worker: &WorkerScope, vault: &Vault) -> anyhow::Result<()> {
    let known = vault.key_ids();
    for id in store.key_ids_in_use(worker).await.context("reading which keys are in use")? {
        if !known.contains(&id) {
            bail!("vault.keyring: a stored credential is sealed under key {id:?}, which the ring does not hold");
        }
    }
    Ok(())
}

fn graph_settings(settings: &Settings) -> GraphSettings {
    GraphSettings {
        login_url: settings.microsoft.login_url.clone(),
        graph_url: settings.microsoft.graph_url.clone(),
        connect_timeout: settings.delivery.connect_timeout,
        call_timeout: settings.delivery.call_timeout,
    }
}
