//! `token mint`: a caller's token for development, signed with the configured shared secret.

use std::time::Duration;

use clap::{Args, Subcommand};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::{arguments::organisation, failure::Answer};
use crate::{
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
    #[arg(long, value_delimiter = ',', required = true, value_parser = ["m365:read", "m365:operate", "m365:admin"])]
    permissions: Vec<String>,
    /// Who the caller is
    #[arg(long, default_value = "developer")]
    subject: String,
    /// How long it is good for
    #[arg(long, default_value = "1h", value_parser = humantime::parse_duration)]
    ttl: Duration,
}

pub(super) fn run(command: &Token, settings: &Settings) -> anyhow::Result<Answer> {
    let Token::Mint(mint) = command;
    println!("{}", signed(mint, settings.auth()?)?);
    Ok(Answer::Yes)
}

fn signed(mint: &Mint, auth: &Auth) -> anyhow::Result<String> {
    let key = EncodingKey::from_secret(auth.shared_secret()?.expose_secret().as_bytes());
    let now = SystemClock.now().timestamp();
    let claims: Map<String, Value> = [
        ("iss", json!(auth.issuer)),
        ("aud", json!(auth.audience)),
        ("sub", json!(mint.subject)),
        ("iat", json!(now)),
        ("exp", json!(now.saturating_add(i64::try_from(mint.ttl.as_secs())?))),
        (auth.organisation_claim.as_str(), json!(mint.org)),
        (auth.permissions_claim.as_str(), json!(mint.permissions.join(" "))),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect();
    Ok(jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)?)
}
