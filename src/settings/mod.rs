//! The settings: one struct a section, read once at start, validated together.
//!
//! Three layers, the later one wins key by key: the defaults of [`keys`], the TOML file, the environment
//! (`ARGUS_M365__SECTION__KEY`). Any text may instead be named by file (`KEY_file`), so that a secret need not stand in either.
//! What is unknown, ill-formed or missing is a [`SettingsError`] that names the key.

mod audit;
mod auth;
mod exposed;
mod keys;
mod logging;
mod microsoft;
mod service;
mod sources;
mod telemetry;
mod values;

use std::path::PathBuf;

pub use audit::Audit;
pub use auth::{Auth, KeySource};
pub use exposed::{CLOSED, ExposedFile};
pub use keys::print_defaults;
pub use logging::{Log, LogFormat};
pub use microsoft::{Calendar, Delivery, Directory, Microsoft, Teams, UnknownPolicy};
pub use service::{Database, Http, Nats, Role, Vault};
pub use sources::Sources;
pub use telemetry::Telemetry;
pub use values::SettingsError;

use values::Values;

/// Everything that can be set. Prints no secret with `{:?}`: those are `SecretString`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the store is.
    pub database: Database,
    /// Where the broker is.
    pub nats: Nats,
    /// The GraphQL API's address and limits.
    pub http: Http,
    /// Where Microsoft 365 is, when it is not where the connection's cloud says.
    pub microsoft: Microsoft,
    /// How fast, how often and how patiently work is delivered.
    pub delivery: Delivery,
    /// Outlook.
    pub calendar: Calendar,
    /// Directory imports.
    pub directory: Directory,
    /// Teams channels.
    pub teams: Teams,
    /// Checks of the audit chains.
    pub audit: Audit,
    /// What is logged, and how.
    pub log: Log,
    /// Where traces go.
    pub telemetry: Telemetry,
    auth: Option<Auth>,
    vault: Option<Vault>,
    origins: Vec<(&'static str, String)>,
    secret_files: Vec<(&'static str, PathBuf)>,
}

impl Settings {
    /// Reads and validates everything that is set. What only some commands need (`auth.*`, `vault.*`) may be missing altogether.
    pub fn load(sources: &Sources) -> Result<Self, SettingsError> {
        let values = Values::read(sources)?;
        let settings = Self {
            database: Database::from(&values)?,
            nats: Nats::from(&values)?,
            http: Http::from(&values)?,
            microsoft: Microsoft::from(&values)?,
            delivery: Delivery::from(&values)?,
            calendar: Calendar::from(&values)?,
            directory: Directory::from(&values)?,
            teams: Teams::from(&values)?,
            audit: Audit::from(&values)?,
            log: Log::from(&values)?,
            telemetry: Telemetry::from(&values)?,
            auth: Auth::from(&values)?,
            vault: Vault::from(&values)?,
            origins: values.origins(),
            secret_files: values.secret_files(sources),
        };
        Ok(settings)
    }

    /// The keys that callers' tokens are checked against; an error when none are set.
    pub fn auth(&self) -> Result<&Auth, SettingsError> {
        self.auth.as_ref().ok_or_else(|| SettingsError::missing("auth.issuer"))
    }

    /// The key ring; an error when there is none.
    pub fn vault(&self) -> Result<&Vault, SettingsError> {
        self.vault
            .as_ref()
            .ok_or_else(|| SettingsError::new("vault.keyring", "is required; `argus-m365 keys generate` makes a line for it"))
    }

    /// Whether `serve` has all it needs.
    pub fn check_serve(&self) -> Result<(), SettingsError> {
        self.auth()?;
        self.vault()?;
        Ok(())
    }

    /// Every key that is not at its default, and where its value came from. Never a value.
    pub fn origins(&self) -> &[(&'static str, String)] {
        &self.origins
    }
}

/// The file that is read when `--config` names none and it is there.
pub(crate) fn default_file() -> PathBuf {
    PathBuf::from("argus-m365.toml")
}

#[cfg(test)]
mod tests;
