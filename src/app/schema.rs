//! The store's schema and roles: brought up to date by the owner, and looked at before anything is served.

use anyhow::Context as _;
use secrecy::ExposeSecret as _;

use crate::{
    settings::Settings,
    store::{SecondLine, Store},
};

/// Brings the schema up to date as the tables' owner, and lets the service's role and the auditor's in where they are others.
pub async fn migrate(settings: &Settings) -> anyhow::Result<()> {
    let database = &settings.database;
    let owner = Store::open(database.migration_url().expose_secret()).await.context("opening the store to migrate it")?;
    let migrated = bring_up_to_date(&owner, settings).await;
    owner.close().await;
    migrated
}

async fn bring_up_to_date(owner: &Store, settings: &Settings) -> anyhow::Result<()> {
    owner.migrate().await.context("bringing the store's schema up to date")?;
    let database = &settings.database;
    let admitted = owner.admit(database.url.expose_secret(), database.auditor_role.as_deref()).await;
    admitted.context("database.url, database.auditor_role: giving these roles their rights")
}

/// Says in the log what holds this process to an organisation's rows beside its own statements.
pub(super) async fn tell_second_line(store: &Store) -> anyhow::Result<()> {
    match store.second_line().await.context("looking at the store's role")? {
        SecondLine::Absent => {}
        SecondLine::Holds { role } => {
            tracing::info!(role, "row-level security holds the service to one organisation's rows at a time");
        }
        SecondLine::OwnersOwn { role } => tracing::info!(
            role,
            "row-level security holds the service to one organisation's rows at a time; its role owns the tables and could end that: \
             name the owner in database.owner_url and a role of its own in database.url"
        ),
        SecondLine::Bypassed { role } => tracing::warn!(
            role,
            "row-level security does not hold: the role of database.url is a superuser or has BYPASSRLS; use one that is neither"
        ),
    }
    Ok(())
}
