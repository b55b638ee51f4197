//! An outage as events tell of it, and as wanted state keeps it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    fields::{Fields, ID, NAME, TEXT},
    refusal::Problem,
    subject::Verb,
};

/// Entries of an area's list of zones.
const AREA_ZONES: usize = 1_000;

/// What an outage's newest event wants shown: the body of its row in the store (`body_format` 1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WantedOutage {
    /// The card's title.
    pub title: String,
    /// Where it stands. An `outage.restored` event makes it `restored`, whatever else its data says, unless it is cancelled.
    pub status: OutageStatus,
    /// How many customers are without supply.
    pub customers_affected: u64,
    /// What is out.
    pub utility_type: UtilityType,
    /// How bad it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// More text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<Area>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DateTime<Utc>>,
    /// Until when, as far as is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_restoration_at: Option<DateTime<Utc>>,
    /// When supply came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_at: Option<DateTime<Utc>>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Whether it was announced beforehand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<bool>,
    /// Link back to the outage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Key of the Teams channel to post to; without it the routing rules choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// Where an outage is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Area {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Zones of Argus, by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zone_ids: Vec<String>,
}

/// Where an outage stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the words are the contract's")]
pub enum OutageStatus {
    Reported,
    Investigating,
    CrewAssigned,
    CrewOnSite,
    PartiallyRestored,
    Restored,
    Cancelled,
}

/// How bad an outage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the words are the contract's")]
pub enum Severity {
    Minor,
    Moderate,
    Major,
    Critical,
}

/// What a network carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the words are the contract's")]
pub enum UtilityType {
    Electricity,
    Gas,
    Water,
    Wastewater,
    Heat,
    Telecom,
    Other,
}

/// Reads what an outage event wants shown.
pub(super) fn read(data: &Fields<'_>, verb: Verb) -> Result<WantedOutage, Problem> {
    let status = data.word("status")?.ok_or_else(|| data.missing("status"))?;
    let over = verb == Verb::Restored && status != OutageStatus::Cancelled;
    Ok(WantedOutage {
        title: data.required_text("title", NAME)?,
        status: if over { OutageStatus::Restored } else { status },
        customers_affected: data.integer("customersAffected")?.ok_or_else(|| data.missing("customersAffected"))?,
        utility_type: data.word("utilityType")?.ok_or_else(|| data.missing("utilityType"))?,
        severity: data.word("severity")?,
        description: data.kept_text("description", TEXT)?,
        area: data.object("area")?.map(|fields| area(&fields)).transpose()?,
        started_at: data.instant("startedAt")?,
        estimated_restoration_at: data.instant("estimatedRestorationAt")?,
        restored_at: data.instant("restoredAt")?,
        cause: data.kept_text("cause", TEXT)?,
        planned: data.boolean("planned")?,
        url: data.link("url")?,
        channel: data.id("channel")?,
    })
}

fn area(fields: &Fields<'_>) -> Result<Area, Problem> {
    let zones = fields.array("zoneIds", AREA_ZONES)?;
    let zone_ids = zones.iter().enumerate().map(|(index, zone)| zone_id(fields, index, zone)).collect::<Result<_, _>>()?;
    Ok(Area { name: fields.kept_text("name", NAME)?, zone_ids })
}

fn zone_id(area: &Fields<'_>, index: usize, value: &Value) -> Result<String, Problem> {
    let sane = |id: &&str| !id.trim().is_empty() && id.chars().count() <= ID && !id.chars().any(char::is_control);
    value.as_str().filter(sane).map(str::to_owned).ok_or_else(|| Problem {
        pointer: Some(format!("{}/{index}", area.pointer("zoneIds"))),
        ..area.problem_here("must be an id of 1 to 128 characters")
    })
}
