//! Secrets at rest: a data key per record, wrapped by the newest key of the ring; every value bound to where it belongs.
//!
//! ```text
//! key ring (a file)  ──wraps──>  data key (one a record and secret version)  ──seals──>  each value of the record
//! ```
//!
//! - `keyring` reads the ring and makes keys.
//! - `envelope` writes and reads the bytes that are stored, and the associated data that binds them.
//! - `seal` is the only file that calls the cipher (AES-256-GCM).
//!
//! A new key takes over by being appended to the ring; [`Vault::rewrap`] then moves a record under it without touching the
//! record's values. What this cannot notice is a whole row put back as it once was: the audit chain is there for that.

mod envelope;
mod keyring;
mod seal;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arc_swap::ArcSwap;
use secrecy::{ExposeSecret, SecretString};

pub(crate) use self::envelope::is_key_id;
use self::{envelope::Envelope, keyring::KeyRing, seal::DataKey};
use crate::organisation::OrganisationId;

/// What a sealed value is bound to: opened with any other binding, it fails.
#[derive(Debug, Clone, Copy)]
pub struct Binding<'a> {
    /// Whose it is.
    pub organisation: &'a OrganisationId,
    /// What it is for (`connection`).
    pub purpose: &'static str,
    /// The record's id.
    pub record: &'a str,
    /// The record's secret version.
    pub version: u64,
}

/// A record's data key, wrapped, and its values, sealed, in the order given.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// The key of the ring that wraps the data key.
    pub key_id: String,
    /// The wrapped data key.
    pub data_key: Vec<u8>,
    /// The sealed values.
    pub values: Vec<Vec<u8>>,
}

/// Why a value could not be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The ring has no such key.
    #[error("the key ring has no key {0:?}")]
    UnknownKey(String),
    /// The value is not one of ours, was changed, or belongs elsewhere.
    #[error("a sealed value does not belong here or was changed")]
    Refused,
    /// The value names a format this release does not read.
    #[error("a sealed value has an unknown format")]
    UnknownFormat,
    /// The machine gave no randomness.
    #[error("the operating system gave no randomness")]
    NoRandomness,
    /// The ring's text cannot be read.
    #[error("key ring, line {line}: {problem}")]
    KeyRing {
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it; never the key.
        problem: &'static str,
    },
}

/// Seals and opens. Cheap to clone; the ring can be exchanged while it is in use.
#[derive(Clone, Debug)]
pub struct Vault {
    ring: Arc<ArcSwap<KeyRing>>,
}

impl Vault {
    /// From the ring's text: lines `ID:BASE64(32 bytes)`; the last one seals, all open.
    pub fn from_keyring(text: &SecretString) -> Result<Self, VaultError> {
        let ring = KeyRing::parse(text.expose_secret())?;
        Ok(Self { ring: Arc::new(ArcSwap::from_pointee(ring)) })
    }

    /// Takes a new ring into use; the old one stays when the text cannot be read.
    pub fn replace_keyring(&self, text: &SecretString) -> Result<(), VaultError> {
        self.ring.store(Arc::new(KeyRing::parse(text.expose_secret())?));
        Ok(())
    }

    /// The ids of the ring's keys, oldest first.
    pub fn key_ids(&self) -> Vec<String> {
        self.ring.load().ids().map(str::to_owned).collect()
    }

    /// Seals the values of one record under a new data key.
    pub fn seal(&self, binding: &Binding<'_>, values: &[(&'static str, &SecretString)]) -> Result<Sealed, VaultError> {
        let data_key = DataKey::generate()?;
        let ring = self.ring.load();
        let (key_id, data_key_wrapped) = data_key.wrap(binding, ring.newest())?;
        let values = values
            .iter()
            .map(|(field, value)| data_key.seal(binding, field, value.expose_secret().as_bytes()))
            .collect::<Result<_, _>>()?;
        Ok(Sealed { key_id, data_key: data_key_wrapped, values })
    }

    /// Opens one value of a record.
    pub fn open(
        &self,
        binding: &Binding<'_>,
        data_key: &[u8],
        field: &'static str,
        sealed: &[u8],
    ) -> Result<SecretString, VaultError> {
        self.unwrap_data_key(binding, data_key)?.open(binding, field, sealed)
    }

    /// Wraps a record's data key anew, under the newest key of the ring: the new key's id and the new wrapping. The record's
    /// values stay valid as they are, so that a rotation rewrites one small column a record.
    pub fn rewrap(&self, binding: &Binding<'_>, data_key: &[u8]) -> Result<(String, Vec<u8>), VaultError> {
        self.unwrap_data_key(binding, data_key)?.wrap(binding, self.ring.load().newest())
    }

    /// A new line for the ring: `ID:BASE64`. The id is the key's fingerprint when none is given; an id that the ring would not
    /// read is [`VaultError::KeyRing`].
    pub fn generate_key(id: Option<&str>) -> Result<SecretString, VaultError> {
        keyring::generate(id)
    }

    fn unwrap_data_key(&self, binding: &Binding<'_>, wrapped: &[u8]) -> Result<DataKey, VaultError> {
        let envelope = Envelope::read(wrapped)?;
        let ring = self.ring.load();
        let key = ring.find(envelope.key_id).ok_or_else(|| VaultError::UnknownKey(envelope.key_id.to_owned()))?;
        DataKey::unwrap(binding, key, &envelope)
    }
}
