//! `keys generate`: a new master key for the key ring.

use clap::Subcommand;
use secrecy::ExposeSecret;

use super::failure::Answer;
use crate::vault::Vault;

/// `keys …`
#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// Print one new line for the key ring; changes nothing
    Generate {
        /// The key's name [default: its fingerprint]
        #[arg(long)]
        id: Option<String>,
    },
}

pub(super) fn run(command: &Keys) -> anyhow::Result<Answer> {
    let Keys::Generate { id } = command;
    let line = Vault::generate_key(id.as_deref())?;
    println!("{}", line.expose_secret());
    Ok(Answer::Yes)
}
