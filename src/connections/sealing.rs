//! The registration as a sealed row, and back.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};

use super::registration::Checked;
use crate::{
    graph::{Access, Credential},
    organisation::OrgScope,
    store::{ConnectionRow, ConnectionState, CredentialKind},
    vault::{Binding, Vault, VaultError},
};

const PURPOSE: &str = "connection";
const DIRECTORY_ID: &str = "directory_id";
const APPLICATION_ID: &str = "application_id";
const CREDENTIAL: &str = "credential";

/// What tells one registration from every other.
pub(super) struct Numbers {
    pub(super) connection_id: String,
    pub(super) epoch: u64,
    pub(super) secret_version: u64,
    pub(super) registered_at: DateTime<Utc>,
}

/// Seals a registration into a row that nobody has tested yet.
pub(super) fn seal(
    vault: &Vault,
    scope: &OrgScope,
    numbers: Numbers,
    checked: &Checked,
    now: DateTime<Utc>,
) -> Result<ConnectionRow, VaultError> {
    let binding = binding(scope, &numbers.connection_id, numbers.secret_version);
    let credential = match &checked.credential {
        Credential::Secret(text) | Credential::Certificate(text) => text,
    };
    let directory_id = SecretString::from(checked.directory_id.clone());
    let application_id = SecretString::from(checked.application_id.clone());
    let sealed =
        vault.seal(&binding, &[(DIRECTORY_ID, &directory_id), (APPLICATION_ID, &application_id), (CREDENTIAL, credential)])?;
    let [sealed_directory_id, sealed_application_id, sealed_credential] =
        <[Vec<u8>; 3]>::try_from(sealed.values).map_err(|_| VaultError::UnknownFormat)?;
    Ok(ConnectionRow {
        connection_id: numbers.connection_id,
        epoch: numbers.epoch,
        secret_version: numbers.secret_version,
        cloud: checked.cloud,
        credential_kind: checked.kind,
        credential_hint: checked.hint.clone(),
        secret_expires_at: checked.secret_expires_at,
        key_id: sealed.key_id,
        sealed_data_key: sealed.data_key,
        sealed_directory_id,
        sealed_application_id,
        sealed_credential,
        state: ConnectionState::Unverified,
        state_reason: None,
        registered_at: numbers.registered_at,
        updated_at: now,
        last_test: None,
    })
}

/// The names in a row: directory id, then application id.
pub(super) fn open_names(vault: &Vault, scope: &OrgScope, row: &ConnectionRow) -> Result<(String, String), VaultError> {
    let open = |field, value: &[u8]| {
        let binding = binding(scope, &row.connection_id, row.secret_version);
        vault.open(&binding, &row.sealed_data_key, field, value).map(|text| text.expose_secret().to_owned())
    };
    Ok((open(DIRECTORY_ID, &row.sealed_directory_id)?, open(APPLICATION_ID, &row.sealed_application_id)?))
}

/// Everything in a row that a session with Microsoft needs.
pub(super) fn open(vault: &Vault, scope: &OrgScope, row: &ConnectionRow) -> Result<Access, VaultError> {
    let (directory_id, application_id) = open_names(vault, scope, row)?;
    let binding = binding(scope, &row.connection_id, row.secret_version);
    let credential = vault.open(&binding, &row.sealed_data_key, CREDENTIAL, &row.sealed_credential)?;
    Ok(Access {
        organisation: scope.organisation().clone(),
        connection_id: row.connection_id.clone(),
        secret_version: row.secret_version,
        cloud: row.cloud,
        directory_id,
        application_id,
        credential: match row.credential_kind {
            CredentialKind::Secret => Credential::Secret(credential),
            CredentialKind::Certificate => Credential::Certificate(credential),
        },
    })
}

/// A row's data key under the newest key of the ring: that key's id, and the new wrapping.
pub(super) fn rewrap(vault: &Vault, scope: &OrgScope, row: &ConnectionRow) -> Result<(String, Vec<u8>), VaultError> {
    vault.rewrap(&binding(scope, &row.connection_id, row.secret_version), &row.sealed_data_key)
}

fn binding<'a>(scope: &'a OrgScope, connection_id: &'a str, secret_version: u64) -> Binding<'a> {
    Binding { organisation: scope.organisation(), purpose: PURPOSE, record: connection_id, version: secret_version }
}
