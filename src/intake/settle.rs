//! Telling the broker what became of messages, after the commit.

use std::time::Duration;

use async_nats::{
    Client,
    jetstream::{AckKind, Message},
};
use bytes::Bytes;
use futures_util::{StreamExt, future, stream};

/// Confirmations that are waited for at once: 256 gave the best rate that was measured.
const AT_ONCE: usize = 256;

/// What the broker is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Settlement {
    /// Committed: do not deliver it again.
    Ack,
    /// Never deliver it again; the reason appears in the server's advisory.
    Terminate(String),
}

impl Settlement {
    /// The protocol's words. The client's own `AckKind::Term` carries no reason.
    fn payload(&self) -> Bytes {
        match self {
            Self::Ack => Bytes::from_static(b"+ACK"),
            Self::Terminate(reason) => format!("+TERM {reason}").into(),
        }
    }
}

/// Settles messages and waits until the server confirmed each, for at most `limit` altogether.
///
/// What is not confirmed in time comes again after the consumer's `ack_wait` and is found to be a duplicate: no reason to
/// trouble anybody. `double_ack` of the client would make a new subscription for every message; a request does not.
pub(super) async fn settle(client: &Client, messages: Vec<(Message, Settlement)>, limit: Duration) {
    let count = messages.len();
    let requests = stream::iter(messages).map(|(message, settlement)| async move {
        let Some(reply) = message.reply.clone() else { return true };
        client.request(reply, settlement.payload()).await.is_ok()
    });
    let confirmed = requests.buffer_unordered(AT_ONCE).filter(|confirmed| future::ready(*confirmed)).count();
    match tokio::time::timeout(limit, confirmed).await {
        Ok(confirmed) if confirmed == count => {}
        Ok(confirmed) => tracing::debug!(count, confirmed, "some acknowledgements were not confirmed"),
        Err(_) => tracing::debug!(count, "acknowledgements were not confirmed in time"),
    }
}

/// Gives messages back, to be delivered again after what `delay` says for the number of deliveries so far: one that the store
/// can never take comes back less and less often. Not waited for: a message whose return is lost comes again after `ack_wait`.
pub(super) async fn give_back(messages: &[Message], delay: impl Fn(u32) -> Duration) {
    for message in messages {
        let delivered = message.info().ok().and_then(|info| u32::try_from(info.delivered).ok());
        let delay = delay(delivered.unwrap_or(1));
        if let Err(error) = message.ack_with(AckKind::Nak(Some(delay))).await {
            tracing::debug!(%error, "a message was not given back; it comes again by itself");
        }
    }
}
