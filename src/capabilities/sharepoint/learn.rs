//! What is known after a call. Pure.

use super::{
    Zones,
    call::{Answer, Call, Found, Reply},
    decide::{ASKED_AGAIN, REFUSED},
    ledger::{Confirmed, Here},
    notes,
    refusal::{failure, made_nothing, may_be_taken},
    target::Target,
};
use crate::{
    capabilities::{Failure, FailureKind, Learned, Place, PlaceChange, PlaceState, Work},
    graph::{GraphError, Verdict},
};

/// Edits by others that one claim works around; then it waits until they are done.
const EDITS: usize = 3;
/// Marks an edit that came in between.
const EDITED: &str = "edited/";

/// Takes an answer in.
pub(super) fn learn(zones: &Zones, work: &Work, call: &Call, answer: Answer) -> Learned {
    let Some(target) = zones.target.as_deref() else { return Learned::default() };
    let lesson = Lesson { zones, target, list: target.key(), work, call, request_id: answer.request_id };
    match answer.outcome {
        Ok(Reply::Found(found)) => lesson.looked_up(&found),
        Ok(Reply::Item(item)) => lesson.seen(&item),
        Ok(Reply::Made { item_id, etag }) => lesson.made(&item_id, etag),
        Ok(Reply::Changed { etag }) => lesson.changed(etag),
        Ok(Reply::Deleted) => lesson.deleted(),
        Err(error) => lesson.refused(&error),
    }
}

struct Lesson<'a> {
    zones: &'a Zones,
    target: &'a Target,
    list: String,
    work: &'a Work,
    call: &'a Call,
    request_id: Option<String>,
}

