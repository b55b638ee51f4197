//! What SharePoint remembers, written out.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{list::List, site::Sites};

/// One list.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListReport {
    /// Id of its site.
    pub site: String,
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its items, in the order they were made.
    pub items: Vec<ItemReport>,
    /// Items made, without those it began with.
    pub made: u64,
    /// Changes to items, by whomever.
    pub changed: u64,
    /// Items deleted, by whomever.
    pub removed: u64,
}

/// One item.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemReport {
    /// Its id.
    pub id: String,
    /// Changes since it was made, plus one.
    pub version: u64,
    /// As a caller must name it in `If-Match`.
    pub etag: String,
    /// Its values by internal name, nulls included.
    pub fields: Map<String, Value>,
}

impl ListReport {
    /// The items with this very value in a column.
    pub fn with(&self, column: &str, value: &Value) -> Vec<&ItemReport> {
        self.items.iter().filter(|item| item.fields.get(column) == Some(value)).collect()
    }
}

/// Every list of a tenant.
pub(crate) fn lists(sites: &Sites) -> Vec<ListReport> {
    let sites = sites.all();
    sites.iter().flat_map(|site| site.lists.iter().map(|list| report(&site.id, list))).collect()
}

fn report(site: &str, list: &List) -> ListReport {
    let rows = list.rows.lock();
    let item = |item: &std::sync::Arc<super::list::Item>| ItemReport {
        id: item.number.to_string(),
        version: item.version,
        etag: item.etag(),
        fields: item.fields.clone(),
    };
    ListReport {
        site: site.to_owned(),
        id: list.id.clone(),
        title: list.title.clone(),
        items: rows.all().map(item).collect(),
        made: rows.made,
        changed: rows.changed,
        removed: rows.removed,
    }
}
