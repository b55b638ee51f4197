//! One list: its columns, its items, and an index on every column that has one, so that a look-up among 100,000 costs nothing.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use super::{
    column::{self, comparable, is_indexed, wire_name},
    spec::{ColumnSpec, ListSpec},
};
use crate::simulator::errors::Failure;

/// A list at work.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) columns: Vec<ColumnSpec>,
    pub(crate) rows: Mutex<Rows>,
}

/// The items, and what was done to them.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    items: BTreeMap<u64, Arc<Item>>,
    /// By name of an indexed column, then by comparable value.
    indexes: HashMap<String, HashMap<String, BTreeSet<u64>>>,
    /// Names of the columns that take a value once.
    unique: Vec<String>,
    last: u64,
    pub(crate) made: u64,
    pub(crate) changed: u64,
    pub(crate) removed: u64,
}

/// One item.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) number: u64,
    pub(crate) version: u64,
    pub(crate) created: DateTime<Utc>,
    pub(crate) modified: DateTime<Utc>,
    pub(crate) fields: Map<String, Value>,
}

impl List {
    pub(super) fn new(spec: ListSpec, now: DateTime<Utc>) -> Self {
        let mut columns = column::built_in();
        columns.retain(|one| !spec.columns.iter().any(|own| own.name == one.name));
        columns.extend(spec.columns);
        let indexed = columns.iter().filter(|column| is_indexed(column)).map(|column| (wire_name(column), HashMap::new()));
        let unique = columns.iter().filter(|column| column.enforce_unique_values).map(wire_name).collect();
        let mut rows = Rows { indexes: indexed.collect(), unique, ..Rows::default() };
        for fields in spec.items {
            rows.add(fields, now);
        }
        rows.made = 0;
        Self { id: spec.id.to_lowercase(), title: spec.title, columns, rows: Mutex::new(rows) }
    }

    /// The column that is read and written under a name.
    pub(super) fn column(&self, name: &str) -> Option<&ColumnSpec> {
        self.columns.iter().find(|column| wire_name(column) == name)
    }
}

impl Item {
    /// As Graph writes it: `"guid,version"`. The GUID is the item's own.
    pub(crate) fn etag(&self) -> String {
        let guid = uuid::Uuid::from_u64_pair(0x9d1c_44e2_51aa_4b00, 0x8000_0000_0000_0000 | self.number);
        format!("\"{guid},{}\"", self.version)
    }

    /// A field's value; the item's own number and instants are fields too.
    pub(super) fn field(&self, name: &str) -> Value {
        match name {
            "id" | "ID" => json!(self.number.to_string()),
            "Created" => json!(self.created.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
            "Modified" => json!(self.modified.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
            _ => self.fields.get(name).cloned().unwrap_or_default(),
        }
    }
}

impl Rows {
    /// An item by the id in its path.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Item>> {
        self.items.get(&id.parse::<u64>().ok()?).cloned()
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// The items after a number, in order.
    pub(super) fn after(&self, number: u64) -> impl Iterator<Item = &Arc<Item>> {
        self.items.range(number.saturating_add(1)..).map(|(_, item)| item)
    }

    /// Every item, in order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Item>> {
        self.items.values()
    }

    /// The items with a value in an indexed column, in order.
    pub(super) fn with(&self, column: &str, value: &str) -> Vec<Arc<Item>> {
        let found = self.indexes.get(column).and_then(|index| index.get(value));
        found.into_iter().flatten().filter_map(|number| self.items.get(number).cloned()).collect()
    }

    /// Adds an item, or says which column would have a value twice.
    pub(super) fn insert(&mut self, fields: Map<String, Value>, now: DateTime<Utc>) -> Result<Arc<Item>, String> {
        self.unique_but_for(None, &fields)?;
        Ok(self.add(fields, now))
    }

    fn add(&mut self, fields: Map<String, Value>, now: DateTime<Utc>) -> Arc<Item> {
        self.last += 1;
        self.made += 1;
        let item = Arc::new(Item { number: self.last, version: 1, created: now, modified: now, fields });
        self.index(&item);
        self.items.insert(item.number, Arc::clone(&item));
        item
    }

    /// Sets the fields given, or says which column would have a value twice.
    pub(super) fn change(
        &mut self,
        old: &Arc<Item>,
        fields: Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<Arc<Item>, String> {
        self.unique_but_for(Some(old.number), &fields)?;
        let mut item = Item::clone(old);
        item.fields.extend(fields);
        item.version += 1;
        item.modified = now;
        self.changed += 1;
        self.unindex(old);
        let item = Arc::new(item);
        self.index(&item);
        self.items.insert(item.number, Arc::clone(&item));
        Ok(item)
    }

    pub(super) fn remove(&mut self, item: &Arc<Item>) {
        self.removed += 1;
        self.unindex(item);
        self.items.remove(&item.number);
    }

    fn unique_but_for(&self, own: Option<u64>, fields: &Map<String, Value>) -> Result<(), String> {
        for column in &self.unique {
            let Some(value) = fields.get(column).and_then(comparable) else { continue };
            let holders = self.indexes.get(column).and_then(|index| index.get(&value));
            if holders.is_some_and(|holders| holders.iter().any(|holder| Some(*holder) != own)) {
                return Err(column.clone());
            }
        }
        Ok(())
    }

    fn index(&mut self, item: &Item) {
        for (column, index) in &mut self.indexes {
            if let Some(value) = comparable(&item.field(column)) {
                index.entry(value).or_default().insert(item.number);
            }
        }
    }

    fn unindex(&mut self, item: &Item) {
        for (column, index) in &mut self.indexes {
            let Some(value) = comparable(&item.field(column)) else { continue };
            if let Some(holders) = index.get_mut(&value) {
                holders.remove(&item.number);
                if holders.is_empty() {
                    index.remove(&value);
                }
            }
        }
    }
}

/// 404 of SharePoint.
pub(super) fn not_found() -> Failure {
    Failure::new(404, "itemNotFound", "The resource could not be found.")
}
