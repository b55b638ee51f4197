//! What commands need from the rest of the crate, opened from the settings.

use anyhow::Context;
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use crate::{
    connections::Connections,
    settings::{Role, Settings},
    store::Store,
};

/// Runs the service until `shutdown`.
pub(super) async fn serve(_settings: Settings, _role: Role, _shutdown: CancellationToken) -> anyhow::Result<()> {
    anyhow::bail!("MERGE: crate::app::serve(settings, role, shutdown)")
}

/// The store, as the service sees it.
pub(super) async fn store(settings: &Settings) -> anyhow::Result<Store> {
    Store::open(settings.database.url.expose_secret()).await.context("opening the store")
}

/// The connections, with vault and Graph behind them.
pub(super) async fn connections(_settings: &Settings) -> anyhow::Result<Connections> {
    anyhow::bail!("MERGE: crate::app::Parts::open(settings).await?.connections")
}
