//! Files with secrets that more people may read than need to.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use super::Settings;

/// Others may do anything with it, or its group may change it. The group may read: that is how an orchestrator hands a secret to a process
/// that is not root (Kubernetes with `fsGroup`: 0440).
const TOO_OPEN: u32 = 0o027;

/// A file with a secret that is too open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExposedFile {
    /// The setting that names it, or that stands in it.
    pub key: &'static str,
    /// Where it is.
    pub path: PathBuf,
    /// Its permissions, as `chmod` takes them.
    pub mode: u32,
}

impl ExposedFile {
    /// The permissions as people write them: `0644`.
    pub fn mode_text(&self) -> String {
        format!("{:04o}", self.mode)
    }
}

/// What `chmod` would set instead.
pub const CLOSED: &str = "0400";

impl Settings {
    /// Files with a master key, a password or a shared secret that others may read or change. A file that cannot be looked at is
    /// left out: whoever uses it says what is wrong with it.
    pub fn exposed_files(&self) -> Vec<ExposedFile> {
        let look = |(key, path): &(&'static str, PathBuf)| {
            let mode = fs::metadata(path).ok()?.permissions().mode() & 0o7777;
            (mode & TOO_OPEN != 0).then(|| ExposedFile { key, path: path.clone(), mode })
        };
        self.secret_files.iter().filter_map(look).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Sources;

    fn found(setting: &str, mode: u32) -> Vec<(&'static str, String)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let sources = Sources::default().with(setting, &path.display().to_string());
        let exposed = Settings::load(&sources).unwrap().exposed_files();
        assert!(exposed.iter().all(|file| file.path == path));
        exposed.iter().map(|file| (file.key, file.mode_text())).collect()
    }

    #[test]
    fn a_key_ring_that_others_may_read_or_its_group_may_change_is_exposed() {
        for open in [0o644, 0o604, 0o444, 0o602, 0o620, 0o660, 0o777, 0o601] {
            assert_eq!(found("vault.keyring_file", open), [("vault.keyring", format!("{open:04o}"))]);
        }
        for closed in [0o400, 0o600, 0o440, 0o640, 0o700] {
            assert_eq!(found("vault.keyring_file", closed), []);
        }
    }

    #[test]
    fn every_file_that_holds_a_secret_is_looked_at() {
        for (setting, key) in
            [("nats.credentials_file", "nats.credentials_file"), ("audit.checkpoint_key_file", "audit.checkpoint_key_file")]
        {
            assert_eq!(found(setting, 0o644), [(key, "0644".to_owned())]);
        }
        assert_eq!(found("nats.ca_file", 0o644), [], "an authority's certificate is no secret");
    }

    #[test]
    fn a_settings_file_is_a_secret_when_a_secret_stands_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("argus-m365.toml");
        let exposed = |text: &str| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            let keys = Settings::load(&Sources::find(Some(&path), []).unwrap()).unwrap().exposed_files();
            keys.iter().map(|file| file.key).collect::<Vec<_>>()
        };
        let ring = "[vault]\nkeyring = \"k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"\n";
        assert_eq!(exposed(ring), ["vault.keyring"]);
        assert_eq!(exposed("[database]\nurl = \"postgres://argus:geheim@db/argus\"\n"), ["database.url"]);
        assert_eq!(exposed("[database]\nurl = \"sqlite://argus.db\"\n[nats]\nurl = \"nats://localhost\"\n"), [""; 0]);
    }
}
