//! What was set aside for a person.

use chrono::{DateTime, Utc};

use super::{Kind, Page, PageRequest, Store, StoreError};
use crate::{capabilities::CapabilityName, events::EventContext, organisation::OrgScope};

/// Something to be set aside.
#[derive(Debug, Clone)]
pub struct NewDeadLetter {
    /// Its id (UUID, sorts by time).
    pub id: String,
    /// The capability, when one was to deliver it.
    pub capability: Option<CapabilityName>,
    /// `INVALID_DATA`, `MAILBOX_NOT_FOUND`, …
    pub code: String,
    /// In words.
    pub message: String,
    /// JSON pointer into the envelope.
    pub pointer: Option<String>,
    /// The object, when it is known.
    pub object: Option<(Kind, String)>,
    /// Attempts made.
    pub attempts: u32,
    /// Microsoft's `request-id`.
    pub graph_request_id: Option<String>,
    /// The event's envelope as JSON when it can be read as such, else its bytes as base64 in `{"base64": …}`.
    pub payload: Option<String>,
    /// The event, when it could be read that far.
    pub context: Option<EventContext>,
    /// When it first failed.
    pub first_failed_at: DateTime<Utc>,
}

/// A dead letter as people see it.
#[derive(Debug, Clone)]
pub struct DeadLetterRow {
    /// As it was set aside.
    pub letter: NewDeadLetter,
    /// When it was set aside.
    pub dead_at: DateTime<Utc>,
    /// How often it was replayed.
    pub replays: u32,
}

/// Which dead letters.
#[derive(Debug, Clone, Default)]
pub struct DeadLetterFilter {
    /// Of one capability.
    pub capability: Option<CapabilityName>,
    /// With one code.
    pub code: Option<String>,
}

impl Store {
    /// Dead letters, newest first.
    pub async fn dead_letters(
        &self,
        _scope: &OrgScope,
        _filter: DeadLetterFilter,
        _page: PageRequest,
    ) -> Result<Page<DeadLetterRow>, StoreError> {
        unimplemented!()
    }
}
