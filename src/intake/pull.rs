//! One pull: what is there, at once, or the first that comes within a while.

use std::time::Duration;

use async_nats::jetstream::{
    Message,
    consumer::{PullConsumer, pull::Batch},
};
use futures_util::StreamExt;

/// Bytes of one pull: a batch of events at the contract's limit would be 256 MiB. Above the largest message that a server can
/// be set to accept (64 MiB), so that none is ever too large to be pulled.
const BYTES: usize = 72 * 1024 * 1024;
/// How long after its end a pull is waited for before the server counts as gone.
const GRACE: Duration = Duration::from_secs(1);

/// What a pull brought.
#[derive(Debug)]
pub(super) struct Pulled {
    /// In the order of the stream.
    pub(super) messages: Vec<Message>,
    /// What ended it before its time: the consumer, the stream or the server went away.
    pub(super) broken: Option<async_nats::Error>,
}

/// Pulls up to `limit` messages; comes back at once with what is there, else with the first that comes within `wait`.
///
/// A server keeps a pull that says both "no wait" and "expires" open until there is a first message, delivers what it has and
/// ends it, so nothing is ever held here unprocessed. No idle heartbeat: in async-nats 0.51 a heartbeat on a batch is
/// swallowed without asking to be woken again, and the messages after it are not seen until the pull has run out.
///
/// `give_up` ends a pull that has brought nothing yet; one that has is read to its end, or its messages would come again only
/// after the consumer's `ack_wait`.
pub(super) async fn pull(
    consumer: &PullConsumer,
    limit: usize,
    wait: Duration,
    give_up: impl Future<Output = Option<async_nats::Error>>,
) -> Pulled {
    let mut messages = Vec::new();
    let request = consumer.fetch().max_messages(limit).max_bytes(BYTES).expires(wait);
    let mut batch = match request.messages().await {
        Ok(batch) => batch,
        Err(error) => return Pulled { messages, broken: Some(error.into()) },
    };
    let mut upcoming = tokio::select! {
        biased; // a first message that is here must not be dropped
        first = next(&mut batch, wait + GRACE) => first,
        broken = give_up => Err(broken),
    };
    loop {
        match upcoming {
            Ok(message) => messages.push(message),
            Err(broken) => return Pulled { messages, broken },
        }
        // The rest was sent together with the first; it does not trickle.
        upcoming = next(&mut batch, GRACE).await;
    }
}

/// What a pull brings next; `Err` when it is over, with what broke it.
async fn next(batch: &mut Batch, patience: Duration) -> Result<Message, Option<async_nats::Error>> {
    match tokio::time::timeout(patience, batch.next()).await {
        Ok(Some(Ok(message))) => Ok(message),
        Ok(Some(Err(error))) if is_full(&error) => Err(None),
        Ok(Some(Err(error))) => Err(Some(error)),
        Ok(None) => Err(None),
        Err(_) => Err(Some("the server does not answer".into())),
    }
}

/// The pull ended because the next message would have gone over [`BYTES`]. The client has no other sign of it than the text.
fn is_full(error: &async_nats::Error) -> bool {
    error.to_string().contains("MaxBytes")
}
