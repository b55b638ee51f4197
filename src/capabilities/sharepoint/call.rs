//! The calls that keep a zone's item right, and what they come back with.

use serde_json::{Map, Value};

use super::content::Content;
use crate::graph::GraphError;

/// One step in the list.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// Finds the items whose match column has this value; asks nobody when the list was read and `known` says so.
    LookUp {
        /// The value, as the column holds it.
        key: Value,
        /// What a complete reading of the list found.
        known: Option<Vec<Found>>,
    },
    /// Reads an item that is known.
    Read {
        /// The generation of the place.
        generation: u64,
        /// Which item.
        item_id: String,
    },
    /// Creates the item.
    Create {
        /// In which generation.
        generation: u64,
        /// What it says.
        content: Content,
    },
    /// Sends what differs.
    Update {
        /// The generation of the place.
        generation: u64,
        /// Which item.
        item_id: String,
        /// The version of it that was compared.
        etag: Option<String>,
        /// What it says afterwards, as far as it is ours.
        content: Content,
        /// What is sent.
        changed: Content,
        /// Whether this marks the zone as gone.
        retires: bool,
    },
    /// Deletes the item.
    Delete {
        /// The generation of the place.
        generation: u64,
        /// Which item.
        item_id: String,
        /// The version of it that was looked at.
        etag: Option<String>,
    },
}

/// What a call came back with.
#[derive(Debug)]
pub struct Answer {
    pub(super) outcome: Result<Reply, GraphError>,
    /// Microsoft's `request-id` of the answer.
    pub(super) request_id: Option<String>,
}

/// What a call that was not refused came back with.
#[derive(Debug)]
pub(super) enum Reply {
    /// Every item with the value.
    Found(Vec<Found>),
    /// The item.
    Item(Found),
    /// The item was created.
    Made {
        /// Its id.
        item_id: String,
        /// Its version.
        etag: Option<String>,
    },
    /// The item was changed.
    Changed {
        /// Its version now.
        etag: Option<String>,
    },
    /// The item was deleted.
    Deleted,
}

/// An item as the list shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its id in the list.
    pub item_id: String,
    /// Its version.
    pub etag: Option<String>,
    /// Values of our columns, by the name they are read under.
    pub values: Map<String, Value>,
}

impl Answer {
    /// Of a call that nobody could make: there is no list.
    pub(super) fn none() -> Self {
        Self { outcome: Ok(Reply::Found(Vec::new())), request_id: None }
    }
}

impl Call {
    /// The generation it works on; a look-up works on all.
    pub(super) fn generation(&self) -> Option<u64> {
        match self {
            Self::LookUp { .. } => None,
            Self::Read { generation, .. }
            | Self::Create { generation, .. }
            | Self::Update { generation, .. }
            | Self::Delete { generation, .. } => Some(*generation),
        }
    }
}
