//! What must be committed before a call leaves. Pure.

use super::{Zones, call::Call, ledger::Confirmed, notes};
use crate::capabilities::{Intent, Place, PlaceState, Work};

/// The intent of a call; none for one that reads.
pub(super) fn intend(zones: &Zones, work: &Work, call: &Call) -> Option<Intent> {
    let target = zones.target.as_deref()?;
    let list = target.key();
    let known = |generation| work.places.iter().find(|place| place.target == list && place.generation == generation);
    let place = match call {
        Call::LookUp { .. } | Call::Read { .. } => return None,
        Call::Create { generation, .. } => Some(Place {
            target: list,
            generation: *generation,
            idempotency_key: zones.operation.as_deref().unwrap_or_default().to_owned(),
            state: PlaceState::Intended,
            remote_id: None,
            confirmed: None,
        }),
        // Should the answer be lost, what the item said before must not pass for what it says.
        Call::Update { generation, .. } => known(*generation).map(|place| {
            let confirmed = Confirmed { open: true, ..Confirmed::of(place).unwrap_or_default() };
            Place { confirmed: confirmed.keep(), ..place.clone() }
        }),
        // Known, and stays so until the answer says that it is gone.
        Call::Delete { .. } => None,
    };
    Some(Intent { place, audit: notes::intended(zones, work, call) })
}
