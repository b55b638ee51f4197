//! A list as an administrator names it, before it is looked for. Pure.

use serde::{Deserialize, Serialize};

use super::target::Retire;

/// What `setZoneTarget` and a publication's own target say, in their words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetRequest {
    /// A site id (`hostname,siteCollectionGuid,webGuid`), `hostname:/path`, a hostname or `root`.
    pub site: String,
    /// The list's id or title.
    pub list: String,
    /// The column that finds a zone's item, by display or internal name.
    pub match_column: String,
    /// The zone's field in it.
    pub match_field: String,
    /// What else goes where.
    pub fields: Vec<FieldRequest>,
    /// What becomes of the items of zones that are gone.
    pub retire: Retire,
    /// The column that marks them.
    #[serde(default)]
    pub retire_column: Option<String>,
}

/// A field of a zone and a column, by display or internal name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldRequest {
    /// `zoneId`, `name`, …, `attributes.<name>`.
    pub zone_field: String,
    /// The column.
    pub column: String,
}
