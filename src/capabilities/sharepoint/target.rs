//! The list that zones are published to, resolved against the real one. Pure.

use serde::{Deserialize, Serialize};

/// A list, its match column, and which field of a zone goes into which column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// `hostname,siteCollectionGuid,webGuid`.
    pub site_id: String,
    /// The list's GUID.
    pub list_id: String,
    /// The field of a zone whose value finds its item.
    pub match_field: String,
    /// The column that holds it.
    pub match_column: Column,
    /// The other columns.
    pub fields: Vec<Mapping>,
    /// What becomes of the items of zones that are gone.
    pub retire: Retire,
    /// The column that marks them.
    pub retire_column: Option<Column>,
}

/// A field of a zone and the column it goes into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mapping {
    /// `zoneId`, `name`, …, `attributes.<name>`.
    pub zone_field: String,
    /// Where its value goes.
    pub column: Column,
}

/// A column as the list describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Column {
    /// The internal name.
    pub name: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether the list has an index on it.
    pub indexed: bool,
    /// Whether the list refuses a value twice.
    pub unique: bool,
}

/// What a column holds, of those that Graph can write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ColumnType {
    /// A single line, at most 255 characters.
    Text,
    /// Several lines.
    MultilineText,
    /// A number.
    Number,
    /// An amount of money.
    Currency,
    /// Yes or no.
    Boolean,
    /// A day or an instant.
    DateTime,
    /// One of several words.
    Choice(Choices),
    /// Some of several words.
    MultiChoice(Choices),
    /// An item of another list, or a person, by number.
    Lookup,
}

/// The words that a choice column offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Choices {
    /// They.
    pub offered: Vec<String>,
    /// Whether others are taken too.
    pub others_allowed: bool,
}

/// What becomes of the items of zones that are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Retire {
    /// They stay.
    Leave,
    /// A column says so.
    Mark,
    /// They are deleted.
    Delete,
}

impl Target {
    /// Names the list among the places of a zone, and as the target of calls: lower-case.
    pub fn key(&self) -> String {
        format!("{}/{}", self.site_id, self.list_id).to_lowercase()
    }
}
