//! `config check` and `config default`.

use clap::Subcommand;

use super::{
    failure::Answer,
    say::{self, say},
};
use crate::settings::{CLOSED, Settings, SettingsError, Sources, print_defaults};

/// `config …`
#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Validate the settings without connecting anywhere; says what was read from where, never a value
    Check,
    /// Print every key with its default and meaning
    Default,
}

pub(super) fn run(command: &Config, sources: impl FnOnce() -> Result<Sources, SettingsError>) -> anyhow::Result<Answer> {
    match command {
        Config::Default => say::text(&print_defaults())?,
        Config::Check => check(&Settings::load(&sources()?)?)?,
    }
    Ok(Answer::Yes)
}

fn check(settings: &Settings) -> anyhow::Result<()> {
    settings.check_serve()?;
    let vault = settings.vault()?;
    crate::vault::Vault::from_keyring(&vault.keyring)
        .map_err(|error| SettingsError { key: "vault.keyring".to_owned(), problem: error.to_string() })?;
    say!("the settings are valid")?;
    for (key, origin) in settings.origins() {
        say!("  {key:<32} from {origin}")?;
    }
    for file in settings.exposed_files() {
        say!(
            "  warning: {}: {} has mode {}; only its owner should read it ({CLOSED})",
            file.key,
            file.path.display(),
            file.mode_text()
        )?;
    }
    say!("  everything else is at its default; `argus-m365 config default` lists it")?;
    Ok(())
}
