//! A task's known places while an answer is taken in: what changes is written down in order. Pure.

use serde_json::Value;

use super::{
    call::Found,
    home::{Confirmed, event_id, may_be_one},
    key,
};
use crate::capabilities::{Place, PlaceChange, PlaceState, Work};

/// The generation of [`Place::suspected`].
const SUSPICION: u64 = 0;

/// The known places and how they change. Holds to one rule: in one mailbox, no event is known as two places.
pub(super) struct Ledger<'work> {
    work: &'work Work,
    places: Vec<Place>,
    changes: Vec<PlaceChange>,
    generation: u64,
}

impl<'work> Ledger<'work> {
    pub(super) fn of(work: &'work Work) -> Self {
        Self { work, places: work.places.clone(), changes: Vec::new(), generation: work.generation }
    }

    pub(super) fn into_changes(self) -> Vec<PlaceChange> {
        self.changes
    }

    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }

    /// The place of one attempt.
    pub(super) fn at(&self, mailbox: &str, generation: u64) -> Option<Place> {
        self.places.iter().find(|place| place.target == mailbox && place.generation == generation).cloned()
    }

    pub(super) fn put(&mut self, place: Place) {
        self.drop_place(&place.target, place.generation);
        self.generation = self.generation.max(place.generation);
        self.places.push(place.clone());
        self.changes.push(PlaceChange::Put(place));
    }

    pub(super) fn gone(&mut self, mailbox: &str, generation: u64) {
        self.drop_place(mailbox, generation);
        self.changes.push(PlaceChange::Gone { target: mailbox.to_owned(), generation });
    }

    fn drop_place(&mut self, mailbox: &str, generation: u64) {
        self.places.retain(|place| !(place.target == mailbox && place.generation == generation));
    }

    /// The place that an event is known as already, under this or another name for the mailbox. A suspicion is none: it goes once
    /// its mailbox was looked at, and what was known as it alone would be forgotten.
    pub(super) fn holder(&self, mailbox: &str, id: &str) -> Option<Place> {
        let here = |place: &&Place| place.target == mailbox || may_be_one(&place.target, mailbox);
        self.places.iter().filter(here).find(|place| event_id(place) == Some(id) && !place.is_suspicion()).cloned()
    }

    /// Takes an event of ours in; true if it was not known before. `at_home`: this is the mailbox that the visit belongs in, so an
    /// event known under another name of it is known under this one from now on.
    pub(super) fn adopt(&mut self, mailbox: &str, at_home: bool, found: &Found) -> bool {
        if let Some(known) = self.holder(mailbox, &found.id) {
            if known.target != mailbox && at_home {
                self.gone(&known.target, known.generation);
                self.put(Place { target: mailbox.to_owned(), ..known });
            }
            return false;
        }
        let attempt = self.attempt(mailbox, at_home, found).unwrap_or_else(|| self.stranger(mailbox, found));
        if attempt.target != mailbox {
            self.gone(&attempt.target, attempt.generation);
        }
        self.put(Place { confirmed: probed(found), ..present(Place { target: mailbox.to_owned(), ..attempt }, &found.id) });
        true
    }

    /// The open attempt that made the event: the one whose key it carries; without a key in sight, the oldest in that mailbox.
    fn attempt(&self, mailbox: &str, at_home: bool, found: &Found) -> Option<Place> {
        let mut open: Vec<&Place> =
            self.places.iter().filter(|place| event_id(place).is_none() && !place.is_suspicion()).collect();
        open.sort_by_key(|place| (place.target != mailbox, place.generation));
        let here = |place: &&&Place| place.target == mailbox || (at_home && may_be_one(&place.target, mailbox));
        let attempt = match &found.transaction_id {
            Some(key) => open.iter().filter(here).find(|place| place.idempotency_key.eq_ignore_ascii_case(key)),
            None => open.iter().find(|place| place.target == mailbox),
        };
        attempt.map(|place| (*place).clone())
    }

    /// An event that no known attempt made (a restored backup forgot it, a person copied it) gets a generation of its own.
    fn stranger(&self, mailbox: &str, found: &Found) -> Place {
        let generation = self.generation + 1;
        let own = || key::transaction_id(&self.work.organisation, &self.work.key, mailbox, generation);
        Place {
            target: mailbox.to_owned(),
            generation,
            idempotency_key: found.transaction_id.clone().unwrap_or_else(own),
            state: PlaceState::Unknown,
            remote_id: None,
            confirmed: None,
        }
    }

    /// Clears up a suspicion about a mailbox that was looked at. What the search did not show though its id or key is known (it may
    /// lag) becomes an attempt like any other; the rest is cleared.
    pub(super) fn clear_up(&mut self, mailbox: &str) {
        let Some(suspicion) = self.at(mailbox, SUSPICION) else { return };
        self.gone(mailbox, SUSPICION);
        let key = &suspicion.idempotency_key;
        let id = event_id(&suspicion);
        // A key alone accounts only for an attempt that is open: where its event is known, and was removed by hand, the same key may have
        // made another one.
        let open = |place: &Place| event_id(place).is_none() && place.idempotency_key.eq_ignore_ascii_case(key);
        let known = self.places.iter().any(open) || id.is_some_and(|id| self.holder(mailbox, id).is_some());
        if !known && (id.is_some() || !key.is_empty()) {
            self.put(Place { generation: self.generation + 1, ..suspicion });
        }
    }

    /// Forgets what the events in a mailbox say, so that the one that stays is brought up to date whole. What a probe made is known
    /// as such until it is gone, or meant to become the visit.
    pub(super) fn doubt(&mut self, mailbox: &str) {
        let says = |place: &&Place| matches!(Confirmed::of(place), Some(Confirmed::Says(_)));
        let doubted: Vec<Place> = self.places.iter().filter(|place| place.target == mailbox).filter(says).cloned().collect();
        for place in doubted.into_iter().filter(|place| event_id(place).is_some()) {
            self.put(Place { confirmed: None, ..place });
        }
    }
}

/// The place as one that stands, saying nobody knows what.
pub(super) fn present(place: Place, id: &str) -> Place {
    Place { state: PlaceState::Present, remote_id: Some(id.to_owned()), confirmed: None, ..place }
}

/// What is remembered of an event by its look: that a probe made it, if one did.
pub(super) fn probed(found: &Found) -> Option<Value> {
    found.probe.then(|| Confirmed::Probe.keep()).flatten()
}
