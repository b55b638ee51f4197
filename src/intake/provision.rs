//! Streams and the durable consumer: made when absent, left as they are when present.

use std::{fmt::Display, time::Duration};

use async_nats::jetstream::{
    Context, ErrorCode,
    consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull},
    context::{ConsumerInfoErrorKind, CreateStreamErrorKind, GetStreamErrorKind},
    stream::{self, DiscardPolicy, RetentionPolicy, StorageType, Stream},
};

use super::inspect::{self, Unsafe};

/// A stream that must be there.
#[derive(Debug, Clone)]
pub struct StreamWish {
    /// Its name.
    pub name: String,
    /// What it keeps.
    pub subjects: Vec<String>,
    /// How long, when this process makes it.
    pub max_age: Duration,
    /// On how many servers, when this process makes it: 1, or 3 in a cluster.
    pub replicas: usize,
}

/// A durable consumer that must be there.
#[derive(Debug, Clone)]
pub struct ConsumerWish {
    /// Its name.
    pub durable: String,
    /// What it delivers.
    pub subjects: Vec<String>,
    /// How long a message may be in hand, when this process makes it.
    pub ack_wait: Duration,
    /// How many may be in hand in all replicas together, when this process makes it.
    pub max_ack_pending: i64,
}

/// The broker did not do it.
#[derive(Debug, thiserror::Error)]
#[error("{doing} {name}")]
pub struct ProvisionError {
    /// What was being done.
    doing: &'static str,
    /// To which stream or consumer.
    name: String,
    /// What the broker or the client said.
    #[source]
    source: async_nats::Error,
}

impl ProvisionError {
    fn new(doing: &'static str, name: &str, source: impl Into<async_nats::Error>) -> Self {
        Self { doing, name: name.to_owned(), source: source.into() }
    }
}

/// Finds a stream or makes it; says what is unsafe about one that was there.
pub(crate) async fn stream(context: &Context, wish: &StreamWish) -> Result<(Stream, Vec<Unsafe>), ProvisionError> {
    match context.get_stream(&wish.name).await {
        Ok(stream) => {
            let unsafe_settings = inspect::stream(&stream.cached_info().config, &wish.subjects);
            Ok((stream, unsafe_settings))
        }
        Err(error) if is_absent(&error.kind()) => Ok((create_stream(context, wish).await?, Vec::new())),
        Err(error) => Err(ProvisionError::new("looking for the stream", &wish.name, error)),
    }
}

fn is_absent(kind: &GetStreamErrorKind) -> bool {
    matches!(kind, GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

async fn create_stream(context: &Context, wish: &StreamWish) -> Result<Stream, ProvisionError> {
    let config = stream::Config {
        name: wish.name.clone(),
        subjects: wish.subjects.clone(),
        // Kept on disk, and kept after it was read: reading the stream again is the way to recover.
        storage: StorageType::File,
        retention: RetentionPolicy::Limits,
        max_age: wish.max_age,
        // A full disk or account refuses new events, where their publisher sees it, before it drops old ones unread.
        discard: DiscardPolicy::New,
        duplicate_window: Duration::from_mins(2),
        deny_delete: true,
        deny_purge: true,
        num_replicas: wish.replicas,
        ..Default::default()
    };
    let stream = context.create_stream(config).await;
    let stream = stream.map_err(|error| ProvisionError::new("creating the stream", &wish.name, error))?;
    tracing::info!(stream = wish.name, "created the stream");
    Ok(stream)
}

/// Whether a stream could not be made because another one keeps its subjects already.
pub(crate) fn is_overlap(error: &ProvisionError) -> bool {
    let cause = error.source.downcast_ref::<async_nats::jetstream::context::CreateStreamError>();
    cause.is_some_and(|cause| {
        matches!(cause.kind(), CreateStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_SUBJECT_OVERLAP)
    })
}

/// Finds a durable consumer or makes it; says what is unsafe about one that was there.
pub(crate) async fn consumer(stream: &Stream, wish: &ConsumerWish) -> Result<(PullConsumer, Vec<Unsafe>), ProvisionError> {
    let failed = |source: async_nats::Error| ProvisionError::new("looking for the consumer", &wish.durable, source);
    let unsafe_settings = match stream.consumer_info(&wish.durable).await {
        Ok(info) => inspect::consumer(&info.config, &stream.cached_info().config.subjects, &wish.subjects),
        Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => {
            return Ok((create_consumer(stream, wish).await?, Vec::new()));
        }
        Err(error) => return Err(failed(error.into())),
    };
    Ok((stream.get_consumer(&wish.durable).await.map_err(failed)?, unsafe_settings))
}

async fn create_consumer(stream: &Stream, wish: &ConsumerWish) -> Result<PullConsumer, ProvisionError> {
    let config = pull::Config {
        durable_name: Some(wish.durable.clone()),
        filter_subjects: wish.subjects.clone(),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        ack_wait: wish.ack_wait,
        // Never given up on: what cannot be read is terminated by name, what cannot be committed waits for the store.
        max_deliver: -1,
        max_ack_pending: wish.max_ack_pending,
        ..Default::default()
    };
    let consumer = stream.create_consumer(config).await;
    let consumer = consumer.map_err(|error| ProvisionError::new("creating the consumer", &wish.durable, error))?;
    tracing::info!(consumer = wish.durable, "created the consumer");
    Ok(consumer)
}

/// Logs each unsafe setting once.
pub(crate) fn warn(given: &mut Vec<Unsafe>, of: impl Display, unsafe_settings: Vec<Unsafe>) {
    for found in unsafe_settings {
        if !given.contains(&found) {
            tracing::warn!(name = %of, setting = found.setting, why = found.why, "unsafe setting, left as it is");
            given.push(found);
        }
    }
}
