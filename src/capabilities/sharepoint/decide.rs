//! The next step towards the item that a zone should have. Pure.
//!
//! | known of the list | zone stands | zone is gone |
//! | --- | --- | --- |
//! | an attempt is open, or the picture is in doubt | look up | look up, unless the rule is to leave |
//! | one item | nothing if it says so, else change what differs | mark or delete it, or leave |
//! | nothing | look up; then create | look up; then nothing |
//! | several items | conflict, told by the look-up | the same |

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    Zones,
    call::Call,
    content::Content,
    ledger::{Confirmed, Here},
    target::{ColumnType, Retire, Target},
};
use crate::{
    capabilities::{Decision, Place, Work},
    events::zone::WantedZone,
};

/// The mark of a claim in which the list refused a creation as a second one of its kind: look again, and not into an older reading.
pub(super) const REFUSED: &str = "refused";
/// The mark of a look-up that was made after that.
pub(super) const ASKED_AGAIN: &str = "asked again";

/// See the module's head.
pub(super) fn decide(zones: &Zones, work: &Work, now: DateTime<Utc>) -> Decision<Call> {
    let Some(target) = zones.target.as_deref() else { return Decision::Stop };
    let list = target.key();
    if work.failed(&list) {
        return Decision::Stop;
    }
    let wanted: WantedZone = match serde_json::from_value(work.wanted.clone()) {
        Ok(wanted) => wanted,
        Err(error) => {
            let message = format!("the stored zone cannot be read: {error}");
            return Decision::Impossible { code: "UNREADABLE", message };
        }
    };
    let list = List { zones, target, work, here: Here::of(work, &list), looked: work.looked.contains(&list) };
    match wanted {
        // What its value finds is the other zone's item.
        WantedZone::Removed if zones.rival.is_some() => Decision::Settled,
        WantedZone::Removed => list.retire(now),
        WantedZone::Present(zone) => match Content::of(target, &work.key, work.version.event, &zone) {
            Ok(content) => match &zones.rival {
                Some(rival) => rival.conflict(target, &work.key, &content.key()),
                None => list.publish(content),
            },
            Err(misfit) => Decision::Impossible {
                code: "COLUMN_REJECTED",
                message: format!("zone {}, field {}: column {} {}", work.key, misfit.field, misfit.column, misfit.reason),
            },
        },
    }
}

struct List<'a> {
    zones: &'a Zones,
    target: &'a Target,
    work: &'a Work,
    here: Here<'a>,
    looked: bool,
}

impl List<'_> {
    fn publish(&self, content: Content) -> Decision<Call> {
        if self.must_look() {
            return self.look_up(content.key());
        }
        match self.here.item() {
            Some((place, item_id)) => Self::update(place, item_id, content),
            None if !self.looked => self.look_up(content.key()),
            None => Decision::Call(Call::Create { generation: self.work.generation + 1, content }),
        }
    }

    fn update(place: &Place, item_id: &str, content: Content) -> Decision<Call> {
        let (generation, item_id) = (place.generation, item_id.to_owned());
        let Some(confirmed) = Confirmed::of(place).filter(|confirmed| !confirmed.open) else {
            return Decision::Call(Call::Read { generation, item_id });
        };
        let changed = content.differing_from(&confirmed.says);
        if changed.is_empty() {
            return Decision::Settled;
        }
        Decision::Call(Call::Update { generation, item_id, etag: confirmed.etag, content, changed, retires: false })
    }

    fn retire(&self, now: DateTime<Utc>) -> Decision<Call> {
        if self.target.retire == Retire::Leave {
            return Decision::Settled;
        }
        let key = (self.target.match_field == "zoneId").then(|| self.zone_id());
        match (self.here.item(), key) {
            (_, Some(key)) if self.must_look() => self.look_up(key),
            (Some((place, item_id)), _) => match self.target.marked() {
                Some(column) => self.mark(place, item_id, &Content::mark(column, now), column.kind == ColumnType::DateTime),
                None => self.delete(place, item_id),
            },
            (None, Some(key)) if !self.looked => self.look_up(key),
            // Found by nothing: the value that would find it went with the zone.
            (None, _) => Decision::Settled,
        }
    }

    /// Deletes the item that was looked at.
    fn delete(&self, place: &Place, item_id: &str) -> Decision<Call> {
        let (generation, item_id) = (place.generation, item_id.to_owned());
        let Some(confirmed) = Confirmed::of(place).filter(|confirmed| !confirmed.open) else {
            return Decision::Call(Call::Read { generation, item_id });
        };
        if self.is_anothers(&confirmed) {
            return Decision::Settled;
        }
        Decision::Call(Call::Delete { generation, item_id, etag: confirmed.etag })
    }

    fn mark(&self, place: &Place, item_id: &str, mark: &Content, any_will_do: bool) -> Decision<Call> {
        let (generation, item_id) = (place.generation, item_id.to_owned());
        let Some(confirmed) = Confirmed::of(place).filter(|confirmed| !confirmed.open) else {
            return Decision::Call(Call::Read { generation, item_id });
        };
        let changed = mark.differing_from(&confirmed.says);
        // An item that is marked since another day stays so.
        if self.is_anothers(&confirmed) || changed.is_empty() || (any_will_do && !self.is_unmarked(&confirmed)) {
            return Decision::Settled;
        }
        let (etag, content) = (confirmed.etag, mark.clone());
        Decision::Call(Call::Update { generation, item_id, etag, content, changed, retires: true })
    }

    /// Whether somebody has given the item's match column another value: it is not the gone zone's any more.
    fn is_anothers(&self, confirmed: &Confirmed) -> bool {
        self.target.match_field == "zoneId" && !confirmed.says_key(&self.target.match_column, &self.zone_id())
    }

    fn is_unmarked(&self, confirmed: &Confirmed) -> bool {
        self.target.marked().is_some_and(|column| {
            let said = confirmed.says.get(&column.name);
            said.is_none_or(|said| *said == super::value::digest(column, &Value::Null))
        })
    }

    /// Whether what is known may be wrong: an open attempt, or a doubt about everything.
    fn must_look(&self) -> bool {
        let in_doubt = self.here.open().next().is_some() || self.work.recheck;
        let refused = self.work.looked.contains(REFUSED) && !self.work.looked.contains(ASKED_AGAIN);
        (in_doubt && !self.looked) || refused
    }

    fn look_up(&self, key: Value) -> Decision<Call> {
        let known = if self.work.looked.contains(REFUSED) { None } else { self.zones.known.clone() };
        Decision::Call(Call::LookUp { key, known })
    }

    fn zone_id(&self) -> Value {
        json!(self.work.key)
    }
}
