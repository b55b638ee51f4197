//! The fact set: what a reader compares from one card to the next, always in the same order.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::{
    headline::title,
    inert::Line,
    times,
    trim::{self, Budget},
    words,
};
use crate::events::outage::{OutageStatus, WantedOutage};

/// Characters of one zone's id.
const ZONE: usize = 40;

/// Names and values.
pub(super) fn facts(outage: &WantedOutage, zone: Tz, now: DateTime<Utc>, budget: &Budget) -> Vec<(&'static str, String)> {
    let over = matches!(outage.status, OutageStatus::Restored | OutageStatus::Cancelled);
    let line = |text: &Option<String>, limit| {
        text.as_deref().map(Line::of).filter(|line| !line.is_empty()).map(|line| trim::line(&line, limit))
    };
    let area = outage.area.as_ref();
    let expected = outage.estimated_restoration_at.filter(|_| !over);
    let all = [
        ("Title", Some(trim::line(&title(outage), budget.name))),
        ("Status", Some(status(outage))),
        ("Customers affected", Some(words::number(outage.customers_affected))),
        ("Utility", Some(words::utility(outage.utility_type).to_owned())),
        ("Severity", outage.severity.map(|severity| words::severity(severity).to_owned())),
        ("Area", area.and_then(|area| line(&area.name, budget.name))),
        ("Zones", area.and_then(|area| zones(&area.zone_ids, budget.entries))),
        (
            if outage.started_at.is_some_and(|at| at > now) { "Starts" } else { "Started" },
            outage.started_at.map(|at| times::with_hint(at, zone, now)),
        ),
        ("Expected back", expected.map(|at| times::expected(at, zone, now))),
        ("Restored", restored(outage, zone, now)),
        ("Cause", line(&outage.cause, budget.cause)),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn status(outage: &WantedOutage) -> String {
    let words = words::capital(words::status(outage.status));
    let planned = outage.planned == Some(true);
    match outage.status {
        OutageStatus::Restored => format!("✔ {words}"),
        _ if planned => format!("{words} (planned)"),
        _ => words,
    }
}

fn zones(ids: &[String], most: usize) -> Option<String> {
    let ids: Vec<_> = ids.iter().map(|id| Line::of(id)).filter(|id| !id.is_empty()).collect();
    (!ids.is_empty()).then(|| trim::list(&ids, most, ZONE))
}

/// When supply came back, and how long it was away.
fn restored(outage: &WantedOutage, zone: Tz, now: DateTime<Utc>) -> Option<String> {
    let at = outage.restored_at.filter(|_| outage.status == OutageStatus::Restored)?;
    let after = outage.started_at.map(|started| at - started).filter(|span| span.num_minutes() > 0);
    let after = after.map(|span| format!(", after {}", times::span(span)));
    Some(format!("{}{}", times::with_hint(at, zone, now), after.unwrap_or_default()))
}
