//! What must be committed before a call leaves. Pure.

use super::{
    call::Call,
    home::{Home, event_id},
    notes,
};
use crate::capabilities::{Intent, Place, PlaceState, Work};

/// The intent of a call; none for a look-up.
pub(super) fn intend(work: &Work, call: &Call, home: Option<&Home>) -> Option<Intent> {
    let place = match call {
        Call::LookUp { .. } => return None,
        Call::Create { mailbox, generation, transaction_id, .. } => Some(attempt(work, mailbox, *generation, transaction_id)),
        // From here on nobody knows which content stands there, until the answer says so: should the answer be lost, a later version
        // that equals the last confirmed one must not pass for done.
        Call::Update { mailbox, generation, .. } => {
            known(work, mailbox, *generation).map(|place| Place { confirmed: None, ..place })
        }
        // The attempt or the event is known already, and stays so until the answer says that it is gone.
        Call::Remove { .. } | Call::Probe { .. } => None,
    };
    Some(Intent { place, audit: notes::intended(work, call, home.map(|home| &home.visit)) })
}

fn attempt(work: &Work, mailbox: &str, generation: u64, transaction_id: &str) -> Place {
    known(work, mailbox, generation).filter(|place| event_id(place).is_none()).unwrap_or_else(|| Place {
        target: mailbox.to_owned(),
        generation,
        idempotency_key: transaction_id.to_owned(),
        state: PlaceState::Intended,
        remote_id: None,
        confirmed: None,
    })
}

fn known(work: &Work, mailbox: &str, generation: u64) -> Option<Place> {
    work.places.iter().find(|place| place.target == mailbox && place.generation == generation).cloned()
}
