//! What stands in the two workers' calendars, read from what the simulator remembers.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::Value;

/// The worker that the first example names.
pub(super) const NIAMH: &str = "niamh@acme-water.example";
/// The worker that the second one names.
pub(super) const OISIN: &str = "oisin@acme-water.example";

/// One event of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    /// Its immutable id.
    pub(super) id: String,
    /// Its subject.
    pub(super) subject: String,
    /// `2026-11-25 08:30`, in its own zone.
    pub(super) start: String,
    /// The same for the end.
    pub(super) end: String,
    /// The zone it was made in.
    pub(super) zone: String,
    /// Our reference, `org/task`.
    pub(super) reference: String,
    /// People invited.
    pub(super) attendees: usize,
}

/// Both calendars at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Calendars {
    /// Niamh's.
    pub(super) niamh: Vec<Standing>,
    /// Oisín's.
    pub(super) oisin: Vec<Standing>,
    /// Whether two events ever carried the same reference at once.
    pub(super) ever_doubled: bool,
}

impl Calendars {
    /// Reads a tenant's state.
    pub(super) fn read(state: &Value) -> Self {
        let copied = |name| mailbox(state, name)["copies"].as_array().is_none_or(|copies| !copies.is_empty());
        Self { niamh: events(state, NIAMH), oisin: events(state, OISIN), ever_doubled: copied(NIAMH) || copied(OISIN) }
    }

    /// Events of one task, in both calendars.
    pub(super) fn of_task(&self, reference: &str) -> Vec<&Standing> {
        self.niamh.iter().chain(&self.oisin).filter(|event| event.reference == reference).collect()
    }

    /// As shown to people.
    pub(super) fn cells(&self) -> [(&'static str, Vec<String>); 2] {
        let lines = |events: &[Standing]| events.iter().map(Standing::line).collect();
        [("Niamh's calendar", lines(&self.niamh)), ("Oisín's calendar", lines(&self.oisin))]
    }
}

impl Standing {
    fn line(&self) -> String {
        let part = |text: &str, from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
        format!("{} {}-{} {}", part(&self.start, 5, 10), part(&self.start, 11, 16), part(&self.end, 11, 16), self.subject)
    }
}

fn mailbox<'a>(state: &'a Value, name: &str) -> &'a Value {
    let mailboxes = state["mailboxes"].as_array();
    mailboxes.and_then(|all| all.iter().find(|mailbox| mailbox["userPrincipalName"] == name)).unwrap_or(&Value::Null)
}

fn events(state: &Value, name: &str) -> Vec<Standing> {
    mailbox(state, name)["events"].as_array().into_iter().flatten().map(standing).collect()
}

fn standing(event: &Value) -> Standing {
    let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let start = text("startWall").parse::<NaiveDateTime>().unwrap_or_default();
    let instant = |name: &str| event[name].as_str().and_then(|text| text.parse::<DateTime<Utc>>().ok()).unwrap_or_default();
    Standing {
        id: text("immutableId"),
        subject: text("subject"),
        start: minute(start),
        end: minute(start + (instant("end") - instant("start"))),
        zone: text("startZone"),
        reference: event["extended"][0][1].as_str().unwrap_or_default().to_owned(),
        attendees: event["graph"]["attendees"].as_array().map_or(0, Vec::len),
    }
}

fn minute(wall: NaiveDateTime) -> String {
    wall.format("%Y-%m-%d %H:%M").to_string()
}
