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

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use secrecy::ExposeSecret;

    use super::*;
    use crate::{
        organisation::OrganisationId,
        store::{ChannelRow, ChannelSender},
    };

    const OLD: &str = "old:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const NEW: &str = "new:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

    fn scope(name: &str) -> OrgScope {
        OrgScope::granted_to_operator(OrganisationId::parse(name).unwrap())
    }

    fn row(vault: &Vault) -> ChannelRow {
        let url = SecretString::from("https://x.api.powerplatform.com/powerautomate?sig=s");
        let sealed = seal(vault, &scope("acme"), "ops", 7, &url).unwrap();
        ChannelRow {
            key: "ops".into(),
            sender: ChannelSender::Webhook,
            team_id: None,
            channel_id: None,
            webhook_host: None,
            secret_version: 7,
            key_id: sealed.key_id,
            sealed_data_key: sealed.data_key,
            sealed_url: sealed.values[0].clone(),
            utility_types: Vec::new(),
            minimum_severity: None,
            time_zone: "UTC".into(),
            updated_at: DateTime::<Utc>::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_url_opens_for_its_own_organisation_channel_and_setting_alone() {
        let vault = Vault::from_keyring(&SecretString::from(OLD)).unwrap();
        let row = row(&vault);
        assert!(open(&vault, &scope("acme"), &row).unwrap().expose_secret().ends_with("sig=s"));
        let others = [ChannelRow { key: "other".into(), ..row.clone() }, ChannelRow { secret_version: 8, ..row.clone() }];
        assert!(others.iter().all(|other| open(&vault, &scope("acme"), other).is_err()));
        assert!(open(&vault, &scope("other"), &row).is_err());
    }

    #[test]
    fn a_rotation_moves_it_under_the_new_key_and_the_old_one_may_go() {
        let vault = Vault::from_keyring(&SecretString::from(OLD)).unwrap();
        let row = row(&vault);
        vault.replace_keyring(&SecretString::from(format!("{OLD}\n{NEW}"))).unwrap();
        let (key_id, sealed_data_key) = rewrap(&vault, &scope("acme"), &row).unwrap();
        assert_eq!((row.key_id.as_str(), key_id.as_str()), ("old", "new"));
        vault.replace_keyring(&SecretString::from(NEW)).unwrap();
        assert!(open(&vault, &scope("acme"), &row).is_err());
        assert!(open(&vault, &scope("acme"), &ChannelRow { key_id, sealed_data_key, ..row }).is_ok());
    }
}
