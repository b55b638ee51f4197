//! An outage as events tell of it, and as wanted state keeps it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    fields::Fields,
    kind::Kind as _,
    kinds::{Boolean, Id, Ids, Instant, Integer, Link, Object, Text, Word, Words},
    limits::{NAME, TEXT},
    refusal::Problem,
    shape::{Optional, Required, Shape, optional, required},
    subject::Verb,
    version::VERSION,
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

impl Words for OutageStatus {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("reported", Self::Reported),
        ("investigating", Self::Investigating),
        ("crewAssigned", Self::CrewAssigned),
        ("crewOnSite", Self::CrewOnSite),
        ("partiallyRestored", Self::PartiallyRestored),
        ("restored", Self::Restored),
        ("cancelled", Self::Cancelled),
    ];
}

impl Words for Severity {
    const WORDS: &'static [(&'static str, Self)] =
        &[("minor", Self::Minor), ("moderate", Self::Moderate), ("major", Self::Major), ("critical", Self::Critical)];
}

impl Words for UtilityType {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("electricity", Self::Electricity),
        ("gas", Self::Gas),
        ("water", Self::Water),
        ("wastewater", Self::Wastewater),
        ("heat", Self::Heat),
        ("telecom", Self::Telecom),
        ("other", Self::Other),
    ];
}

pub(super) const OUTAGE_ID: Required<Id> = required("outageId", Id, "The outage, for ever.");
const TITLE: Required<Text> = required("title", Text(NAME), "The card's title.");
const STATUS: Required<Word<OutageStatus>> =
    required("status", Word::of(), "Where it stands. An event `restored` makes it restored, unless it is cancelled.");
const CUSTOMERS: Required<Integer> = required("customersAffected", Integer, "How many customers are without supply.");
const UTILITY: Required<Word<UtilityType>> = required("utilityType", Word::of(), "What is out.");
const SEVERITY: Optional<Word<Severity>> = optional("severity", Word::of(), "How bad it is. Missing: moderate, for routing.");
const DESCRIPTION: Optional<Text> = optional("description", Text(TEXT), "More text.");
const AREA: Optional<Object> = optional("area", Object(&WHERE), "Where.");
const STARTED: Optional<Instant> = optional("startedAt", Instant, "Since when.");
const ESTIMATED: Optional<Instant> = optional("estimatedRestorationAt", Instant, "Until when, as far as is known.");
const RESTORED: Optional<Instant> = optional("restoredAt", Instant, "When supply came back.");
const CAUSE: Optional<Text> = optional("cause", Text(TEXT), "Why.");
const PLANNED: Optional<Boolean> = optional("planned", Boolean, "Whether it was announced beforehand.");
const LINK: Optional<Link> = optional("url", Link, "Back to the outage; the card's button.");
const CHANNEL: Optional<Id> =
    optional("channel", Id, "Key of the Teams channel to post to. Missing: the channels' own rules choose.");

/// `data` of every event of an outage.
pub(super) static OUTAGE: Shape = Shape::of(&[
    &OUTAGE_ID,
    &VERSION,
    &TITLE,
    &STATUS,
    &CUSTOMERS,
    &UTILITY,
    &SEVERITY,
    &DESCRIPTION,
    &AREA,
    &STARTED,
    &ESTIMATED,
    &RESTORED,
    &CAUSE,
    &PLANNED,
    &LINK,
    &CHANNEL,
]);

const AREA_NAME: Optional<Text> = optional("name", Text(NAME), "For people.");
const ZONE_IDS: Optional<Ids> = optional("zoneIds", Ids(AREA_ZONES), "Zones of Argus, by id.");
static WHERE: Shape = Shape::of(&[&AREA_NAME, &ZONE_IDS]);

/// Reads what an outage event wants shown.
pub(super) fn read(data: &Fields<'_>, verb: Verb) -> Result<WantedOutage, Problem> {
    let status = data.required(&STATUS)?;
    let over = verb == Verb::Restored && status != OutageStatus::Cancelled;
    Ok(WantedOutage {
        title: data.required(&TITLE)?.to_owned(),
        status: if over { OutageStatus::Restored } else { status },
        customers_affected: data.required(&CUSTOMERS)?,
        utility_type: data.required(&UTILITY)?,
        severity: data.optional(&SEVERITY)?,
        description: data.kept(&DESCRIPTION)?,
        area: data.object(&AREA)?.map(|fields| area(&fields)).transpose()?,
        started_at: data.optional(&STARTED)?,
        estimated_restoration_at: data.optional(&ESTIMATED)?,
        restored_at: data.optional(&RESTORED)?,
        cause: data.kept(&CAUSE)?,
        planned: data.optional(&PLANNED)?,
        url: data.kept(&LINK)?,
        channel: data.kept(&CHANNEL)?,
    })
}

fn area(fields: &Fields<'_>) -> Result<Area, Problem> {
    let zones = fields.optional(&ZONE_IDS)?.unwrap_or_default();
    let zone_ids = zones.iter().enumerate().map(|(index, zone)| zone_id(fields, index, zone)).collect::<Result<_, _>>()?;
    Ok(Area { name: fields.kept(&AREA_NAME)?, zone_ids })
}

fn zone_id(area: &Fields<'_>, index: usize, value: &Value) -> Result<String, Problem> {
    Id.read(value).ok().flatten().map(str::to_owned).ok_or_else(|| Problem {
        pointer: Some(format!("{}/{index}", area.pointer("zoneIds"))),
        ..area.problem_here("must be an id of 1 to 128 characters")
    })
}
