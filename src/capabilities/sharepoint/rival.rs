//! Two zones that would share an item. Pure.
//!
//! A zone's item is found by the value of its match column, so two zones with one value would overwrite each other in one item, turn
//! by turn, and nobody would be told.

use serde_json::Value;

use super::{target::Target, value::shown};
use crate::capabilities::Decision;

/// Another zone that has this zone's value of the match column: the first that wanted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rival {
    /// Its id.
    pub zone_id: String,
    /// It wants another value by now, and its item may still say this one: it passes.
    pub leaving: bool,
}

impl Rival {
    /// What that means for the zone, in words that name both zones and the column.
    pub fn told(&self, target: &Target, zone_id: &str, value: &Value) -> String {
        let (column, other) = (&target.match_column, &self.zone_id);
        let (name, value) = (&column.name, shown(value));
        if self.leaving {
            return format!(
                "zone {zone_id}: the item with {value} in column {name} is still zone {other}'s, which is to change it"
            );
        }
        let case = if column.unique { ", upper and lower case being the same to it" } else { "" };
        format!(
            "zone {zone_id}: column {name} would say {value} as it does for zone {other}{case}; give one of the two another value"
        )
    }

    pub(super) fn conflict<Call>(&self, target: &Target, zone_id: &str, value: &Value) -> Decision<Call> {
        Decision::Impossible { code: "MATCH_CONFLICT", message: self.told(target, zone_id, value) }
    }
}
