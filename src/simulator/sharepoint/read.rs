//! Reads: sites, lists, columns, items.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::{
    ListCall, column, filter,
    list::{Item, List, not_found},
    query::{self, Expand, Query},
    site::Site,
};
use crate::simulator::{
    calendar::select,
    call::Reply,
    errors::Failure,
    rules::{self, Allowed},
};

const READ: Allowed = Allowed { body: false, if_match: false, query: true };
const SITE: &[&str] =
    &["id", "name", "displayName", "webUrl", "description", "createdDateTime", "lastModifiedDateTime", "root", "siteCollection"];
const LIST: &[&str] =
    &["id", "name", "displayName", "webUrl", "description", "createdDateTime", "lastModifiedDateTime", "eTag", "list"];
const COLUMN: &[&str] = &[
    "id",
    "name",
    "displayName",
    "description",
    "columnGroup",
    "enforceUniqueValues",
    "hidden",
    "indexed",
    "readOnly",
    "required",
    "type",
    "text",
    "number",
    "currency",
    "boolean",
    "dateTime",
    "choice",
    "lookup",
    "personOrGroup",
    "hyperlinkOrPicture",
    "geolocation",
    "calculated",
    "term",
    "thumbnail",
];

/// A site's own properties.
pub(super) fn site(list_call: &ListCall<'_>, site: &Site) -> Result<Reply, Failure> {
    rules::check(list_call.call, READ)?;
    let url = site_url(site);
    let name = site.path.rsplit('/').next().unwrap_or_default();
    let all = json!({
        "createdDateTime": "2026-01-05T08:00:00Z", "description": "", "displayName": site.display_name, "id": site.id,
        "lastModifiedDateTime": "2026-01-05T08:00:00Z", "name": name, "root": {}, "siteCollection": {"hostname": site.hostname()},
        "webUrl": url,
    });
    Ok(one(list_call, "sites", only_select(list_call, all, SITE)?))
}

/// A site's lists, of which `$filter=displayName eq '…'` takes one.
pub(super) fn lists(list_call: &ListCall<'_>, site: &Site) -> Result<Reply, Failure> {
    rules::check(list_call.call, READ)?;
    let mut names = LIST.iter().map(|&name| name.to_owned()).collect();
    let mut title = None;
    for (name, value) in list_call.call.options().unwrap_or_default() {
        match name.as_str() {
            "$select" => names = select(&value, LIST)?,
            "$filter" => title = Some(query::title(&value)?),
            _ => return Err(refuse(format!("The query option '{name}={value}' is not described for this call."))),
        }
    }
    let fits = |list: &&Arc<List>| title.as_ref().is_none_or(|title| list.title.to_lowercase() == title.to_lowercase());
    let values: Vec<Value> = site.lists.iter().filter(fits).map(|list| cut(list_body(site, list), &names)).collect();
    Ok(collection(list_call, "lists", &values, None))
}

/// A list's own properties.
pub(super) fn list(list_call: &ListCall<'_>, site: &Site, list: &List) -> Result<Reply, Failure> {
    rules::check(list_call.call, READ)?;
    Ok(one(list_call, "lists", only_select(list_call, list_body(site, list), LIST)?))
}

/// A list's columns.
pub(super) fn columns(list_call: &ListCall<'_>, list: &List) -> Result<Reply, Failure> {
    rules::check(list_call.call, READ)?;
    let mut values = Vec::with_capacity(list.columns.len());
    for (number, spec) in list.columns.iter().enumerate() {
        values.push(only_select(list_call, column::definition(spec, number), COLUMN)?);
    }
    Ok(collection(list_call, "columns", &values, None))
}

/// One item.
pub(super) fn item(list_call: &ListCall<'_>, (site, list): (&Site, &List), id: &str) -> Result<Reply, Failure> {
    rules::check(list_call.call, READ)?;
    let query = query::item(list_call.call, list)?;
    let item = list.rows.lock().find(id).ok_or_else(not_found)?;
    Ok(one(list_call, "items", shown(site, list, &item, &query)))
}

/// An item's fields alone.
pub(super) fn fields(list_call: &ListCall<'_>, list: &List, id: &str) -> Result<Reply, Failure> {
    rules::check(list_call.call, READ)?;
    let selected = query::fields(list_call.call, list)?;
    let item = list.rows.lock().find(id).ok_or_else(not_found)?;
    Ok(one(list_call, "fields", field_values(list, &item, &selected)))
}

/// A page of items.
pub(super) fn items(list_call: &ListCall<'_>, (site, list): (&Site, &List)) -> Result<Reply, Failure> {
    let preferences = rules::check(list_call.call, READ)?;
    let query = query::items(list_call.call, list)?;
    let settings = &list_call.settings.sharepoint;
    let most = query.top.unwrap_or(settings.page_size);
    let most = list_call.page_limit.map_or(most, |limit| limit.min(most));
    let mut found: Vec<Arc<Item>> = {
        let rows = list.rows.lock();
        let later = |item: &Arc<Item>| item.number > query.after;
        if let Some(text) = &query.filter {
            let found = filter::found(list, &rows, (text, preferences.non_indexed), settings)?;
            found.into_iter().filter(later).collect()
        } else {
            rows.after(query.after).take(most.saturating_add(1)).cloned().collect()
        }
    };
    let more = found.len() > most;
    found.truncate(most);
    let place = found.last().map_or(query.after, |item| item.number);
    let next = more.then(|| next_link(list_call, place));
    let values: Vec<Value> = found.iter().map(|item| shown(site, list, item, &query)).collect();
    Ok(collection(list_call, "items", &values, next))
}

