//! Create, change, delete.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    ListCall, column,
    list::{Item, List, not_found},
    query::{Expand, Query},
    read::{field_values, shown},
    site::Site,
    spec::SharePointSettings,
};
use crate::simulator::{
    call::Reply,
    errors::Failure,
    rules::{self, Allowed},
};

/// What a person does to an item by hand, in the browser.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ItemAct {
    /// Adds one with these fields; its number is given no thought to.
    Add(Map<String, Value>),
    /// Sets these fields.
    Edit {
        /// The item's id.
        item: String,
        /// By internal name.
        fields: Map<String, Value>,
    },
    /// Deletes it.
    Delete {
        /// The item's id.
        item: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewItem {
    fields: Map<String, Value>,
}

pub(super) fn create(list_call: &ListCall<'_>, (site, list): (&Site, &List)) -> Result<Reply, Failure> {
    rules::check(list_call.call, Allowed { body: true, ..Allowed::default() })?;
    let new: NewItem = body(list_call)?;
    let settings = &list_call.settings.sharepoint;
    let fields = column::written(&list.columns, &new.fields, settings)?;
    let made = list.rows.lock().insert(fields, list_call.now).map_err(|column| duplicate(&column, settings))?;
    let query = Query { expand: Expand::Fields(Vec::new()), ..Query::default() };
    Ok(Reply::json(201, shown(site, list, &made, &query).to_string().into_bytes()))
}

pub(super) fn update_fields(list_call: &ListCall<'_>, list: &List, id: &str) -> Result<Reply, Failure> {
    rules::check(list_call.call, Allowed { body: true, if_match: true, query: false })?;
    let sent: Map<String, Value> = body(list_call)?;
    let settings = &list_call.settings.sharepoint;
    let changed = {
        let mut rows = list.rows.lock();
        let item = rows.find(id).ok_or_else(not_found)?;
        unchanged_since(list_call, &item)?;
        let fields = column::written(&list.columns, &sent, settings)?;
        rows.change(&item, fields, list_call.now).map_err(|column| duplicate(&column, settings))?
    };
    Ok(Reply::json(200, field_values(list, &changed, &[]).to_string().into_bytes()))
}

pub(super) fn delete(list_call: &ListCall<'_>, list: &List, id: &str) -> Result<Reply, Failure> {
    rules::check(list_call.call, Allowed { if_match: true, ..Allowed::default() })?;
    let mut rows = list.rows.lock();
    let item = rows.find(id).ok_or_else(not_found)?;
    unchanged_since(list_call, &item)?;
    rows.remove(&item);
    Ok(Reply::empty(204))
}

/// What a person does by hand. `false` when there is no such item.
pub(crate) fn by_hand(list: &List, act: &ItemAct, now: DateTime<Utc>) -> bool {
    let mut rows = list.rows.lock();
    let (found, act): (Option<Arc<Item>>, _) = match act {
        ItemAct::Add(fields) => return rows.insert(fields.clone(), now).is_ok(),
        ItemAct::Edit { item, .. } | ItemAct::Delete { item } => (rows.find(item), act),
    };
    let Some(item) = found else { return false };
    match act {
        ItemAct::Edit { fields, .. } => rows.change(&item, fields.clone(), now).is_ok(),
        ItemAct::Delete { .. } | ItemAct::Add(_) => {
            rows.remove(&item);
            true
        }
    }
}

fn unchanged_since(list_call: &ListCall<'_>, item: &Item) -> Result<(), Failure> {
    match list_call.call.header("if-match") {
        None | Some("*") => Ok(()),
        Some(tag) if tag.trim_start_matches("W/") == item.etag() => Ok(()),
        Some(_) => Err(Failure::new(412, "resourceModified", "ETag does not match current item's value")),
    }
}

fn duplicate(column: &str, settings: &SharePointSettings) -> Failure {
    let text = format!("The value entered for field '{column}' already exists in this list: duplicate values are not allowed.");
    match settings.duplicate_status {
        409 => Failure::new(409, "nameAlreadyExists", text),
        500 => Failure::new(500, "generalException", "General exception while processing"),
        status => Failure::new(status, "invalidRequest", text),
    }
}

fn body<T: serde::de::DeserializeOwned>(list_call: &ListCall<'_>) -> Result<T, Failure> {
    serde_json::from_slice(&list_call.call.body)
        .map_err(|error| Failure::malformed("invalidRequest", format!("The body cannot be read: {error}.")))
}
