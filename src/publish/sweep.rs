//! Goes through the zones of a publication, some at a time: what differs from what the list says. Pure but for the reading.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{
    input::GivenZone,
    rivals::{Asking, Values},
    tally::{Action, Outcome},
};
use crate::{
    capabilities::{
        Place, PlaceState, Understood, Version, Work,
        sharepoint::{
            Found, Rival, Target, Zones,
            plan::{self, Plan},
            reading,
        },
    },
    events::{EventContext, zone::WantedZone},
    organisation::OrgScope,
    store::{DeliveryState, ItemsWanted, ObjectRow, OperationError, Store, StoreError},
};

/// A zone of a publication, and what the list has for it.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// Its id.
    pub(super) key: String,
    /// The version that was compared.
    pub(super) version: Version,
    /// Its place in the publication.
    pub(super) sequence: u64,
    /// What the reading has for it.
    pub(super) found: Vec<Found>,
    /// The zone that has its value of the match column.
    pub(super) rival: Option<Rival>,
    /// What there is to do.
    pub(super) plan: Plan,
    /// Whether it is written down that it stands so: else a run settles it, which costs no call where nothing differs.
    pub(super) settled: bool,
    /// What an earlier run of this publication did to it.
    pub(super) done_before: Option<String>,
    /// What its item will say.
    pub(super) wanted: Option<serde_json::Map<String, Value>>,
    /// Another zone's item is to become its own once that zone has passed: nothing is tried before, and nothing set aside.
    pub(super) waits: bool,
}

impl Candidate {
    /// A zone whose item says what it should: because of an earlier run of this publication, or since longer.
    pub(super) fn done_before(&self) -> Outcome {
        match self.done_before.as_deref().and_then(Action::of_past) {
            Some(action) => Outcome::Done { action, before: None, after: self.wanted.clone() },
            None => Outcome::Unchanged,
        }
    }

    /// What would come of a plan.
    pub(super) fn planned(&self) -> Outcome {
        match self.plan.clone() {
            Plan::Unchanged => Outcome::Unchanged,
            Plan::Create { after } => Outcome::Done { action: Action::Create, before: None, after: Some(after) },
            Plan::Update { before, after, retires } => {
                let action = if retires { Action::Retire } else { Action::Update };
                Outcome::Done { action, before: Some(before), after: Some(after) }
            }
            Plan::Delete { before } => Outcome::Done { action: Action::Retire, before: Some(before), after: None },
            Plan::Impossible { code, message } => Outcome::Failed(OperationError { code, message }),
        }
    }
}

/// What a publication compares by.
pub(super) struct Sweep<'a> {
    pub(super) store: &'a Store,
    pub(super) scope: &'a OrgScope,
    pub(super) target: &'a Arc<Target>,
    pub(super) operation: &'a Arc<str>,
    pub(super) reading: &'a str,
    pub(super) aside: bool,
    /// A dry run: what zones would take is only supposed.
    pub(super) dry_run: bool,
}

/// A zone as it is compared.
struct Zone {
    key: String,
    version: Version,
    wanted: Value,
    places: Vec<Place>,
    settled: bool,
}

impl Zone {
    fn asking(&self, finder: Option<String>, found: &[Found]) -> Asking {
        let takes = self.wanted["state"] != "removed";
        let found = Some(found.iter().map(|item| item.item_id.clone()).collect());
        Asking { key: self.key.clone(), finder, takes, found }
    }
}

