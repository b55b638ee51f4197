//! `audit.*`: how often the chains are checked, and signed checkpoints of them.

use std::{path::PathBuf, time::Duration};

use super::{SettingsError, values::Values};

/// Checks of the audit chains, and checkpoints.
#[derive(Debug, Clone)]
pub struct Audit {
    /// Time between checks of every chain; each sound one gets a checkpoint then.
    pub interval: Duration,
    /// The Ed25519 key that signs checkpoints, PEM (PKCS #8). Without it there are none.
    pub checkpoint_key_file: Option<PathBuf>,
    /// Where checkpoints are appended, one a line.
    pub checkpoint_file: Option<PathBuf>,
}

impl Audit {
    pub(super) fn from(values: &Values) -> Result<Self, SettingsError> {
        let audit = Self {
            interval: values.duration("audit.interval", Duration::from_secs(1), Duration::from_hours(24))?,
            checkpoint_key_file: values.path("audit.checkpoint_key_file"),
            checkpoint_file: values.path("audit.checkpoint_file"),
        };
        if audit.checkpoint_file.is_some() && audit.checkpoint_key_file.is_none() {
            return Err(SettingsError::new("audit.checkpoint_file", "needs audit.checkpoint_key_file, the key that signs"));
        }
        Ok(audit)
    }
}
