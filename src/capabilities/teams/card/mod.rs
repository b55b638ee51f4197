//! The card that people see: an Adaptive Card 1.4 made from an outage. Pure.
//!
//! - Its first line alone tells the story, because a phone's notification shows nothing else.
//! - What an event says stays text: [`inert`] takes the meaning out of Markdown, tags, links and hidden characters.
//! - Severity is a bar and a word, restored is a word in the first place: colour only repeats them.
//! - It is always small enough for every way to Teams: [`size`] measures the heaviest form, [`trim`] shortens.
//!
//! Schema: <https://adaptivecards.io/schemas/1.4.0/adaptive-card.json>; what Teams shows of it:
//! <https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-format>. The `msteams` property is left
//! out (the schema refuses it): the only mention that could come of a card would need it.

mod elements;
mod facts;
mod headline;
mod inert;
mod link;
mod size;
mod summary;
mod times;
mod trim;
mod words;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use self::{
    elements::{fact_set, note, text_block},
    headline::{look, second_line, spoken},
    inert::Line,
    trim::Budget,
};
pub use self::{headline::headline, summary::summary};
use crate::events::outage::WantedOutage;

/// The card of one outage, with times as a clock in `zone` shows them, seen from `now`.
///
/// `marker` is our reference. It stands in the first element's `id`, which no client shows: a channel's messages can be searched
/// for it. Its characters outside `A-Z a-z 0-9 . _ : / -` are left out.
///
/// Always valid against the schema, and always below [28,000 bytes](size) on the wire.
pub fn render(outage: &WantedOutage, zone: Tz, now: DateTime<Utc>, marker: &str) -> Value {
    size::first_that_fits(&Budget::STEPS, |budget| with_budget(outage, zone, now, marker, budget))
}

fn with_budget(outage: &WantedOutage, zone: Tz, now: DateTime<Utc>, marker: &str, budget: &Budget) -> Value {
    let first = headline(outage);
    let mut body = vec![header(outage, &first, marker), fact_set(&facts::facts(outage, zone, now, budget))];
    body.extend(description(outage, budget));
    body.push(note(&format!("As of {}", times::clock(now, zone, now))));
    let mut card = frame(&body, &first, &spoken(outage, &first));
    if let Some(button) = outage.url.as_deref().and_then(link::button) {
        card["actions"] = json!([button]);
    }
    card
}

/// The first lines, on a ground whose colour repeats what they say.
fn header(outage: &WantedOutage, first: &str, marker: &str) -> Value {
    json!({
        "type": "Container",
        "id": elements::marker(marker),
        "style": look(outage),
        "bleed": true,
        "items": [
            text_block(first, json!({ "size": "Large", "weight": "Bolder" })),
            text_block(&second_line(outage), json!({ "spacing": "Small" })),
        ],
    })
}

/// What more there is to say, a block a line: Teams runs lines of one block together.
fn description(outage: &WantedOutage, budget: &Budget) -> Vec<Value> {
    let lines: Vec<Line> = outage.description.as_deref().map(inert::lines).unwrap_or_default();
    let kept = trim::lines(lines, budget.lines, budget.description);
    let spacing = |index| if index == 0 { "Medium" } else { "Small" };
    kept.iter().enumerate().map(|(index, line)| text_block(line, json!({ "spacing": spacing(index) }))).collect()
}

/// A whole card. Hosts that cannot show version 1.4 show `fallbackText`; screen readers of some hosts say `speak`.
fn frame(body: &[Value], fallback: &str, spoken: &str) -> Value {
    json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "lang": "en",
        "fallbackText": fallback,
        "speak": spoken,
        "body": body,
    })
}
