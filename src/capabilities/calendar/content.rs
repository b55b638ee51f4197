//! What an event of ours says: made from a visit, remembered as last confirmed, compared to send only what differs. Pure.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{body, zones::ZonedTime};
use crate::events::task::{Location, Priority, Privacy, Visit};

/// The category that marks our events for people.
const CATEGORY: &str = "Argus";
/// Coordinates are kept in whole ten-millionths of a degree (a centimetre): they compare exactly after a round trip through text.
const DEGREE: f64 = 10_000_000.0;

/// The content of one event, as sent to Outlook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventContent {
    pub(super) subject: String,
    pub(super) body: String,
    pub(super) start: ZonedTime,
    pub(super) end: ZonedTime,
    pub(super) location: String,
    pub(super) coordinates: Option<Coordinates>,
    pub(super) importance: Importance,
    pub(super) sensitivity: Sensitivity,
    pub(super) reminder_minutes: u32,
}

/// A position, in ten-millionths of a degree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Coordinates {
    latitude: i64,
    longitude: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Importance {
    Low,
    Normal,
    High,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Sensitivity {
    Normal,
    Private,
}

/// A change to an event: the body of the PATCH and the names of what it changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    pub(super) body: Value,
    pub(super) changed: Vec<String>,
}

impl EventContent {
    /// What a visit looks like in the calendar.
    pub(super) fn of(visit: &Visit, task: &str, reminder_minutes: u32) -> Self {
        let place = visit.location.as_ref();
        Self {
            subject: visit.title.clone(),
            body: body::text(visit, task),
            start: ZonedTime::of(&visit.window.start, visit.window.time_zone),
            end: ZonedTime::of(&visit.window.end, visit.window.time_zone),
            location: place.and_then(|place| place.display_name.clone().or_else(|| place.address.clone())).unwrap_or_default(),
            coordinates: place.and_then(Coordinates::of),
            importance: match visit.priority {
                Priority::Low => Importance::Low,
                Priority::Normal => Importance::Normal,
                Priority::High | Priority::Urgent => Importance::High,
            },
            sensitivity: match visit.privacy {
                Privacy::Normal => Sensitivity::Normal,
                Privacy::Private => Sensitivity::Private,
            },
            reminder_minutes,
        }
    }

    /// The same with both ends named otherwise, for a mailbox server that does not know the zone's name: the same wall clock
    /// under its Windows name, where there is one, and as the last resort in UTC.
    pub(super) fn otherwise_named(&self) -> Vec<Self> {
        let windows = Self { start: self.start.by_windows_name(), end: self.end.by_windows_name(), ..self.clone() };
        let utc = Self { start: self.start.in_utc(), end: self.end.in_utc(), ..self.clone() };
        let mut others = vec![windows, utc];
        others.dedup();
        others.retain(|other| other != self);
        others
    }

    /// Every property we keep, as Graph names it. Attendees are never among them: Exchange would mail invitations.
    pub(super) fn properties(&self) -> Map<String, Value> {
        let mut properties = Map::new();
        let mut set = |name: &str, value| properties.insert(name.to_owned(), value);
        set("subject", json!(self.subject));
        set("body", json!({ "contentType": "text", "content": self.body }));
        set("start", json!(self.start));
        set("end", json!(self.end));
        set("location", self.location());
        set("importance", json!(self.importance));
        set("sensitivity", json!(self.sensitivity));
        set("showAs", json!("busy"));
        set("isReminderOn", json!(true));
        set("reminderMinutesBeforeStart", json!(self.reminder_minutes));
        set("categories", json!([CATEGORY]));
        properties
    }

    fn location(&self) -> Value {
        match self.coordinates {
            Some(at) => json!({ "displayName": self.location, "coordinates": at.degrees() }),
            None => json!({ "displayName": self.location }),
        }
    }

