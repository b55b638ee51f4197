//! `token mint`: a caller's token for development, signed with the configured shared secret.

use std::time::Duration;

use chrono::TimeDelta;
use clap::{Args, Subcommand};

use super::{failure::Answer, organisation::organisation, say::say};
use crate::{
    api::auth::{self, AuthSettings, KeySource, Permission},
    clock::{Clock, SystemClock},
    organisation::OrganisationId,
    settings::{Auth, Settings},
};

/// `token …`
#[derive(Debug, Subcommand)]
pub(super) enum Token {
    /// Print a token; needs `auth.hs256_secret`
    Mint(Mint),
}

/// `token mint`
#[derive(Debug, Args)]
pub(super) struct Mint {
    /// The caller's organisation
    #[arg(long, value_parser = organisation)]
    org: OrganisationId,
    /// m365:read, m365:operate, m365:admin; each includes the ones before it
    #[arg(long, value_delimiter = ',', required = true, value_parser = permission)]
    permissions: Vec<Permission>,
    /// Who the caller is
    #[arg(long, default_value = "developer")]
    subject: String,
    /// How long it is good for
    #[arg(long, default_value = "1h", value_parser = life)]
    ttl: Duration,
}

pub(super) fn run(command: &Token, settings: &Settings) -> anyhow::Result<Answer> {
    let Token::Mint(mint) = command;
    say!("{}", signed(mint, settings.auth()?)?)?;
    Ok(Answer::Yes)
}

/// What the API accepts under these settings. Only a shared secret can sign; a key set's private halves are elsewhere.
fn signed(mint: &Mint, auth: &Auth) -> anyhow::Result<String> {
    let settings = AuthSettings {
        issuer: auth.issuer.clone(),
        audience: auth.audience.clone(),
        keys: KeySource::Hs256(auth.shared_secret()?.clone()),
        organisation_claim: auth.organisation_claim.clone(),
        permissions_claim: auth.permissions_claim.clone(),
    };
    let ttl = TimeDelta::from_std(mint.ttl)?;
    Ok(auth::mint(&settings, &mint.org, &mint.permissions, &mint.subject, ttl, SystemClock.now())?)
}

fn permission(text: &str) -> Result<Permission, String> {
    Permission::parse(text).ok_or_else(|| "a permission is m365:read, m365:operate or m365:admin".to_owned())
}

/// A token for development; one that outlives a year is a mistake, and so is one that is over when it is made.
fn life(text: &str) -> Result<Duration, String> {
    let life = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let bounds = Duration::from_secs(1)..=Duration::from_hours(366 * 24);
    if bounds.contains(&life) { Ok(life) } else { Err("must be from 1s to 366days".to_owned()) }
}
