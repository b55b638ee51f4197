//! The connection to NATS.

use std::time::Duration;

use anyhow::Context as _;
use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use percent_encoding::percent_decode_str;
use secrecy::ExposeSecret as _;

use crate::settings::Nats;

/// The longest pause between two tries to reach a server: events wait no longer than that once it is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Where the broker sends what it answers, events above all.
const INBOX: &str = "_INBOX_ARGUS_M365";

/// Connects in the background: a broker that is away at start is waited for, as one that goes away later is.
pub async fn connect(settings: &Nats) -> anyhow::Result<Client> {
    let mut options = ConnectOptions::new()
        .name("argus-m365")
        // Every organisation's events come to it: nobody else who may listen to `_INBOX.>` is to hear them.
        .custom_inbox_prefix(INBOX)
        .retry_on_initial_connect()
        .reconnect_delay_callback(|attempts| Duration::from_millis(1 << attempts.min(10)).min(LONGEST_PAUSE))
        .event_callback(|event| async move { told(&event) });
    if let Some(file) = &settings.credentials_file {
        options = options.credentials_file(file).await.context("nats.credentials_file")?;
    }
    if let Some(file) = &settings.ca_file {
        options = options.add_root_certificates(file.clone());
    }
    let servers = settings.url.expose_secret().split(',').map(|server| server.trim().parse());
    let servers: Vec<ServerAddr> = servers.collect::<Result<_, _>>().context("nats.url")?;
    // The client itself does not look at a user in the address.
    if let Some((user, password)) = servers.iter().find_map(user_of) {
        options = options.user_and_password(user, password);
    }
    options.connect(servers).await.context("nats.url")
}

/// `nats://USER:PASSWORD@HOST`, as in every other address.
fn user_of(server: &ServerAddr) -> Option<(String, String)> {
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some((plain(server.username()?), plain(server.password()?)))
}

/// Losing and finding the broker are worth a line; each failed try in between is not.
fn told(event: &Event) {
    match event {
        Event::Connected => tracing::info!("connected to the broker"),
        Event::Disconnected => tracing::warn!("lost the connection to the broker"),
        other => tracing::debug!(event = %other, "broker"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_in_the_address_is_one_to_connect_as() {
        let user = |address: &str| user_of(&address.parse().unwrap());
        assert_eq!(user("nats://kim:s%40fe@127.0.0.1:4222"), Some(("kim".into(), "s@fe".into())));
        assert_eq!(user("tls://127.0.0.1:4222"), None);
        assert_eq!(user("nats://token@127.0.0.1:4222"), None);
    }
}