impl Lesson<'_> {
    fn looked_up(&self, found: &[Found]) -> Learned {
        let learned = Learned { looked: Some(self.mark()), rechecked: true, ..Learned::default() };
        match found {
            [] => Learned { places: self.none_found(), ..learned },
            [item] => self.adopt(item, learned),
            several => Learned { failure: Some(self.conflict(several)), ..learned },
        }
    }

    /// A look-up that was made because of a refusal has a mark of its own.
    fn mark(&self) -> String {
        if self.work.looked.contains(REFUSED) { ASKED_AGAIN.to_owned() } else { self.list.clone() }
    }

    /// Nothing has the value. An item that we know may have lost it to somebody's hand: it is read before it counts as gone. A
    /// complete reading of the list has told of it already.
    fn none_found(&self) -> Vec<PlaceChange> {
        let complete = matches!(self.call, Call::LookUp { known: Some(_), .. });
        let here = Here::of(self.work, &self.list);
        let kept = here.item().filter(|_| !complete).map(|(place, _)| place);
        let gone = here.all().filter(|place| kept.is_none_or(|kept| kept.generation != place.generation));
        let mut changes: Vec<PlaceChange> = gone.map(|place| self.gone(place.generation)).collect();
        changes.extend(kept.map(|place| PlaceChange::Put(Place { confirmed: None, ..place.clone() })));
        changes
    }

    fn adopt(&self, item: &Found, learned: Learned) -> Learned {
        let here = Here::of(self.work, &self.list);
        let known = here.item().filter(|(_, id)| *id == item.item_id).map(|(place, _)| place);
        let attempt = here.open().find(|place| !place.is_suspicion());
        let before = known.and_then(Confirmed::of).unwrap_or_default();
        let mut confirmed = Confirmed { by: before.by.clone(), did: before.did.clone(), ..Confirmed::seen(self.target, item) };
        // Unchanged since our own write: however SharePoint writes the values down, they are those.
        if item.etag.is_some() && before.etag == item.etag && !before.open {
            confirmed.says = before.says;
        }
        if let Some(attempt) = attempt.filter(|attempt| known.is_none() && !attempt.idempotency_key.is_empty()) {
            confirmed = confirmed.by(Some(&attempt.idempotency_key), "created");
        }
        let generation = known.or(attempt).map_or(self.work.generation + 1, |place| place.generation);
        let place = Place {
            target: self.list.clone(),
            generation,
            idempotency_key: known.or(attempt).map(|place| place.idempotency_key.clone()).unwrap_or_default(),
            state: PlaceState::Present,
            remote_id: Some(item.item_id.clone()),
            confirmed: confirmed.keep(),
        };
        let others = here.all().filter(|other| other.generation != generation);
        let mut places: Vec<PlaceChange> = others.map(|other| self.gone(other.generation)).collect();
        places.push(PlaceChange::Put(place));
        let adopted = attempt.is_some() && known.is_none();
        let note = || notes::adopted(self.zones, self.work, self.call, &item.item_id, self.request_id.clone());
        Learned { places, audit: adopted.then(note), ..learned }
    }

    fn conflict(&self, items: &[Found]) -> Failure {
        let ids: Vec<&str> = items.iter().map(|item| item.item_id.as_str()).collect();
        self.permanent(
            "MATCH_CONFLICT",
            format!(
                "zone {}: items {} all match by column {}; keep one of them, and set the column to enforce unique values",
                self.work.key,
                ids.join(", "),
                self.target.match_column.name
            ),
        )
    }

    fn permanent(&self, code: &str, message: String) -> Failure {
        Failure {
            target: self.list.clone(),
            kind: FailureKind::Permanent,
            code: code.to_owned(),
            message,
            graph_request_id: self.request_id.clone(),
        }
    }

    fn seen(&self, item: &Found) -> Learned {
        let before = self.place().and_then(|place| Confirmed::of(&place)).unwrap_or_default();
        let confirmed = Confirmed { by: before.by, did: before.did, ..Confirmed::seen(self.target, item) };
        Learned { places: self.put(&confirmed), ..Learned::default() }
    }

    fn made(&self, item_id: &str, etag: Option<String>) -> Learned {
        let Call::Create { generation, content } = self.call else { return Learned::default() };
        let operation = self.zones.operation.as_deref();
        let confirmed = Confirmed::default().written(content, etag).by(operation, "created");
        let place = Place {
            target: self.list.clone(),
            generation: *generation,
            idempotency_key: operation.unwrap_or_default().to_owned(),
            state: PlaceState::Present,
            remote_id: Some(item_id.to_owned()),
            confirmed: confirmed.keep(),
        };
        self.done(item_id, vec![PlaceChange::Put(place)])
    }

    fn changed(&self, etag: Option<String>) -> Learned {
        let Call::Update { item_id, content, retires, .. } = self.call else { return Learned::default() };
        let before = self.place().and_then(|place| Confirmed::of(&place)).unwrap_or_default();
        let did = if *retires { "retired" } else { "updated" };
        let confirmed = before.written(content, etag).by(self.zones.operation.as_deref(), did);
        self.done(item_id, self.put(&confirmed))
    }

    fn deleted(&self) -> Learned {
        let Call::Delete { item_id, generation, .. } = self.call else { return Learned::default() };
        // What was deleted just now need not be looked for.
        Learned { looked: Some(self.list.clone()), ..self.done(item_id, vec![self.gone(*generation)]) }
    }

    fn done(&self, item_id: &str, places: Vec<PlaceChange>) -> Learned {
        let audit = notes::finished(self.zones, self.work, self.call, item_id, self.request_id.clone());
        Learned { places, audit: Some(audit), ..Learned::default() }
    }

    fn refused(&self, error: &GraphError) -> Learned {
        match self.call {
            Call::Create { generation, .. } => self.not_made(*generation, error),
            Call::Delete { .. } if error.verdict == Verdict::NotFound => self.deleted(),
            // Deleted by hand: looked for once more, then created again.
            Call::Read { generation, .. } if error.verdict == Verdict::NotFound => {
                Learned { places: vec![self.gone(*generation)], ..Learned::default() }
            }
            Call::Update { generation, .. } if error.verdict == Verdict::NotFound => {
                Learned { places: vec![self.gone(*generation)], ..self.failed_only(error, false) }
            }
            Call::Update { .. } | Call::Delete { .. } if error.verdict == Verdict::Conflict => self.edited(error),
            Call::Update { .. } if made_nothing(error) => {
                let before = self.place().and_then(|place| Confirmed::of(&place)).unwrap_or_default();
                Learned { places: self.put(&Confirmed { open: false, ..before }), ..self.failed(error, false) }
            }
            Call::Update { .. } | Call::Delete { .. } => self.failed(error, error.verdict == Verdict::Ambiguous),
            Call::LookUp { .. } | Call::Read { .. } => {
                let failure = failure(self.target, &self.work.key, self.call, error);
                let permanent = failure.kind == FailureKind::Permanent;
                let audit = permanent.then(|| notes::failed(self.zones, self.work, self.call, error, false));
                Learned { failure: Some(failure), audit, ..Learned::default() }
            }
        }
    }

    fn not_made(&self, generation: u64, error: &GraphError) -> Learned {
        if !made_nothing(error) {
            let attempt = Place {
                target: self.list.clone(),
                generation,
                idempotency_key: self.zones.operation.as_deref().unwrap_or_default().to_owned(),
                state: PlaceState::Unknown,
                remote_id: None,
                confirmed: None,
            };
            let learned = self.failed(error, true);
            // It may have been made: however the failure passes, the outcome is open.
            let failure = learned.failure.map(|failure| match failure.kind {
                FailureKind::Transient => Failure { kind: FailureKind::Ambiguous, ..failure },
                _ => failure,
            });
            return Learned { places: vec![PlaceChange::Put(attempt)], failure, ..learned };
        }
        let places = vec![self.gone(generation)];
        if may_be_taken(self.target, error) && !self.work.looked.contains(REFUSED) {
            return Learned { places, looked: Some(REFUSED.to_owned()), ..self.failed_only(error, false) };
        }
        Learned { places, ..self.failed(error, false) }
    }

    /// Somebody changed the item since it was compared: it is compared again.
    fn edited(&self, error: &GraphError) -> Learned {
        let edits = self.work.looked.iter().filter(|mark| mark.starts_with(EDITED)).count();
        let Some(place) = self.place() else { return self.failed(error, false) };
        let before = Confirmed::of(&place).unwrap_or_default();
        let places = vec![PlaceChange::Put(Place { confirmed: Confirmed { open: true, ..before }.keep(), ..place })];
        if edits >= EDITS {
            return Learned { places, ..self.failed(error, false) };
        }
        Learned { places, looked: Some(format!("{EDITED}{edits}")), ..self.failed_only(error, false) }
    }

    fn failed(&self, error: &GraphError, unknown: bool) -> Learned {
        let failure = failure(self.target, &self.work.key, self.call, error);
        Learned { failure: Some(failure), ..self.failed_only(error, unknown) }
    }

    /// The call failed, and the claim goes on.
    fn failed_only(&self, error: &GraphError, unknown: bool) -> Learned {
        Learned { audit: Some(notes::failed(self.zones, self.work, self.call, error, unknown)), ..Learned::default() }
    }

    fn place(&self) -> Option<Place> {
        let generation = self.call.generation()?;
        self.work.places.iter().find(|place| place.target == self.list && place.generation == generation).cloned()
    }

    fn put(&self, confirmed: &Confirmed) -> Vec<PlaceChange> {
        self.place().map(|place| PlaceChange::Put(Place { confirmed: confirmed.keep(), ..place })).into_iter().collect()
    }

    fn gone(&self, generation: u64) -> PlaceChange {
        PlaceChange::Gone { target: self.list.clone(), generation }
    }
}
