//! A webhook's URL as a sealed value, and back. Bound to purpose, organisation, channel and setting.

use secrecy::SecretString;

use crate::{
    organisation::OrgScope,
    store::ChannelRow,
    vault::{Binding, Sealed, Vault, VaultError},
};

const PURPOSE: &str = "teams-channel";
const URL: &str = "webhook_url";

pub(super) fn seal(vault: &Vault, scope: &OrgScope, key: &str, version: u64, url: &SecretString) -> Result<Sealed, VaultError> {
    vault.seal(&binding(scope, key, version), &[(URL, url)])
}

pub(super) fn open(vault: &Vault, scope: &OrgScope, row: &ChannelRow) -> Result<SecretString, VaultError> {
    vault.open(&binding(scope, &row.key, row.secret_version), &row.sealed_data_key, URL, &row.sealed_url)
}

/// The newest key's id, and the data key wrapped by it.
pub(super) fn rewrap(vault: &Vault, scope: &OrgScope, row: &ChannelRow) -> Result<(String, Vec<u8>), VaultError> {
    vault.rewrap(&binding(scope, &row.key, row.secret_version), &row.sealed_data_key)
}

fn binding<'a>(scope: &'a OrgScope, key: &'a str, version: u64) -> Binding<'a> {
    Binding { organisation: scope.organisation(), purpose: PURPOSE, record: key, version }
}
