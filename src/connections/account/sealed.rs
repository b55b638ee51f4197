//! A device code or a refresh token as it is kept, and back.

use secrecy::SecretString;

use crate::{
    organisation::OrgScope,
    store::{SealedToken, TeamsAccountRow, TeamsSignInRow},
    vault::{Binding, Vault, VaultError},
};

/// A device code has one version.
const ONLY: u64 = 1;

/// What a value is, and which one: it opens in no other place.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    purpose: &'static str,
    field: &'static str,
    record: &'a str,
    version: u64,
}

impl<'a> Place<'a> {
    /// The device code of a sign-in.
    pub(super) fn code(sign_in: &'a str) -> Self {
        Self { purpose: "teams-sign-in", field: "device_code", record: sign_in, version: ONLY }
    }

    /// A refresh token of an account.
    pub(super) fn token(account: &'a str, version: u64) -> Self {
        Self { purpose: "teams-account", field: "refresh_token", record: account, version }
    }

    fn binding(self, scope: &'a OrgScope) -> Binding<'a> {
        Binding { organisation: scope.organisation(), purpose: self.purpose, record: self.record, version: self.version }
    }
}

/// Seals a value under a data key of its own.
pub(super) fn seal(vault: &Vault, scope: &OrgScope, place: Place<'_>, value: &SecretString) -> Result<SealedToken, VaultError> {
    let sealed = vault.seal(&place.binding(scope), &[(place.field, value)])?;
    let [value] = <[Vec<u8>; 1]>::try_from(sealed.values).map_err(|_| VaultError::UnknownFormat)?;
    Ok(SealedToken { key_id: sealed.key_id, data_key: sealed.data_key, value })
}

/// The device code of a sign-in that waits.
pub(super) fn open_code(vault: &Vault, scope: &OrgScope, row: &TeamsSignInRow) -> Result<SecretString, VaultError> {
    open(vault, scope, Place::code(&row.sign_in_id), &row.code)
}

/// The refresh token of an account that is signed in.
pub(super) fn open_token(vault: &Vault, scope: &OrgScope, row: &TeamsAccountRow) -> Result<SecretString, VaultError> {
    open(vault, scope, Place::token(&row.account_id, row.token_version), &row.token)
}

/// The data key of an account's token, wrapped anew: the new key's id and the new wrapping.
pub(super) fn rewrap_token(vault: &Vault, scope: &OrgScope, row: &TeamsAccountRow) -> Result<(String, Vec<u8>), VaultError> {
    vault.rewrap(&Place::token(&row.account_id, row.token_version).binding(scope), &row.token.data_key)
}

/// The same of a sign-in's device code.
pub(super) fn rewrap_code(vault: &Vault, scope: &OrgScope, row: &TeamsSignInRow) -> Result<(String, Vec<u8>), VaultError> {
    vault.rewrap(&Place::code(&row.sign_in_id).binding(scope), &row.code.data_key)
}

fn open(vault: &Vault, scope: &OrgScope, place: Place<'_>, sealed: &SealedToken) -> Result<SecretString, VaultError> {
    vault.open(&place.binding(scope), &sealed.data_key, place.field, &sealed.value)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::organisation::OrganisationId;

    fn scope(name: &str) -> OrgScope {
        OrgScope::granted_to_operator(OrganisationId::parse(name).unwrap())
    }

    #[test]
    fn a_token_opens_only_as_what_it_is_and_where_it_belongs() {
        let vault = Vault::from_keyring(&Vault::generate_key(Some("k")).unwrap()).unwrap();
        let acme = scope("acme");
        let sealed = seal(&vault, &acme, Place::token("a", 3), &SecretString::from("refresh")).unwrap();
        assert_eq!(open(&vault, &acme, Place::token("a", 3), &sealed).unwrap().expose_secret(), "refresh");
        for place in [Place::token("a", 2), Place::token("b", 3), Place::code("a")] {
            assert!(open(&vault, &acme, place, &sealed).is_err());
        }
        assert!(open(&vault, &scope("other"), Place::token("a", 3), &sealed).is_err());
    }
}
