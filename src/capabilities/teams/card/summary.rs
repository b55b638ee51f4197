//! The card of a storm: many outages in one, the worst first.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::{
    elements::{self, note, text_block},
    frame,
    headline::place,
    size, times, trim,
    words::{self, customers, number},
};
use crate::events::outage::{OutageStatus, Severity, WantedOutage};

/// Outages listed, from generous to what always fits.
const ROWS: [usize; 4] = [25, 15, 8, 4];
/// Characters of a place in the list.
const PLACE: usize = 60;

/// One card for many outages. `marker` as with [`render`](super::render); the same promises hold.
pub fn summary(outages: &[&WantedOutage], zone: Tz, now: DateTime<Utc>, marker: &str) -> Value {
    let mut sorted = outages.to_vec();
    sorted.sort_by_key(|outage| (over(outage), Reverse(weight(outage)), Reverse(outage.customers_affected)));
    size::first_that_fits(&ROWS, |rows| with_rows(&sorted, *rows, zone, now, marker))
}

fn with_rows(sorted: &[&WantedOutage], rows: usize, zone: Tz, now: DateTime<Utc>, marker: &str) -> Value {
    let first = first_line(sorted);
    let mut body = vec![json!({
        "type": "Container",
        "id": elements::marker(marker),
        "style": "emphasis",
        "bleed": true,
        "items": [text_block(&first, json!({ "size": "Large", "weight": "Bolder" }))],
    })];
    body.extend(sorted.iter().take(rows).map(|outage| text_block(&row(outage), json!({ "spacing": "Small" }))));
    if sorted.len() > rows {
        body.push(text_block(&format!("… and {} more", number((sorted.len() - rows) as u64)), json!({ "spacing": "Small" })));
    }
    body.push(note(&format!("Many changes at once, in one card. As of {}", times::clock(now, zone, now))));
    frame(&body, &first, &format!("{}.", first.replace(" · ", ", ")))
}

/// `12 outages · 8,430 customers · 3 restored`: the customers of those that last.
fn first_line(outages: &[&WantedOutage]) -> String {
    let lasting = outages.iter().filter(|outage| !over(outage)).count();
    let restored = outages.iter().filter(|outage| outage.status == OutageStatus::Restored).count();
    let cancelled = outages.len() - lasting - restored;
    let affected =
        outages.iter().filter(|outage| !over(outage)).fold(0, |sum: u64, outage| sum.saturating_add(outage.customers_affected));
    let outages = if lasting == 1 { "1 outage".to_owned() } else { format!("{} outages", number(lasting as u64)) };
    let mut parts = vec![outages];
    if lasting > 0 {
        parts.push(customers(affected));
    }
    parts.extend((restored > 0).then(|| format!("{} restored", number(restored as u64))));
    parts.extend((cancelled > 0).then(|| format!("{} cancelled", number(cancelled as u64))));
    parts.join(" · ")
}

/// `■■■□ North Ward · 1,240 customers · investigating`.
fn row(outage: &WantedOutage) -> String {
    let mark = match outage.status {
        OutageStatus::Restored => "✔",
        OutageStatus::Cancelled => "–",
        _ => words::bar(weight(outage)),
    };
    let place = trim::line(&place(outage), PLACE);
    format!("{mark} {place} · {} · {}", customers(outage.customers_affected), words::status(outage.status))
}

fn over(outage: &WantedOutage) -> bool {
    matches!(outage.status, OutageStatus::Restored | OutageStatus::Cancelled)
}

/// No severity counts as moderate, as it does for routing.
fn weight(outage: &WantedOutage) -> Severity {
    outage.severity.unwrap_or(Severity::Moderate)
}