    /// What to send when `confirmed` is what stands there (`None`: not known, so everything). Start and end always go along, so
    /// that a visit dragged elsewhere by hand comes back.
    pub(super) fn patch(&self, confirmed: Option<&Self>) -> Patch {
        let before = confirmed.map(Self::properties).unwrap_or_default();
        let mut body = self.properties();
        if self.coordinates.is_none() && confirmed.is_none_or(|confirmed| confirmed.coordinates.is_some()) {
            // Left out, a position would stay behind in a service that merges the parts of a location.
            body.insert("location".into(), json!({ "displayName": self.location, "coordinates": null }));
        }
        body.retain(|name, value| name == "start" || name == "end" || before.get(name) != Some(value));
        let changed =
            body.iter().filter(|(name, value)| before.get(*name) != Some(value)).map(|(name, _)| name.clone()).collect();
        Patch { body: Value::Object(body), changed }
    }
}

impl Patch {
    /// The body of the same change, with both ends as `content` names them.
    pub(super) fn named_as(&self, content: &EventContent) -> Value {
        let mut body = self.body.clone();
        if let Value::Object(body) = &mut body {
            body.insert("start".into(), json!(content.start));
            body.insert("end".into(), json!(content.end));
        }
        body
    }
}

impl Coordinates {
    fn of(location: &Location) -> Option<Self> {
        Some(Self { latitude: whole(location.latitude?), longitude: whole(location.longitude?) })
    }

    #[expect(clippy::cast_precision_loss, reason = "at most 1,800,000,000, far below 2^53")]
    fn degrees(self) -> Value {
        json!({ "latitude": self.latitude as f64 / DEGREE, "longitude": self.longitude as f64 / DEGREE })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "degrees are between -180 and 180")]
fn whole(degrees: f64) -> i64 {
    (degrees * DEGREE).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capabilities::calendar::samples;

    fn content(hour: u32) -> EventContent {
        EventContent::of(&samples::visit("a@x", hour), "t1", 15)
    }

    fn at(mut visit: Visit, latitude: f64) -> EventContent {
        let (latitude, longitude) = (Some(latitude), Some(13.404_954));
        visit.location = Some(Location { display_name: None, address: Some("Road 1".into()), latitude, longitude });
        EventContent::of(&visit, "t1", 15)
    }

    #[test]
    fn an_update_holds_what_differs_and_always_start_and_end() {
        let mut wanted = content(9);
        wanted.subject = "Other".into();
        let patch = wanted.patch(Some(&content(9)));
        let names: Vec<_> = patch.body.as_object().unwrap().keys().cloned().collect();
        assert_eq!(names, ["end", "start", "subject"]);
        assert_eq!(patch.changed, ["subject"]);
    }

    #[test]
    fn an_update_of_something_unknown_holds_everything() {
        let patch = content(9).patch(None);
        assert_eq!(patch.body.as_object().unwrap().len(), content(9).properties().len());
    }

    #[test]
    fn what_was_confirmed_compares_equal_after_being_stored() {
        let wanted = at(samples::visit("a@x", 9), 52.520_008);
        let stored = serde_json::to_string(&wanted).unwrap();
        assert_eq!(serde_json::from_str::<EventContent>(&stored).unwrap(), wanted);
        assert_eq!(wanted.properties()["location"]["coordinates"]["latitude"], json!(52.520_008));
    }

    #[test]
    fn a_position_that_is_no_longer_given_is_cleared() {
        let patch = content(9).patch(Some(&at(samples::visit("a@x", 9), 1.0)));
        assert_eq!(patch.body["location"], json!({ "displayName": "", "coordinates": null }));
    }

    #[test]
    fn an_urgent_private_visit_is_important_and_private() {
        let visit = Visit { priority: Priority::Urgent, privacy: Privacy::Private, ..samples::visit("a@x", 9) };
        let properties = EventContent::of(&visit, "t1", 20).properties();
        assert_eq!(properties["importance"], "high");
        assert_eq!(properties["sensitivity"], "private");
        assert_eq!(properties["reminderMinutesBeforeStart"], 20);
        assert_eq!(properties["categories"], json!(["Argus"]));
        assert!(!properties.contains_key("attendees"));
    }
}
