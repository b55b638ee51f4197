//! Between stored values and ours.

use chrono::{DateTime, Utc};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Kind,
    db::{Failure, Row},
};
use crate::capabilities::{CapabilityName, Version};

pub(super) fn instant(row: &Row, index: usize) -> Result<DateTime<Utc>, Failure> {
    from_micros(row.int(index)?)
}

pub(super) fn maybe_instant(row: &Row, index: usize) -> Result<Option<DateTime<Utc>>, Failure> {
    row.maybe_int(index)?.map(from_micros).transpose()
}

pub(super) fn from_micros(micros: i64) -> Result<DateTime<Utc>, Failure> {
    DateTime::from_timestamp_micros(micros).ok_or(Failure::Unreadable("instant"))
}

/// The version in two columns that are null together.
pub(super) fn maybe_version(row: &Row, index: usize) -> Result<Option<Version>, Failure> {
    let (event, mutation) = (row.maybe_int(index)?, row.maybe_int(index + 1)?);
    let read = |number: i64| u64::try_from(number).map_err(|_| Failure::Unreadable("version"));
    event.zip(mutation).map(|(event, mutation)| Ok(Version { event: read(event)?, mutation: read(mutation)? })).transpose()
}

pub(super) fn small<T: TryFrom<u64>>(row: &Row, index: usize) -> Result<T, Failure> {
    T::try_from(row.count(index)?).map_err(|_| Failure::Unreadable("counter"))
}

pub(super) fn bytes32(row: &Row, index: usize) -> Result<[u8; 32], Failure> {
    row.bytes(index)?.try_into().map_err(|_| Failure::Unreadable("hash"))
}

pub(super) fn json<T: Serialize>(value: &T) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::Driver(Box::new(error)))
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str, what: &'static str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|_| Failure::Unreadable(what))
}

pub(super) fn kind(label: &str) -> Result<Kind, Failure> {
    Kind::ALL.into_iter().find(|kind| kind.label() == label).ok_or(Failure::Unreadable("kind"))
}

pub(super) fn capability(label: &str) -> Result<CapabilityName, Failure> {
    let known = CapabilityName::ALL.into_iter().find(|capability| capability.label() == label);
    known.ok_or(Failure::Unreadable("capability"))
}
