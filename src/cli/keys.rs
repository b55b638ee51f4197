//! `keys generate`: a new master key for the key ring.

use clap::Subcommand;
use secrecy::ExposeSecret;

use super::{failure::Answer, say::say};
use crate::vault::{Vault, is_key_id};

/// `keys …`
#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// Print one new line for the key ring; changes nothing
    Generate {
        /// The key's name [default: its fingerprint]
        #[arg(long, value_parser = key_id)]
        id: Option<String>,
    },
}

pub(super) fn run(command: &Keys) -> anyhow::Result<Answer> {
    let Keys::Generate { id } = command;
    let line = Vault::generate_key(id.as_deref())?;
    say!("{}", line.expose_secret())?;
    Ok(Answer::Yes)
}

fn key_id(text: &str) -> Result<String, String> {
    let refusal = || "an id is 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'".to_owned();
    if is_key_id(text) { Ok(text.to_owned()) } else { Err(refusal()) }
}
