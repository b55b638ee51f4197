//! The lines that have to be enough: a phone shows the first one alone.

use super::{
    inert::Line,
    trim,
    words::{self, customers},
};
use crate::events::outage::{OutageStatus, Severity, WantedOutage};

/// Characters of the place in the first line.
const PLACE: usize = 60;

/// `Outage · North Ward · 1,240 customers · investigating`. Text without any markup.
pub fn headline(outage: &WantedOutage) -> String {
    let mut parts = vec![event(outage).to_owned(), trim::line(&place(outage), PLACE)];
    let over = matches!(outage.status, OutageStatus::Restored | OutageStatus::Cancelled);
    if !over || outage.customers_affected > 0 {
        parts.push(customers(outage.customers_affected));
    }
    if !over {
        parts.push(words::status(outage.status).to_owned());
    }
    parts.join(" · ")
}

/// What happened, in a word or two.
fn event(outage: &WantedOutage) -> &'static str {
    match (outage.status, outage.planned) {
        (OutageStatus::Restored, _) => "Restored",
        (OutageStatus::Cancelled, _) => "Outage cancelled",
        (_, Some(true)) => "Planned outage",
        _ => "Outage",
    }
}

/// Where; the title when the area has no name.
pub(super) fn place(outage: &WantedOutage) -> Line {
    let name = outage.area.as_ref().and_then(|area| area.name.as_deref());
    name.map(Line::of).filter(|line| !line.is_empty()).unwrap_or_else(|| title(outage))
}

/// The title; one that held nothing to be seen is named as such.
pub(super) fn title(outage: &WantedOutage) -> Line {
    let title = Line::of(&outage.title);
    if title.is_empty() { Line::of("(no title)") } else { title }
}

/// `■■■□ Major · Electricity`.
pub(super) fn second_line(outage: &WantedOutage) -> String {
    let utility = words::utility(outage.utility_type);
    match (outage.status, outage.severity) {
        (OutageStatus::Restored, _) => format!("✔ Supply is back · {utility}"),
        (OutageStatus::Cancelled, _) | (_, None) => utility.to_owned(),
        (_, Some(severity)) => format!("{} {} · {utility}", words::bar(severity), words::severity(severity)),
    }
}

/// The container style whose colour repeats the words.
pub(super) fn look(outage: &WantedOutage) -> &'static str {
    match (outage.status, outage.severity) {
        (OutageStatus::Restored, _) => "good",
        (OutageStatus::Cancelled, _) => "emphasis",
        (_, Some(Severity::Major | Severity::Critical)) => "attention",
        (_, Some(Severity::Moderate) | None) => "warning",
        (_, Some(Severity::Minor)) => "accent",
    }
}

/// The first line as a sentence to listen to.
pub(super) fn spoken(outage: &WantedOutage, first: &str) -> String {
    let utility = words::utility(outage.utility_type);
    let severity = outage.severity.map(|severity| format!(", severity {}", words::severity(severity).to_lowercase()));
    format!("{}. {utility}{}.", first.replace(" · ", ", "), severity.unwrap_or_default())
}
