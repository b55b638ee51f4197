//! Telling the broker what became of messages, after the commit.

use std::time::Duration;

use async_nats::{
    Client,
    jetstream::{AckKind, Message},
};
use bytes::Bytes;

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

/// Settles messages and waits for the server's confirmation, at most `limit`.
///
/// The last one alone is confirmed, and speaks for all: they leave over one connection, and the server works off what a connection
/// sends, and a consumer's acknowledgements, in the order they come. A confirmation for each costs as much again as reading the event.
///
/// What is not confirmed in time comes again after the consumer's `ack_wait` and is found to be a duplicate: no reason to
/// trouble anybody. `double_ack` of the client would make a new subscription; a request does not.
pub(super) async fn settle(client: &Client, messages: Vec<(Message, Settlement)>, limit: Duration) {
    let count = messages.len();
    match tokio::time::timeout(limit, send(client, messages)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(count, error, "acknowledgements were not confirmed"),
        Err(_) => tracing::debug!(count, "acknowledgements were not confirmed in time"),
    }
}

async fn send(client: &Client, messages: Vec<(Message, Settlement)>) -> Result<(), async_nats::Error> {
    // Only what a consumer delivered can be settled, and that always names where.
    let replies = messages.into_iter().filter_map(|(message, settlement)| Some((message.message.reply?, settlement.payload())));
    let mut replies = replies.peekable();
    while let Some((reply, payload)) = replies.next() {
        if replies.peek().is_some() {
            client.publish(reply, payload).await?;
        } else {
            client.request(reply, payload).await?;
        }
    }
    Ok(())
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
