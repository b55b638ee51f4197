//! Whether there is a connection to the broker. The client tells nobody when it has reconnected, so it is looked at.

use std::{sync::atomic::Ordering, time::Duration};

use async_nats::{Client, connection::State};
use tokio::time::sleep;

/// How often somebody who waits looks at the connection.
pub(super) const CHECK: Duration = Duration::from_millis(250);

/// Whether the connection stands, as far as the client knows: it may take a moment to notice that it does not.
pub(super) fn stands(client: &Client) -> bool {
    client.connection_state() == State::Connected
}

/// How often a connection was made so far: moves with each new one.
pub(crate) fn made(client: &Client) -> u64 {
    client.statistics().connects.load(Ordering::Relaxed)
}

/// Ends when a connection was made after `before`, a number that [`made`] gave: what failed on the old one is worth trying
/// again now, however long the pause was to be.
pub(crate) async fn made_anew(client: &Client, before: u64) {
    while made(client) == before {
        sleep(CHECK).await;
    }
}

/// Ends when the connection does not stand any more: what was asked on it will not be answered.
pub(super) async fn lost(client: &Client) {
    while stands(client) {
        sleep(CHECK).await;
    }
}
