//! Secrets at rest: a data key per record, wrapped by the newest key of the ring; every value bound to where it belongs.

use secrecy::SecretString;

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
    _ring: std::sync::Arc<()>,
}

impl Vault {
    /// From the ring's text: lines `ID:BASE64(32 bytes)`; the last one seals, all open.
    pub fn from_keyring(_text: &SecretString) -> Result<Self, VaultError> {
        unimplemented!()
    }

    /// Takes a new ring into use; the old one stays when the text cannot be read.
    pub fn replace_keyring(&self, _text: &SecretString) -> Result<(), VaultError> {
        unimplemented!()
    }

    /// The ids of the ring's keys, oldest first.
    pub fn key_ids(&self) -> Vec<String> {
        unimplemented!()
    }

    /// Seals the values of one record under a new data key.
    pub fn seal(&self, _binding: &Binding<'_>, _values: &[(&'static str, &SecretString)]) -> Result<Sealed, VaultError> {
        unimplemented!()
    }

    /// Opens one value of a record.
    pub fn open(
        &self,
        _binding: &Binding<'_>,
        _data_key: &[u8],
        _field: &'static str,
        _sealed: &[u8],
    ) -> Result<SecretString, VaultError> {
        unimplemented!()
    }

    /// A new line for the ring: `ID:BASE64`. The id is the key's fingerprint when none is given.
    pub fn generate_key(_id: Option<&str>) -> Result<SecretString, VaultError> {
        unimplemented!()
    }
}
