//! What a worker that had lost its lease leaves behind. Pure.
//!
//! Its record is refused, but its calls were made: a creation that was on its way when the worker froze may have landed after its
//! successor removed that very event and forgot the place. Nothing else would ever look there again, and the event would stand for
//! good.

use crate::capabilities::{Place, PlaceChange, PlaceState};

/// Where the refused `changes` say that something was done, as places to look at.
pub(crate) fn suspicions(changes: &[PlaceChange]) -> Vec<Place> {
    let suspicion = |change: &PlaceChange| match change {
        // An intent that was refused was not carried out, and one that was committed has its place already, unless a successor saw to
        // it; what its call came to follows as a change of its own.
        PlaceChange::Put(Place { state: PlaceState::Intended, .. }) | PlaceChange::Gone { .. } => None,
        PlaceChange::Put(place) => Some(Place {
            remote_id: place.remote_id.clone(),
            state: place.state,
            idempotency_key: place.idempotency_key.clone(),
            ..Place::suspected(&place.target)
        }),
    };
    changes.iter().filter_map(suspicion).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_suspected_and_what_was_only_meant_is_not() {
        let made = Place {
            generation: 3,
            idempotency_key: "k".into(),
            state: PlaceState::Present,
            remote_id: Some("e1".into()),
            confirmed: Some(serde_json::json!("text")),
            ..Place::suspected("a@x")
        };
        let meant = Place { state: PlaceState::Intended, target: "b@x".into(), ..made.clone() };
        let gone = PlaceChange::Gone { target: "c@x".into(), generation: 1 };
        let suspected = suspicions(&[PlaceChange::Put(meant), gone, PlaceChange::Put(made.clone())]);
        assert_eq!(suspected, [Place { generation: 0, confirmed: None, ..made }]);
    }
}
