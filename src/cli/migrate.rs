//! `migrate`: brings the store's schema up to date, with the owner's rights when they are set.

use anyhow::Context;
use secrecy::ExposeSecret;

use super::{failure::Answer, say::say};
use crate::{settings::Settings, store::Store};

pub(super) async fn run(settings: &Settings) -> anyhow::Result<Answer> {
    let store = Store::open(settings.database.migration_url().expose_secret()).await.context("opening the store")?;
    let migrated = store.migrate().await.context("migrating the store");
    store.close().await;
    migrated?;
    say!("the schema is up to date")?;
    Ok(Answer::Yes)
}
