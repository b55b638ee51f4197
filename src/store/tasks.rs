//! Reading objects back: a task's delivery as people see it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Kind, Page, PageRequest, Store, StoreError};
use crate::{
    capabilities::{Place, Version},
    organisation::OrgScope,
};

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// Due, waiting or being worked on.
    Pending,
    /// As wanted.
    Settled,
    /// Sent, the answer lost, not settled by a look-up yet.
    Unknown,
    /// Waits for a connection (none, or a disabled one). Derived, not stored.
    Blocked,
    /// Needs a person.
    Dead,
}

impl DeliveryState {
    /// The stored and published word.
    pub fn label(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Settled => "settled",
            Self::Unknown => "unknown",
            Self::Blocked => "blocked",
            Self::Dead => "dead",
        }
    }
}

/// What last went wrong with a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryError {
    /// `MAILBOX_NOT_FOUND`, or Microsoft's code.
    pub code: String,
    /// In words.
    pub message: String,
    /// Microsoft's `request-id`.
    pub graph_request_id: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// An object as people see it.
#[derive(Debug, Clone)]
pub struct ObjectRow {
    /// Its id.
    pub key: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// The wanted version.
    pub version: Version,
    /// The version that stands.
    pub settled: Option<Version>,
    /// The wanted state as JSON.
    pub body: String,
    /// Its form.
    pub body_format: u16,
    /// Remote items.
    pub places: Vec<Place>,
    /// Attempts on the wanted version.
    pub attempts: u32,
    /// When it is tried again, if it waits.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// What last went wrong.
    pub last_error: Option<DeliveryError>,
    /// When the row last changed.
    pub updated_at: DateTime<Utc>,
}

impl Store {
    /// One object.
    pub async fn object(&self, _scope: &OrgScope, _kind: Kind, _key: &str) -> Result<Option<ObjectRow>, StoreError> {
        unimplemented!()
    }

    /// Objects of a kind by id.
    pub async fn objects(
        &self,
        _scope: &OrgScope,
        _kind: Kind,
        _state: Option<DeliveryState>,
        _page: PageRequest,
    ) -> Result<Page<ObjectRow>, StoreError> {
        unimplemented!()
    }
}
