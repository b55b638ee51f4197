//! An event as it is kept, and how a [`Draft`] becomes or changes one.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{
    draft::{BodyType, Draft, DraftMoment, ExtendedProperty, Importance, Location, Sensitivity, Sent, ShowAs},
    zones::{self, Moment},
};
use crate::simulator::{errors::Failure, tenant::TenantSettings};

/// A kept event. Never changed in place: an update makes another one.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// Position in the mailbox, oldest first.
    pub(crate) number: u64,
    /// The id that survives moves.
    pub(crate) immutable_id: String,
    /// The id without `IdType="ImmutableId"`: another one after every move.
    pub(crate) plain_id: String,
    /// Counts changes.
    pub(crate) version: u64,
    pub(crate) created: DateTime<Utc>,
    pub(crate) modified: DateTime<Utc>,
    /// How many filtered reads of the mailbox there were when it was made.
    pub(crate) made_at_search: u64,
    pub(crate) content: Content,
}

/// What a caller can write.
#[expect(clippy::struct_excessive_bools, reason = "the property list is Microsoft's")]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Content {
    pub(crate) subject: String,
    pub(crate) body_type: BodyType,
    pub(crate) body: String,
    pub(crate) start: Moment,
    pub(crate) end: Moment,
    pub(crate) is_all_day: bool,
    pub(crate) locations: Vec<Location>,
    pub(crate) show_as: ShowAs,
    pub(crate) importance: Importance,
    pub(crate) sensitivity: Sensitivity,
    pub(crate) categories: Vec<String>,
    pub(crate) is_reminder_on: bool,
    pub(crate) reminder_minutes: i32,
    pub(crate) response_requested: bool,
    pub(crate) allow_new_time_proposals: bool,
    pub(crate) hide_attendees: bool,
    pub(crate) attendees: Vec<Value>,
    pub(crate) transaction_id: Option<String>,
    pub(crate) extended: Vec<ExtendedProperty>,
}

impl Event {
    /// The version as Exchange writes it; `@odata.etag` is `W/"…"` around it.
    pub(crate) fn change_key(&self) -> String {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let mut bytes = [0; 22];
        bytes[..8].copy_from_slice(&self.number.to_be_bytes());
        bytes[14..].copy_from_slice(&self.version.to_be_bytes());
        STANDARD.encode(bytes)
    }

    /// The entity tag.
    pub(crate) fn etag(&self) -> String {
        format!("W/\"{}\"", self.change_key())
    }
}

impl Content {
    /// A new event's content.
    pub(crate) fn create(draft: Draft, settings: &TenantSettings) -> Result<Self, Failure> {
        let (Some(start), Some(end)) = (draft.start.value(), draft.end.value()) else {
            return Err(Failure::malformed("ErrorPropertyValidationFailure", "An event needs start and end."));
        };
        if settings.require_transaction_id && draft.transaction_id.value().is_none() {
            return Err(Failure::malformed(
                "ErrorPropertyValidationFailure",
                "This tenant asks for a transactionId on every create.",
            ));
        }
        let mut content = Self {
            subject: String::new(),
            body_type: BodyType::Text,
            body: String::new(),
            start: moment(start)?,
            end: moment(end)?,
            is_all_day: false,
            locations: Vec::new(),
            show_as: ShowAs::Busy,
            importance: Importance::Normal,
            sensitivity: Sensitivity::Normal,
            categories: Vec::new(),
            is_reminder_on: true,
            reminder_minutes: 15,
            response_requested: true,
            allow_new_time_proposals: true,
            hide_attendees: false,
            attendees: Vec::new(),
            transaction_id: None,
            extended: Vec::new(),
        };
        content.apply(draft, settings)?;
        Ok(content)
    }

    /// Another content with the draft's changes. `transactionId` cannot be changed after creation.
    pub(crate) fn updated(&self, draft: Draft, settings: &TenantSettings) -> Result<Self, Failure> {
        if !draft.transaction_id.is_absent() {
            return Err(Failure::malformed("ErrorInvalidPropertySet", "transactionId cannot be changed after creation."));
        }
        let mut content = self.clone();
        content.apply(draft, settings)?;
        Ok(content)
    }

