//! An outage as a caller gives it.

use async_graphql::InputObject;
use serde_json::{Map, Value, json};

use super::{
    super::errors::Refusal,
    scalars::{Instant, Long},
};
use crate::events::{GivenOutage, given_outage};

/// An outage: the fields of an outage event, with the same limits.
#[derive(InputObject)]
pub(super) struct OutageInput {
    /// Its id.
    outage_id: String,
    /// Its version; without one it applies on top of what is wanted now.
    version: Option<Long>,
    /// The card's title.
    title: String,
    /// `reported`, `investigating`, `crewAssigned`, `crewOnSite`, `partiallyRestored`, `restored` or `cancelled`.
    status: String,
    /// How many customers are without supply.
    customers_affected: i32,
    /// `electricity`, `gas`, `water`, `wastewater`, `heat`, `telecom` or `other`.
    utility_type: String,
    /// `minor`, `moderate`, `major` or `critical`.
    severity: Option<String>,
    /// More text.
    description: Option<String>,
    /// Where, for people.
    area: Option<String>,
    /// Since when.
    started_at: Option<Instant>,
    /// Until when, as far as is known.
    estimated_restoration_at: Option<Instant>,
    /// When supply came back.
    restored_at: Option<Instant>,
    /// Why.
    cause: Option<String>,
    /// Whether it was announced beforehand.
    planned: Option<bool>,
    /// Link back to the outage.
    url: Option<String>,
    /// Key of a configured channel; without it the routing rules choose.
    channel: Option<String>,
}

/// The fields that may be refused, as the API names them.
const FIELDS: [&str; 16] = [
    "outageId",
    "version",
    "title",
    "status",
    "customersAffected",
    "utilityType",
    "severity",
    "description",
    "area",
    "startedAt",
    "estimatedRestorationAt",
    "restoredAt",
    "cause",
    "planned",
    "url",
    "channel",
];

impl OutageInput {
    /// The outage, checked as an event's would be.
    pub(super) fn read(self) -> Result<GivenOutage, Refusal> {
        given_outage(&self.into_data()).map_err(|invalid| {
            let top = invalid.field.split('.').next().unwrap_or_default();
            let field = FIELDS.into_iter().find(|field| *field == top).unwrap_or("input");
            Refusal::input(field, invalid.to_string())
        })
    }

    /// In the form of an event's data.
    fn into_data(self) -> Value {
        let instant = |at: Option<Instant>| at.map(|at| at.0.to_rfc3339());
        let all = json!({
            "outageId": self.outage_id, "version": self.version.map(|version| version.0), "title": self.title, "status": self.status,
            "customersAffected": self.customers_affected, "utilityType": self.utility_type, "severity": self.severity,
            "description": self.description, "area": self.area, "startedAt": instant(self.started_at),
            "estimatedRestorationAt": instant(self.estimated_restoration_at), "restoredAt": instant(self.restored_at),
            "cause": self.cause, "planned": self.planned, "url": self.url, "channel": self.channel,
        });
        let Value::Object(all) = all else { return Value::Null };
        Value::Object(all.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>())
    }
}
