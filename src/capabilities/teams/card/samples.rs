//! Outages for the tests of cards.

use chrono::{DateTime, Utc};

use crate::events::outage::{Area, OutageStatus, Severity, UtilityType, WantedOutage};

/// The instant from which the samples are seen.
pub(super) fn now() -> DateTime<Utc> {
    at("2026-11-24T13:30:00Z")
}

/// An instant.
pub(super) fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

/// The outage of the example.
pub(super) fn north_ward() -> WantedOutage {
    WantedOutage {
        title: "Cable fault at Mill Lane substation".into(),
        status: OutageStatus::Investigating,
        customers_affected: 1_240,
        utility_type: UtilityType::Electricity,
        severity: Some(Severity::Major),
        description: Some("Crews are isolating the fault.\nHospital is on its own supply.".into()),
        area: Some(Area { name: Some("North Ward".into()), zone_ids: vec!["NW-1".into(), "NW-2".into()] }),
        started_at: Some(at("2026-11-24T13:05:00Z")),
        estimated_restoration_at: Some(at("2026-11-24T15:40:00Z")),
        restored_at: None,
        cause: Some("Damaged by excavation".into()),
        planned: None,
        url: Some("https://argus.example/outages/7".into()),
        channel: None,
    }
}
