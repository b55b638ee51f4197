//! The whole list, read page by page: what is kept of an item so that zones find theirs without asking. Pure.
//!
//! Costs two resource units a page instead of two a zone, and is the only way where the match column has no index.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    call::{Call, Found},
    content::Content,
    target::Target,
    value::{key, shortened, wire_name},
    wire,
};
use crate::{
    capabilities::{Failure, Place, PlaceState},
    events::zone::WantedZone,
    graph::{GraphError, Request},
    hex::hex,
};

/// Rows from which on SharePoint refuses a query that no index serves.
pub const THRESHOLD: u64 = 5_000;

/// A page of the list.
#[derive(Debug)]
pub struct ListPage {
    /// Its items, each with what finds it; none for one whose match column is empty.
    pub items: Vec<(Option<String>, Found)>,
    /// Where the next page is.
    pub next: Option<String>,
}

/// Asks for the first page.
pub fn first(target: &Target) -> Request {
    wire::all(target)
}

/// Reads a page.
pub fn page(target: &Target, body: Value) -> Result<ListPage, serde_json::Error> {
    let page: wire::Page = serde_json::from_value(body)?;
    let kept = |item: wire::Item| {
        let mut found = item.found();
        let key = found.values.get(&wire_name(&target.match_column)).and_then(|value| finder(target, value));
        for column in target.columns() {
            if let Some(value) = found.values.get_mut(&wire_name(column)) {
                *value = shortened(column, value.take());
            }
        }
        found.values.retain(|name, _| !name.starts_with('@'));
        (key, found)
    };
    Ok(ListPage { items: page.value.into_iter().map(kept).collect(), next: page.next })
}

/// What finds the item of a zone in a reading; none when nothing does.
pub fn finder_of(target: &Target, zone_id: &str, version: u64, wanted: &WantedZone) -> Option<String> {
    match wanted {
        WantedZone::Present(zone) => finder(target, &Content::of(target, zone_id, version, zone).ok()?.key()),
        WantedZone::Removed => (target.match_field == "zoneId").then(|| finder(target, &Value::from(zone_id))).flatten(),
    }
}

/// What the match column should say of a zone; null when nothing can.
pub fn match_value(target: &Target, zone_id: &str, version: u64, wanted: &WantedZone) -> Value {
    match wanted {
        WantedZone::Present(zone) => Content::of(target, zone_id, version, zone).map(|content| content.key()).unwrap_or_default(),
        WantedZone::Removed => Value::Null,
    }
}

/// Equal for values of the match column that are one to the list.
fn finder(target: &Target, value: &Value) -> Option<String> {
    let key = key(&target.match_column, value)?;
    Some(hex(Sha256::digest(key.as_bytes()).get(..16).unwrap_or_default()))
}

/// What to change so that publishing costs less, or works at all.
pub fn advice(target: &Target, rows: u64) -> Option<String> {
    let column = &target.match_column;
    if !column.indexed {
        return Some(format!(
            "column {} has no index: every publication reads the whole list ({rows} items); index the column in the list's settings",
            column.name
        ));
    }
    (rows > THRESHOLD && !column.unique).then(|| {
        format!(
            "the list has {rows} items, more than {THRESHOLD}, and column {} does not enforce unique values: enforce them, so that nobody adds a second item for a zone",
            column.name
        )
    })
}

/// What it means that the list could not be read.
pub fn failure(target: &Target, error: &GraphError) -> Failure {
    super::refusal::failure(target, "", &Call::LookUp { key: Value::Null, known: None }, error)
}

/// Whether a zone with these places has to be looked for in the list.
pub fn must_be_found(target: &Target, places: &[Place], in_doubt: bool) -> bool {
    let list = target.key();
    let mut here = places.iter().filter(|place| place.target == list).peekable();
    in_doubt || here.peek().is_none() || here.any(|place| place.state != PlaceState::Present || place.remote_id.is_none())
}