    fn apply(&mut self, draft: Draft, settings: &TenantSettings) -> Result<(), Failure> {
        self.apply_time(&draft)?;
        draft.subject.onto_or_default(&mut self.subject);
        match draft.body {
            Sent::Absent => {}
            Sent::Null => self.body.clear(),
            Sent::Value(body) => {
                self.body_type = body.content_type;
                self.body = body.content.unwrap_or_default();
            }
        }
        draft.locations.onto_or_default(&mut self.locations);
        match draft.location {
            Sent::Absent => {}
            Sent::Null => self.locations.clear(),
            Sent::Value(location) => self.locations = vec![location],
        }
        draft.show_as.onto_or_default(&mut self.show_as);
        draft.importance.onto_or_default(&mut self.importance);
        draft.sensitivity.onto_or_default(&mut self.sensitivity);
        draft.categories.onto_or_default(&mut self.categories);
        draft.is_all_day.onto_or_default(&mut self.is_all_day);
        draft.is_reminder_on.onto_or_default(&mut self.is_reminder_on);
        draft.reminder_minutes_before_start.onto_or_default(&mut self.reminder_minutes);
        draft.response_requested.onto_or_default(&mut self.response_requested);
        draft.allow_new_time_proposals.onto_or_default(&mut self.allow_new_time_proposals);
        draft.hide_attendees.onto_or_default(&mut self.hide_attendees);
        draft.attendees.onto_or_default(&mut self.attendees);
        draft.transaction_id.onto(&mut self.transaction_id);
        self.apply_extended(draft.single_value_extended_properties)?;
        self.check(settings)
    }

    fn apply_time(&mut self, draft: &Draft) -> Result<(), Failure> {
        if let Some(start) = draft.start.value() {
            self.start = moment(start)?;
        }
        if let Some(end) = draft.end.value() {
            self.end = moment(end)?;
        }
        if draft.start == Sent::Null || draft.end == Sent::Null {
            return Err(Failure::malformed("ErrorPropertyValidationFailure", "start and end cannot be null."));
        }
        Ok(())
    }

    /// An update replaces or adds the properties it lists and leaves the others.
    fn apply_extended(&mut self, sent: Sent<Vec<ExtendedProperty>>) -> Result<(), Failure> {
        let Sent::Value(properties) = sent else { return Ok(()) };
        for property in properties {
            if !super::property_id::is_valid(&property.id) {
                let text = format!("PropertyId values may only be in one of the documented forms. '{}' is not.", property.id);
                return Err(Failure::malformed("ErrorInvalidPropertyId", text));
            }
            self.extended.retain(|kept| !super::property_id::same(&kept.id, &property.id));
            self.extended.push(property);
        }
        Ok(())
    }

    fn check(&self, settings: &TenantSettings) -> Result<(), Failure> {
        let failure = |text: &str| Err(Failure::malformed("ErrorPropertyValidationFailure", text));
        if self.end.utc < self.start.utc {
            let text = "The end of the event is before its start.";
            return Err(Failure::malformed("ErrorCalendarEndDateIsEarlierThanStartDate", text));
        }
        let midnight = |moment: &Moment| moment.wall.time() == chrono::NaiveTime::MIN;
        if self.is_all_day && (!midnight(&self.start) || !midnight(&self.end) || self.start.zone != self.end.zone) {
            return failure("An all-day event starts and ends at midnight in one time zone.");
        }
        if self.subject.chars().count() > 255 {
            return failure("A subject has at most 255 characters.");
        }
        if !self.attendees.is_empty() && !settings.allow_attendees {
            return failure("Attendees would be mailed an invitation; this tenant takes none.");
        }
        Ok(())
    }
}

fn moment(sent: &DraftMoment) -> Result<Moment, Failure> {
    let zone = sent.time_zone.as_deref().unwrap_or("UTC");
    let Some(rules) = zones::rules(zone) else {
        let text = format!("A valid TimeZone value must be specified. The following TimeZone value is not supported: '{zone}'.");
        return Err(Failure::malformed("TimeZoneNotSupportedException", text));
    };
    // Graph's own samples end a UTC time in `Z`; with another zone the two would contradict each other.
    let bare = if rules == chrono_tz::Tz::UTC { sent.date_time.strip_suffix('Z') } else { None };
    let Some(wall) = zones::wall_clock(bare.unwrap_or(&sent.date_time)) else {
        let text = format!("'{}' is not a date and time without offset.", sent.date_time);
        return Err(Failure::malformed("ErrorPropertyValidationFailure", text));
    };
    Ok(Moment { wall, zone: zone.to_owned(), utc: zones::instant(wall, rules) })
}
