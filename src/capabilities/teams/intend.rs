//! What is committed before a card leaves. Pure.

use super::{
    call::{Call, Send},
    kept::{Kept, ever_twice},
    notes,
};
use crate::capabilities::{Intent, Place, PlaceState, Work};

/// Asking and looking change nothing and need no intent.
pub(super) fn intend(work: &Work, call: &Call) -> Option<Intent> {
    let Call::Send(send) = call else { return None };
    Some(Intent { place: Some(place(work, send, PlaceState::Intended, None)), audit: notes::intended(work, send) })
}

/// The place of a card that is sent.
pub(super) fn place(work: &Work, send: &Send, state: PlaceState, remote_id: Option<String>) -> Place {
    let target = send.channel.target.clone();
    let kept = Kept {
        step: send.step(),
        version: work.version,
        says: Some(send.says.clone()),
        at: send.at,
        twice: send.twice || ever_twice(work, &target),
        held: false,
        missed: false,
    };
    Place {
        target,
        generation: send.marker.generation,
        idempotency_key: send.marker.to_string(),
        state,
        remote_id,
        confirmed: kept.keep(),
    }
}
