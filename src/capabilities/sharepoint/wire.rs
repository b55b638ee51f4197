//! Requests to a list, and the answers as they are read.
//!
//! Paths and options: Microsoft, "List items" (`/sites/{id}/lists/{id}/items`), "Update an item in a list" and "Use the $filter query
//! parameter".

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    call::Found,
    content::Content,
    target::{ColumnType, Target},
    value::wire_name,
};
use crate::graph::{Request, Workload, literal, segment};

/// Items that a look-up shows at once: more than one is a conflict, and so many of it are named.
const SHOWN: &str = "20";
/// Items a page when the whole list is read, and when its items may be large: an answer is read up to 32 MiB.
const PAGE: &str = "1000";
const PAGE_OF_LARGE: &str = "100";

/// The items whose match column has this value.
pub(super) fn look_up(target: &Target, key: &Value) -> Request {
    let filter = format!("fields/{} eq {}", target.match_column.name, quoted(key));
    list(target).query("$filter", filter).query("$top", SHOWN)
}

/// A page of all items.
pub(super) fn all(target: &Target) -> Request {
    let large = target.columns().iter().any(|column| column.kind == ColumnType::MultilineText);
    list(target).query("$top", if large { PAGE_OF_LARGE } else { PAGE })
}

/// One item.
pub(super) fn read(target: &Target, item_id: &str) -> Request {
    Request::get(Workload::SharePoint, item_path(target, item_id)).query("$expand", selected(target)).target(target.key())
}

/// A new item.
pub(super) fn create(target: &Target, content: &Content) -> Request {
    let body = json!({ "fields": content.for_creation() });
    Request::post(Workload::SharePoint, items_path(target), body).target(target.key())
}

/// A change to an item, if it is still the version that was compared.
pub(super) fn update(target: &Target, item_id: &str, etag: Option<&str>, changed: &Content) -> Request {
    let path = format!("{}/fields", item_path(target, item_id));
    only_onto(etag, Request::patch(Workload::SharePoint, path, Value::Object(changed.for_change())).target(target.key()))
}

/// The end of an item, if it is still the version that was looked at.
pub(super) fn delete(target: &Target, item_id: &str, etag: Option<&str>) -> Request {
    only_onto(etag, Request::delete(Workload::SharePoint, item_path(target, item_id)).target(target.key()))
}

fn only_onto(etag: Option<&str>, request: Request) -> Request {
    match etag {
        Some(etag) => request.header("If-Match", etag),
        None => request,
    }
}

fn list(target: &Target) -> Request {
    Request::get(Workload::SharePoint, items_path(target)).query("$expand", selected(target)).target(target.key())
}

fn items_path(target: &Target) -> String {
    format!("/sites/{}/lists/{}/items", segment(&target.site_id), segment(&target.list_id))
}

fn item_path(target: &Target, item_id: &str) -> String {
    format!("{}/{}", items_path(target), segment(item_id))
}

fn selected(target: &Target) -> String {
    let names: Vec<String> = target.columns().into_iter().map(wire_name).collect();
    format!("fields($select={})", names.join(","))
}

fn quoted(key: &Value) -> String {
    match key {
        Value::String(text) => literal(text),
        other => other.to_string(),
    }
}

/// A page of items.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub(super) value: Vec<Item>,
    #[serde(rename = "@odata.nextLink")]
    pub(super) next: Option<String>,
}

/// An item. Its version stands under either name.
#[derive(Debug, Deserialize)]
pub(super) struct Item {
    id: String,
    #[serde(rename = "@odata.etag")]
    tag: Option<String>,
    #[serde(rename = "eTag")]
    etag: Option<String>,
    #[serde(default)]
    fields: Option<Map<String, Value>>,
}

impl Item {
    /// As a look-up shows it.
    pub(super) fn found(self) -> Found {
        let values = self.fields.unwrap_or_default();
        let inner = values.get("@odata.etag").and_then(Value::as_str).map(str::to_owned);
        Found { item_id: self.id, etag: entity_tag(self.tag.or(self.etag).or(inner)), values }
    }
}

/// The version in the answer to a change, which is the item's fields alone.
pub(super) fn changed_etag(body: &Value) -> Option<String> {
    entity_tag(body["@odata.etag"].as_str().or_else(|| body["eTag"].as_str()).map(str::to_owned))
}

/// As `If-Match` wants it, in quotes; some answers leave them out.
fn entity_tag(tag: Option<String>) -> Option<String> {
    tag.filter(|tag| !tag.is_empty()).map(|tag| if tag.ends_with('"') { tag } else { format!("\"{tag}\"") })
}
