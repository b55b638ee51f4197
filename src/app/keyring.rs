//! Taking a changed key ring into use, without a restart: on SIGHUP, and when its file changed.

use std::{path::PathBuf, time::Duration};

use secrecy::SecretString;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::vault::Vault;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(10);

/// Watches the ring's file until `stop`. A ring that cannot be read leaves the old one in use and is told in the log.
pub(super) async fn watch(vault: Vault, file: PathBuf, stop: CancellationToken) {
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => hangup,
        Err(error) => {
            tracing::error!(%error, "cannot listen for SIGHUP; the key ring is not read again");
            return;
        }
    };
    let mut seen = modified(&file).await;
    loop {
        let asked = tokio::select! {
            () = stop.cancelled() => return,
            _ = hangup.recv() => true,
            () = tokio::time::sleep(LOOK) => false,
        };
        let now = modified(&file).await;
        if asked || now != seen {
            seen = now;
            reload(&vault, &file).await;
        }
    }
}

async fn modified(file: &PathBuf) -> Option<std::time::SystemTime> {
    tokio::fs::metadata(file).await.and_then(|metadata| metadata.modified()).ok()
}

async fn reload(vault: &Vault, file: &PathBuf) {
    let text = match tokio::fs::read_to_string(file).await {
        Ok(text) => SecretString::from(text),
        Err(error) => {
            tracing::error!(%error, "cannot read the key ring again; the old one stays in use");
            return;
        }
    };
    match vault.replace_keyring(&text) {
        Ok(()) => tracing::info!(keys = ?vault.key_ids(), "key ring read again"),
        Err(error) => tracing::error!(%error, "the changed key ring cannot be used; the old one stays in use"),
    }
}
