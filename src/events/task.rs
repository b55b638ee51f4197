//! A field task as events tell of it, and as wanted state keeps it.

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::kinds::Words;

mod read;

pub(super) use read::{CLOSED, SCHEDULED, TASK_ID, read};

/// What a task's newest event wants: the body of its row in the store (`body_format` 1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
#[expect(clippy::large_enum_variant, reason = "nearly every task is scheduled; a box would cost each an allocation")]
pub enum WantedTask {
    /// The visit stands in the assigned worker's calendar.
    Scheduled(Visit),
    /// It stands in no calendar.
    Closed {
        /// Why, as the publisher said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

/// A visit: who, when, where, what. Texts are within the contract's limits and never blank.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Visit {
    /// The human number (`WO-20418`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The event's subject.
    pub title: String,
    /// More text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When.
    pub window: Window,
    /// Who.
    pub assignee: Assignee,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// How urgent.
    #[serde(default)]
    pub priority: Priority,
    /// Whether others may see the details.
    #[serde(default)]
    pub privacy: Privacy,
    /// Link back to the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// When a visit takes place: wall clock in a named zone, and the instants that it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// The IANA zone of both ends.
    pub time_zone: Tz,
    /// The start.
    pub start: Moment,
    /// The end, after the start.
    pub end: Moment,
}

/// A wall-clock time and the instant it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Moment {
    /// The wall clock that shows at `instant` in the window's zone (already moved on when the asked-for time was skipped).
    pub wall: NaiveDateTime,
    /// The instant.
    pub instant: DateTime<Utc>,
    /// What was unusual about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjusted: Option<Adjustment>,
}

/// What a clock change did to a wall-clock time; noted in the audit entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Adjustment {
    /// The time asked for does not exist that day; it was moved forward by the gap.
    Skipped {
        /// The time asked for.
        asked: NaiveDateTime,
    },
    /// The time comes twice that day.
    Repeated {
        /// False: the first occurrence; true: the second (`fold: 1`).
        second: bool,
    },
}

/// The worker. At least one of the two names is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assignee {
    /// Directory object id; wins over the principal name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_id: Option<String>,
    /// User principal name; compared without case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_principal_name: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

impl Assignee {
    /// The name the mailbox is addressed by, lower-case: the object id, else the principal name. Empty only if both are missing,
    /// which reading an event refuses.
    pub fn mailbox(&self) -> String {
        self.object_id.as_deref().or(self.user_principal_name.as_deref()).unwrap_or_default().to_lowercase()
    }
}

/// The place of a visit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Its postal address, one text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Degrees north, -90 to 90.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latitude: Option<f64>,
    /// Degrees east, -180 to 180.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longitude: Option<f64>,
}

/// How urgent a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words are the contract's")]
pub enum Priority {
    Low,
    #[default]
    Normal,
    High,
    Urgent,
}

/// Whether others may see a visit's details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words are the contract's")]
pub enum Privacy {
    #[default]
    Normal,
    Private,
}

impl Words for Priority {
    const WORDS: &'static [(&'static str, Self)] =
        &[("low", Self::Low), ("normal", Self::Normal), ("high", Self::High), ("urgent", Self::Urgent)];
}

impl Words for Privacy {
    const WORDS: &'static [(&'static str, Self)] = &[("normal", Self::Normal), ("private", Self::Private)];
}
