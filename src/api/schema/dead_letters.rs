//! What was set aside for a person.

use async_graphql::{Context, ID, Object, Result, SimpleObject};
use serde_json::Value;

use super::{
    super::{auth::Permission, caller::Caller, errors::Refusal},
    page::{self, List, Listed, count},
    scalars::Instant,
    words::Capability,
};
use crate::store::{DeadLetterFilter, DeadLetterRow};

/// An event or a delivery that needs a person.
#[derive(SimpleObject)]
pub(super) struct DeadLetter {
    /// Its id.
    id: ID,
    /// The capability that was to deliver it; null for an event that could not be read.
    capability: Option<Capability>,
    /// `INVALID_DATA`, `MAILBOX_NOT_FOUND`, …
    code: String,
    /// In words.
    message: String,
    /// JSON pointer into the event's envelope.
    pointer: Option<String>,
    /// The id of the task, outage or zone.
    key: Option<String>,
    /// Attempts made.
    attempts: i32,
    /// Microsoft's `request-id`.
    graph_request_id: Option<String>,
    /// The event's envelope, or its bytes as `{"base64": …}` when they are not JSON.
    payload: Option<Value>,
    /// When it first failed.
    first_failed_at: Instant,
    /// When it was set aside.
    dead_at: Instant,
    /// How often it was replayed.
    replays: i32,
}

impl Listed for DeadLetter {
    const NAME: &'static str = "DeadLetter";
}

impl From<DeadLetterRow> for DeadLetter {
    fn from(row: DeadLetterRow) -> Self {
        let letter = row.letter;
        Self {
            id: letter.id.into(),
            capability: letter.capability.map(Into::into),
            code: letter.code,
            message: letter.message,
            pointer: letter.pointer,
            key: letter.object.map(|(_, key)| key),
            attempts: count(letter.attempts.into()),
            graph_request_id: letter.graph_request_id,
            payload: letter.payload.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text))),
            first_failed_at: letter.first_failed_at.into(),
            dead_at: row.dead_at.into(),
            replays: count(row.replays.into()),
        }
    }
}

/// `deadLetters`.
#[derive(Default)]
pub(super) struct DeadLetterQuery;

#[Object]
impl DeadLetterQuery {
    /// What was set aside, newest first.
    #[graphql(guard = "Permission::Read")]
    async fn dead_letters(
        &self,
        context: &Context<'_>,
        capability: Option<Capability>,
        code: Option<String>,
        #[graphql(default_with = "Some(50)")] first: Option<i32>,
        after: Option<String>,
    ) -> Result<List<DeadLetter>> {
        let page = page::request(first, after)?;
        let filter = DeadLetterFilter { capability: capability.map(Into::into), code };
        let records = super::records(context)?;
        let rows = records.dead_letters(Caller::of(context)?.scope(), filter, page).await.map_err(Refusal::from)?;
        Ok(List::of(rows, DeadLetter::from))
    }
}
