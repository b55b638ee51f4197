//! What is kept of an item between claims, and the places of a zone in one list. Pure.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    call::Found,
    content::{Content, Digests},
    target::{Column, Target},
    value,
};
use crate::capabilities::{Place, PlaceState, Work};

/// What an item was last confirmed to say: [`Place::confirmed`] of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Confirmed {
    /// The item's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) etag: Option<String>,
    /// What its columns say.
    pub(super) says: Digests,
    /// A change was sent and its answer is not known: `says` may be out of date.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) open: bool,
    /// The publication that wrote it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
    /// What that publication did: `created`, `updated`, `retired`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) did: Option<String>,
}

impl Confirmed {
    /// Of a place; none when nothing is known.
    pub(super) fn of(place: &Place) -> Option<Self> {
        place.confirmed.as_ref().and_then(|value| serde_json::from_value(value.clone()).ok())
    }

    /// As it is kept.
    pub(super) fn keep(&self) -> Option<Value> {
        serde_json::to_value(self).ok()
    }

    /// As an item shows itself.
    pub(super) fn seen(target: &Target, item: &Found) -> Self {
        let said = |column: &&Column| {
            let value = item.values.get(&value::wire_name(column)).unwrap_or(&Value::Null);
            (column.name.clone(), value::digest(column, value))
        };
        Self { etag: item.etag.clone(), says: target.columns().iter().map(said).collect(), ..Self::default() }
    }

    /// Whether the match column was seen with this value, or not looked at.
    pub(super) fn says_key(&self, column: &Column, key: &Value) -> bool {
        self.says.get(&column.name).is_none_or(|said| *said == value::digest(column, key))
    }

    /// After our own write was confirmed.
    pub(super) fn written(&self, content: &Content, etag: Option<String>) -> Self {
        let mut says = self.says.clone();
        says.extend(content.digests());
        Self { etag, says, open: false, by: self.by.clone(), did: self.did.clone() }
    }

    /// With the publication that did it. What a publication created counts as created, whatever it did to it afterwards.
    pub(super) fn by(self, operation: Option<&str>, did: &str) -> Self {
        let created = operation.is_some() && self.by.as_deref() == operation && self.did.as_deref() == Some("created");
        let did = if created { "created" } else { did };
        Self { by: operation.map(str::to_owned), did: operation.map(|_| did.to_owned()), ..self }
    }
}

/// The places of a zone in one list. Those in other lists are nobody's business here.
pub(super) struct Here<'a> {
    places: Vec<&'a Place>,
}

impl<'a> Here<'a> {
    pub(super) fn of(work: &'a Work, list: &str) -> Self {
        let mut places: Vec<_> = work.places.iter().filter(|place| place.target == list).collect();
        places.sort_by_key(|place| std::cmp::Reverse(place.generation));
        Self { places }
    }

    /// The item that is known to stand there: the youngest, should there be several.
    pub(super) fn item(&self) -> Option<(&'a Place, &'a str)> {
        self.places.iter().find_map(|place| match (place.state, &place.remote_id) {
            (PlaceState::Present, Some(id)) => Some((*place, id.as_str())),
            _ => None,
        })
    }

    /// Attempts whose outcome is open, and suspicions.
    pub(super) fn open(&self) -> impl Iterator<Item = &'a Place> + '_ {
        self.places.iter().copied().filter(|place| place.state != PlaceState::Present || place.remote_id.is_none())
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &'a Place> + '_ {
        self.places.iter().copied()
    }
}