impl Sweep<'_> {
    /// Compares kept zones.
    pub(super) async fn kept(&self, keys: &[String], first: u64, now: DateTime<Utc>) -> Result<Vec<Candidate>, StoreError> {
        let rows = self.store.these_zones(self.scope, keys).await?;
        self.compare(rows.into_iter().map(of_row).collect(), first, now).await
    }

    /// Compares zones that were given and not kept, on top of what is kept.
    pub(super) async fn given(&self, zones: &[GivenZone], first: u64, now: DateTime<Utc>) -> Result<Vec<Candidate>, StoreError> {
        let keys: Vec<String> = zones.iter().map(|zone| zone.zone_id.clone()).collect();
        let kept = self.store.these_zones(self.scope, &keys).await?;
        let on_top = |given: &GivenZone| {
            let row = kept.iter().find(|row| row.key == given.zone_id);
            // An older version than what is wanted changes nothing: what is wanted stays so.
            if let Some(row) = row.filter(|row| given.version.is_some_and(|version| version < row.version.event)) {
                return of_row(row.clone());
            }
            let known = row.map_or(0, |row| row.version.event);
            Zone {
                key: given.zone_id.clone(),
                version: Version { event: given.version.unwrap_or(known), mutation: 1 },
                wanted: serde_json::to_value(&given.wanted).unwrap_or_default(),
                places: row.map(|row| row.places.clone()).unwrap_or_default(),
                settled: true,
            }
        };
        self.compare(zones.iter().map(on_top).collect(), first, now).await
    }

    async fn compare(&self, zones: Vec<Zone>, first: u64, now: DateTime<Utc>) -> Result<Vec<Candidate>, StoreError> {
        let asks: Vec<ItemsWanted> = zones.iter().map(|zone| self.asked(zone)).collect();
        let finders: Vec<Option<String>> = asks.iter().map(|ask| ask.finder.clone()).collect();
        let found = self.store.items_read(self.scope, self.reading, asks).await?;
        let asking = zones.iter().zip(finders).zip(&found).map(|((zone, finder), found)| zone.asking(finder, found));
        let supposed = self.dry_run.then_some(self.reading);
        let values = Values { store: self.store, scope: self.scope, target: self.target, supposed };
        let rivals = values.rivals(&asking.collect::<Vec<_>>()).await?;
        Ok(zones
            .into_iter()
            .zip(found.into_iter().zip(rivals))
            .zip(first..)
            .map(|((zone, known), sequence)| self.planned(zone, known, sequence, now))
            .collect())
    }

    fn asked(&self, zone: &Zone) -> ItemsWanted {
        let wanted = serde_json::from_value::<WantedZone>(zone.wanted.clone()).ok();
        let finder = wanted.and_then(|wanted| reading::finder_of(self.target, &zone.key, zone.version.event, &wanted));
        let list = self.target.key();
        let here = zone.places.iter().filter(|place| place.target == list);
        ItemsWanted { finder, ids: here.filter_map(|place| place.remote_id.clone()).collect() }
    }

    fn planned(&self, zone: Zone, (found, rival): (Vec<Found>, Option<Rival>), sequence: u64, now: DateTime<Utc>) -> Candidate {
        let zones = Zones::into_list(Arc::clone(self.target)).knowing(found.clone()).publishing(Arc::clone(self.operation));
        let waits = rival.as_ref().is_some_and(|rival| rival.leaving);
        let zones = zones.beside(rival.clone());
        let (key, version, list) = (zone.key.clone(), zone.version, self.target.key());
        let open = zone.places.iter().any(|place| place.target == list && place.state != PlaceState::Present);
        // How a zone stands in the organisation's own list says nothing of another one.
        let settled = !open && (zone.settled || self.aside);
        let work = self.work(zone, now);
        Candidate {
            key,
            version,
            sequence,
            settled,
            done_before: plan::done_by(&zones, &work),
            wanted: plan::wanted(&zones, &work),
            plan: plan::plan(&zones, work, &found, now),
            found,
            rival,
            waits,
        }
    }

    /// The zone as a run would see it.
    fn work(&self, zone: Zone, now: DateTime<Utc>) -> Work {
        Work {
            organisation: self.scope.organisation().clone(),
            key: zone.key,
            version: zone.version,
            wanted: zone.wanted,
            context: publication(self.operation, now),
            generation: zone.places.iter().map(|place| place.generation).max().unwrap_or(0),
            recheck: true,
            places: zone.places,
            failures: Vec::new(),
            looked: std::collections::BTreeSet::new(),
            briefing: None,
            understood: Understood::default(),
        }
    }
}

/// A publication as the cause of what is done.
pub(super) fn publication(operation: &str, now: DateTime<Utc>) -> EventContext {
    EventContext {
        id: operation.to_owned(),
        source: SOURCE.to_owned(),
        time: now,
        subject: None,
        correlation_id: None,
        causation_id: None,
        traceparent: None,
        tracestate: None,
        data_classification: None,
    }
}

/// Where publications come from, as audit entries and outgoing events name it.
const SOURCE: &str = "/argus/m365/publication";

fn of_row(row: ObjectRow) -> Zone {
    Zone {
        settled: row.state == DeliveryState::Settled && row.settled == Some(row.version),
        key: row.key,
        version: row.version,
        wanted: serde_json::from_str(&row.body).unwrap_or_default(),
        places: row.places,
    }
}
