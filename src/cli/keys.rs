//! `keys generate`: a new master key for the key ring. `keys rotate`: everything sealed, under the ring's newest key.

use std::io::{IsTerminal as _, Write as _};

use clap::Subcommand;
use secrecy::ExposeSecret;

use super::failure::Answer;
use crate::{
    app::{Parts, left_to_rotate, rotate},
    settings::{Settings, SettingsError},
    vault::{Vault, is_key_id},
};

/// `keys …`
#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// Print one new line for the key ring; changes nothing
    Generate {
        /// The key's name [default: its fingerprint]
        #[arg(long, value_parser = key_id)]
        id: Option<String>,
    },
    /// Re-seal every credential under the ring's newest key, while the service runs; afterwards the older keys can go
    Rotate {
        /// Only count what is sealed under older keys
        #[arg(long)]
        dry_run: bool,
    },
}

pub(super) fn run(command: &Keys, settings: impl FnOnce() -> Result<Settings, SettingsError>) -> anyhow::Result<Answer> {
    match command {
        Keys::Generate { id } => generate(id.as_deref()),
        Keys::Rotate { dry_run } => super::runtime()?.block_on(rotate_keys(settings()?, *dry_run)),
    }
}

fn generate(id: Option<&str>) -> anyhow::Result<Answer> {
    let line = Vault::generate_key(id)?;
    println!("{}", line.expose_secret());
    Ok(Answer::Yes)
}

async fn rotate_keys(settings: Settings, dry_run: bool) -> anyhow::Result<Answer> {
    let parts = Parts::open(&settings).await?;
    let newest = parts.vault.key_ids().pop().unwrap_or_default();
    let left = left_to_rotate(&parts).await?;
    if dry_run {
        println!("{left} sealed under older keys than {newest}");
    } else {
        let done = rotate(&parts, |done| progress(done, left)).await?;
        println!("{done} re-sealed under {newest}");
    }
    parts.store.close().await;
    Ok(Answer::Yes)
}

/// On a terminal alone; a closed one is no reason to stop half-way.
fn progress(done: u64, of: u64) {
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() {
        let _unwritable = write!(terminal, "\r{done} of {of}");
    }
}

fn key_id(text: &str) -> Result<String, String> {
    let refusal = || "an id is 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'".to_owned();
    if is_key_id(text) { Ok(text.to_owned()) } else { Err(refusal()) }
}
