//! What commands need from the rest of the crate, opened from the settings.

use anyhow::Context;
use secrecy::ExposeSecret;

use crate::{settings::Settings, store::Store};

/// The store, as the service sees it.
pub(super) async fn store(settings: &Settings) -> anyhow::Result<Store> {
    Store::open(settings.database.url.expose_secret()).await.context("opening the store")
}
