//! Zones that would share an item, found before one of them overwrites the other: one value of the match column, one zone.
//!
//! The first zone that wants a value has it. It keeps it until it wants another one **and** its item says so: before that, whoever
//! comes next would find that item and take it for its own.

use std::collections::HashMap;

use crate::{
    capabilities::sharepoint::{Rival, Target, reading},
    events::zone::WantedZone,
    organisation::OrgScope,
    store::{DeliveryState, MatchWanted, ObjectRow, Store, StoreError},
};

/// A zone that asks whether its value is its own.
pub(super) struct Asking {
    pub(super) key: String,
    /// What finds its item; none when nothing does.
    pub(super) finder: Option<String>,
    /// Whether it takes the value when it is free. A zone that is gone takes nothing.
    pub(super) takes: bool,
    /// The items that the value finds, where the list was read.
    pub(super) found: Option<Vec<String>>,
}

/// Who has the values of one list.
pub(super) struct Values<'a> {
    pub(super) store: &'a Store,
    pub(super) scope: &'a OrgScope,
    pub(super) target: &'a Target,
    /// The dry run that supposes zones: what they take binds nobody.
    pub(super) supposed: Option<&'a str>,
}

/// What is to be done about a value that another zone has.
enum Owner {
    /// It still wants it.
    Wants,
    /// It wants another one, and its item may still say this one.
    Leaving,
    /// It has no use for it.
    Gone,
}

impl Values<'_> {
    /// The rival of each zone that has one; free values are taken.
    pub(super) async fn rivals(&self, zones: &[Asking]) -> Result<Vec<Option<Rival>>, StoreError> {
        let list = self.target.key();
        let finders: Vec<String> = zones.iter().filter_map(|zone| zone.finder.clone()).collect();
        let owners = self.store.match_owners(self.scope, &list, &finders).await?;
        let others = self.others(zones, &owners).await?;
        let (mut rivals, mut wanted) = (Vec::with_capacity(zones.len()), Vec::new());
        for zone in zones {
            let owner = zone.finder.as_ref().and_then(|finder| owners.get(finder)).filter(|owner| **owner != zone.key);
            let held = owner.map(|owner| (owner, self.owner(others.get(owner), zone)));
            let rival = |leaving| owner.map(|owner| Rival { zone_id: owner.clone(), leaving });
            let (rival, from) = match held {
                Some((_, Owner::Wants)) => (rival(false), None),
                Some((_, Owner::Leaving)) => (rival(true), None),
                Some((owner, Owner::Gone)) => (None, Some(owner.clone())),
                None => (None, None),
            };
            let has = zone.finder.as_ref().and_then(|finder| owners.get(finder)).is_some_and(|owner| *owner == zone.key);
            if let Some(finder) = zone.finder.clone().filter(|_| zone.takes && rival.is_none() && !has) {
                wanted.push(MatchWanted { finder, key: zone.key.clone(), from });
            }
            rivals.push(rival);
        }
        self.take(zones, &mut rivals, wanted).await?;
        Ok(rivals)
    }

    /// Takes what is free; who comes second has a rival.
    async fn take(&self, zones: &[Asking], rivals: &mut [Option<Rival>], wanted: Vec<MatchWanted>) -> Result<(), StoreError> {
        if wanted.is_empty() {
            return Ok(());
        }
        let list = self.supposed.map_or_else(|| self.target.key(), str::to_owned);
        let owners = self.store.take_matches(self.scope, &list, wanted).await?;
        for (zone, rival) in zones.iter().zip(rivals).filter(|(zone, rival)| zone.takes && rival.is_none()) {
            let owner = zone.finder.as_ref().and_then(|finder| owners.get(finder)).filter(|owner| **owner != zone.key);
            *rival = owner.map(|owner| Rival { zone_id: owner.clone(), leaving: false });
        }
        Ok(())
    }

    /// The kept rows of zones that have others' values.
    async fn others(&self, zones: &[Asking], owners: &HashMap<String, String>) -> Result<HashMap<String, ObjectRow>, StoreError> {
        let mut keys: Vec<String> = zones
            .iter()
            .filter_map(|zone| zone.finder.as_ref().and_then(|finder| owners.get(finder)).filter(|owner| **owner != zone.key))
            .cloned()
            .collect();
        keys.sort();
        keys.dedup();
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let rows = self.store.these_zones(self.scope, &keys).await?;
        Ok(rows.into_iter().map(|row| (row.key.clone(), row)).collect())
    }

    fn owner(&self, row: Option<&ObjectRow>, zone: &Asking) -> Owner {
        let Some(row) = row else { return Owner::Gone };
        let Ok(wanted) = serde_json::from_str::<WantedZone>(&row.body) else { return Owner::Wants };
        let present = matches!(wanted, WantedZone::Present(_));
        if present && reading::finder_of(self.target, &row.key, row.version.event, &wanted) == zone.finder {
            return Owner::Wants;
        }
        let list = self.target.key();
        let stands = |id: &String| row.places.iter().any(|place| place.target == list && place.remote_id.as_ref() == Some(id));
        let settled = row.state == DeliveryState::Settled && row.settled == Some(row.version);
        let passes = match &zone.found {
            Some(found) => (present || !settled) && found.iter().any(stands),
            None => !settled && row.places.iter().any(|place| place.target == list),
        };
        if passes { Owner::Leaving } else { Owner::Gone }
    }
}
