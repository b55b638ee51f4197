//! What a publication would do to the item of a zone, compared with a complete reading of the list. Pure; the same decisions as those
//! that are carried out.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{
    Zones,
    call::{Answer, Call, Found, Reply},
    content::Content,
    decide, learn,
    ledger::{Confirmed, Here},
    value::wire_name,
};
use crate::{
    capabilities::{Decision, Work},
    events::zone::WantedZone,
};

/// What there is to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// The item says what it should.
    Unchanged,
    /// It is created.
    Create {
        /// What it will say.
        after: Map<String, Value>,
    },
    /// It is changed, or marked.
    Update {
        /// What it says now in the columns that differ.
        before: Map<String, Value>,
        /// What it will say in them.
        after: Map<String, Value>,
        /// Whether this marks a zone that is gone.
        retires: bool,
    },
    /// It is deleted.
    Delete {
        /// What it says now.
        before: Map<String, Value>,
    },
    /// It cannot be done.
    Impossible {
        /// `MATCH_CONFLICT`, `COLUMN_REJECTED`, …
        code: String,
        /// In words.
        message: String,
    },
}

/// Steps that a plan takes without a writing one: a look-up and a reading, and room to spare.
const STEPS: usize = 8;

/// Plans for a zone, of which the reading holds these items: those that its key finds, and those that it is known to have.
pub fn plan(zones: &Zones, mut work: Work, found: &[Found], now: DateTime<Utc>) -> Plan {
    // What stands is compared, not what is believed to stand.
    work.recheck = true;
    for _ in 0..STEPS {
        let call = match decide::decide(zones, &work, now) {
            Decision::Settled => return Plan::Unchanged,
            Decision::Impossible { code, message } => return Plan::Impossible { code: code.to_owned(), message },
            Decision::Stop => return stopped(&work),
            Decision::Call(call) => call,
        };
        let answer = match &call {
            Call::LookUp { known, .. } => Reply::Found(known.clone().unwrap_or_default()),
            Call::Read { item_id, .. } => match found.iter().find(|item| item.item_id == *item_id) {
                Some(item) => Reply::Item(item.clone()),
                None => Reply::Deleted,
            },
            Call::Create { content, .. } => return Plan::Create { after: content.shown() },
            Call::Update { item_id, changed, retires, .. } => {
                let after = changed.shown();
                let names: Vec<&String> = after.keys().collect();
                return Plan::Update { before: said(zones, found, item_id, &names), after, retires: *retires };
            }
            Call::Delete { item_id, .. } => return Plan::Delete { before: said(zones, found, item_id, &[]) },
        };
        work.apply(&learn::learn(zones, &work, &call, Answer { outcome: Ok(answer), request_id: None }));
    }
    Plan::Impossible { code: "INTERNAL".to_owned(), message: "the plan went in circles".to_owned() }
}

fn stopped(work: &Work) -> Plan {
    let failure = work.failures.first();
    Plan::Impossible {
        code: failure.map_or_else(|| "INTERNAL".to_owned(), |failure| failure.code.clone()),
        message: failure.map(|failure| failure.message.clone()).unwrap_or_default(),
    }
}

/// What an item says in these columns, or in all of ours.
fn said(zones: &Zones, found: &[Found], item_id: &str, names: &[&String]) -> Map<String, Value> {
    let Some((target, item)) = zones.target.as_deref().zip(found.iter().find(|item| item.item_id == item_id)) else {
        return Map::new();
    };
    let columns = target.columns().into_iter().filter(|column| names.is_empty() || names.contains(&&column.name));
    columns.map(|column| (column.name.clone(), item.values.get(&wire_name(column)).cloned().unwrap_or_default())).collect()
}

/// What the item of a zone will say; none for a zone that is gone, or whose values its columns do not take.
pub fn wanted(zones: &Zones, work: &Work) -> Option<Map<String, Value>> {
    let Ok(WantedZone::Present(zone)) = serde_json::from_value(work.wanted.clone()) else { return None };
    let content = Content::of(zones.target.as_deref()?, &work.key, work.version.event, &zone).ok()?;
    Some(content.shown())
}

/// What a publication did to the item of a zone, as the places of it tell afterwards: `created`, `updated`, `retired`.
pub fn done_by(zones: &Zones, work: &Work) -> Option<String> {
    let (target, operation) = zones.target.as_deref().zip(zones.operation.as_deref())?;
    let here = Here::of(work, &target.key());
    let confirmed = here.item().and_then(|(place, _)| Confirmed::of(place))?;
    (confirmed.by.as_deref() == Some(operation)).then_some(confirmed.did).flatten()
}
