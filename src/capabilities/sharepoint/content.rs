//! What an item should say: the wanted value of each column, and what differs from what it says. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::{
    fields,
    target::{Column, ColumnType, Retire, Target},
    value,
};
use crate::events::zone::Zone;

/// The wanted values, by column.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    values: Vec<(Column, Value)>,
}

/// A value that its column does not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The field of the zone.
    pub field: String,
    /// The column.
    pub column: String,
    /// Why.
    pub reason: String,
}

/// What an item's columns say, each as a digest.
pub(super) type Digests = BTreeMap<String, String>;

impl Content {
    /// What the item of a zone should say.
    pub(super) fn of(target: &Target, zone_id: &str, version: u64, zone: &Zone) -> Result<Self, Misfit> {
        let fit = |field: &str, column: &Column| {
            let misfit = |reason| Misfit { field: field.to_owned(), column: column.name.clone(), reason };
            let value = value::fitted(column, fields::value(zone_id, version, zone, field)).map_err(misfit)?;
            Ok((column.clone(), value))
        };
        let mut values = vec![fit(&target.match_field, &target.match_column)?];
        if values.iter().any(|(_, value)| value.as_str().is_some_and(|text| text.trim().is_empty()) || value.is_null()) {
            let reason = "finds the zone's item, and the zone has no value for it".to_owned();
            return Err(Misfit { field: target.match_field.clone(), column: target.match_column.name.clone(), reason });
        }
        for mapping in target.fields.iter().filter(|mapping| mapping.column.name != target.match_column.name) {
            values.push(fit(&mapping.zone_field, &mapping.column)?);
        }
        // A zone that came back is not retired any more.
        if let Some(column) = target.marked().filter(|column| values.iter().all(|(other, _)| other.name != column.name)) {
            let unmarked = if column.kind == ColumnType::Boolean { json!(false) } else { Value::Null };
            values.push((column.clone(), unmarked));
        }
        Ok(Self { values })
    }

    /// The mark of a zone that is gone.
    pub(super) fn mark(column: &Column, now: DateTime<Utc>) -> Self {
        let value = match column.kind {
            ColumnType::Boolean => json!(true),
            ColumnType::Number | ColumnType::Currency | ColumnType::Lookup => json!(1),
            ColumnType::DateTime => json!(now.to_rfc3339_opts(SecondsFormat::Secs, true)),
            ColumnType::MultiChoice(_) => json!([RETIRED]),
            ColumnType::Text | ColumnType::MultilineText | ColumnType::Choice(_) => json!(RETIRED),
        };
        Self { values: vec![(column.clone(), value)] }
    }

    /// The value that finds the item.
    pub(super) fn key(&self) -> Value {
        self.values.first().map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// What an item with this content says.
    pub(super) fn digests(&self) -> Digests {
        self.values.iter().map(|(column, value)| (column.name.clone(), value::digest(column, value))).collect()
    }

    /// The part of it that differs from what the item says.
    pub(super) fn differing_from(&self, said: &Digests) -> Self {
        let differs = |(column, value): &&(Column, Value)| said.get(&column.name) != Some(&value::digest(column, value));
        Self { values: self.values.iter().filter(differs).cloned().collect() }
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The names of its columns.
    pub(super) fn columns(&self) -> Vec<&str> {
        self.values.iter().map(|(column, _)| column.name.as_str()).collect()
    }

    /// As the `fields` of a creation: what is not to be set is left out.
    pub(super) fn for_creation(&self) -> Map<String, Value> {
        self.wire(|value| !value.is_null())
    }

    /// As the body of a change: null clears.
    pub(super) fn for_change(&self) -> Map<String, Value> {
        self.wire(|_| true)
    }

    /// Values by column, for people.
    pub(super) fn shown(&self) -> Map<String, Value> {
        self.values.iter().map(|(column, value)| (column.name.clone(), value.clone())).collect()
    }

    fn wire(&self, keep: impl Fn(&Value) -> bool) -> Map<String, Value> {
        let mut fields = Map::new();
        for (column, value) in self.values.iter().filter(|(_, value)| keep(value)) {
            value::put(&mut fields, column, value.clone());
        }
        fields
    }
}

/// What a text column says of a zone that is gone.
const RETIRED: &str = "retired";

impl Target {
    /// The column that marks zones that are gone, when that is the rule.
    pub(super) fn marked(&self) -> Option<&Column> {
        self.retire_column.as_ref().filter(|_| self.retire == Retire::Mark)
    }

    /// Every column that is written or compared.
    pub(super) fn columns(&self) -> Vec<&Column> {
        let mut columns = vec![&self.match_column];
        for column in self.fields.iter().map(|mapping| &mapping.column).chain(self.marked()) {
            if columns.iter().all(|other| other.name != column.name) {
                columns.push(column);
            }
        }
        columns
    }
}