/// The same call with our token: the place is the last item's number, so that what is deleted meanwhile moves nothing.
fn next_link(list_call: &ListCall<'_>, last: u64) -> String {
    let call = list_call.call;
    let ours = |part: &&str| !part.is_empty() && !part.to_ascii_lowercase().replace("%24", "$").starts_with("$skiptoken");
    let mut parts: Vec<&str> = call.query.split('&').filter(ours).collect();
    let token = format!("$skiptoken={}", URL_SAFE_NO_PAD.encode(format!("Paged=TRUE&p_ID={last}")));
    parts.push(&token);
    format!("{}{}?{}", call.origin(), call.path, parts.join("&"))
}

/// An item as Graph shows it.
pub(super) fn shown(site: &Site, list: &List, item: &Item, query: &Query) -> Value {
    let instant = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let by = json!({"user": {"displayName": "SharePoint App"}});
    let url = format!("{}/Lists/{}/{}_.000", site_url(site), list.title, item.number);
    let mut body = json!({
        "@odata.etag": item.etag(), "contentType": {"id": "0x0100", "name": "Item"}, "createdBy": by,
        "createdDateTime": instant(item.created), "eTag": item.etag(), "id": item.number.to_string(), "lastModifiedBy": by,
        "lastModifiedDateTime": instant(item.modified), "parentReference": {"siteId": site.id}, "webUrl": url.replace(' ', "%20"),
    });
    if let (Value::Object(map), false) = (&mut body, query.select.is_empty()) {
        map.retain(|name, _| name.starts_with('@') || name == "id" || query.select.contains(name));
    }
    if let (Value::Object(map), Expand::Fields(selected)) = (&mut body, &query.expand) {
        map.insert("fields".to_owned(), field_values(list, item, selected));
    }
    body
}

/// An item's fields: those selected, else all that have a value.
pub(super) fn field_values(list: &List, item: &Item, selected: &[String]) -> Value {
    let mut fields = Map::new();
    fields.insert("@odata.etag".to_owned(), json!(item.etag()));
    if selected.is_empty() {
        fields.insert("id".to_owned(), json!(item.number.to_string()));
    }
    let names = list.columns.iter().map(column::wire_name).filter(|name| selected.is_empty() || selected.contains(name));
    for name in names {
        let value = item.field(&name);
        // Graph leaves out what is empty.
        if !value.is_null() {
            fields.insert(name, value);
        }
    }
    Value::Object(fields)
}

fn site_url(site: &Site) -> String {
    format!("https://{}{}", site.hostname(), site.path)
}

fn list_body(site: &Site, list: &List) -> Value {
    json!({
        "createdDateTime": "2026-01-05T08:00:00Z", "description": "", "displayName": list.title, "eTag": format!("\"{},1\"", list.id),
        "id": list.id, "lastModifiedDateTime": "2026-01-05T08:00:00Z", "list": {"contentTypesEnabled": false, "hidden": false, "template": "genericList"},
        "name": list.title, "webUrl": format!("{}/Lists/{}", site_url(site), list.title).replace(' ', "%20"),
    })
}

fn only_select(list_call: &ListCall<'_>, all: Value, known: &[&str]) -> Result<Value, Failure> {
    match list_call.call.options().unwrap_or_default().as_slice() {
        [] => Ok(all),
        [(name, value)] if name == "$select" => Ok(cut(all, &select(value, known)?)),
        _ => Err(refuse("Only $select is described for this call here.".to_owned())),
    }
}

fn cut(mut all: Value, wanted: &[String]) -> Value {
    if let Value::Object(map) = &mut all {
        map.retain(|name, _| wanted.contains(name));
    }
    all
}

fn one(list_call: &ListCall<'_>, what: &str, mut body: Value) -> Reply {
    if let Value::Object(map) = &mut body {
        map.insert("@odata.context".to_owned(), json!(format!("{}/v1.0/$metadata#{what}/$entity", list_call.call.origin())));
    }
    Reply::json(200, body.to_string().into_bytes())
}

fn collection(list_call: &ListCall<'_>, what: &str, values: &[Value], next: Option<String>) -> Reply {
    let mut body = json!({"@odata.context": format!("{}/v1.0/$metadata#{what}", list_call.call.origin()), "value": values});
    if let (Value::Object(map), Some(next)) = (&mut body, next) {
        map.insert("@odata.nextLink".to_owned(), json!(next));
    }
    Reply::json(200, body.to_string().into_bytes())
}

fn refuse(text: String) -> Failure {
    Failure::malformed("invalidRequest", text)
}
