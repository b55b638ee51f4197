//! What stands in the two workers' calendars, read from what the simulator remembers.

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
    /// `2026-11-25T08:30`, in its own zone.
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
}

impl Calendars {
    /// Reads a tenant's state.
    pub(super) fn read(state: &Value) -> Self {
        Self { niamh: mailbox(state, NIAMH), oisin: mailbox(state, OISIN) }
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

fn mailbox(state: &Value, name: &str) -> Vec<Standing> {
    let users = state["users"].as_array();
    let user = users.and_then(|users| users.iter().find(|user| user["userPrincipalName"] == name));
    user.and_then(|user| user["events"].as_array()).into_iter().flatten().map(standing).collect()
}

fn standing(event: &Value) -> Standing {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let minute = |value: &Value| text(&value["dateTime"]).chars().take(16).collect();
    let properties = event["singleValueExtendedProperties"].as_array();
    let reference = properties.and_then(|list| list.first()).map(|property| text(&property["value"])).unwrap_or_default();
    Standing {
        id: text(&event["id"]),
        subject: text(&event["subject"]),
        start: minute(&event["start"]),
        end: minute(&event["end"]),
        zone: text(&event["start"]["timeZone"]),
        reference,
        attendees: event["attendees"].as_array().map_or(0, Vec::len),
    }
}
