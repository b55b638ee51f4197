//! What a publication was asked for: the input of its operation.

use serde::{Deserialize, Serialize};

use crate::{capabilities::sharepoint::request::TargetRequest, events::zone::WantedZone};

/// What `publishZones` asks for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PublishInput {
    /// A list for this publication alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetRequest>,
    /// The zones to publish; all that are kept without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<String>>,
    /// In a dry run, what was given of them: it is compared and not kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<GivenZone>,
}

impl PublishInput {
    /// All that are kept, to the list that is set.
    pub(super) fn everything() -> serde_json::Value {
        serde_json::json!({})
    }
}

/// A zone that was given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GivenZone {
    /// Its id.
    pub zone_id: String,
    /// Its version, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// What it should be.
    pub wanted: WantedZone,
}
