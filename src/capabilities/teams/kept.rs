//! What is remembered of the cards in a channel, in [`Place::confirmed`]. Pure.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{marker::Step, says::Says};
use crate::capabilities::{Place, PlaceState, Version, Work};

/// One card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kept {
    pub(super) step: Step,
    /// The version it tells of.
    pub(super) version: Version,
    /// What it tells; none when that is not known (it was found, not sent).
    pub(super) says: Option<Says>,
    /// When it was sent, or was to be.
    pub(super) at: DateTime<Utc>,
    /// It, or one before it in the thread, may stand there twice.
    #[serde(default)]
    pub(super) twice: bool,
    /// A person was asked whether to send it again; being claimed again is the answer.
    #[serde(default)]
    pub(super) held: bool,
    /// It was looked for and not found. Listings may lag, so it is looked for once more, later.
    #[serde(default)]
    pub(super) missed: bool,
}

impl Kept {
    pub(super) fn of(place: &Place) -> Option<Self> {
        place.confirmed.as_ref().and_then(|kept| Self::deserialize(kept).ok())
    }

    /// The form that is stored.
    pub(super) fn keep(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self).ok()
    }
}

/// What is known of the cards in one channel.
#[derive(Debug, Default)]
pub(super) struct Thread {
    /// A card of which nobody knows whether it stands.
    pub(super) open: Option<(Place, Kept)>,
    /// The newest card that stands.
    pub(super) last: Option<(Place, Kept)>,
    /// The message that replies go under: its id.
    pub(super) root: Option<String>,
    /// A worker without a lease did something here.
    pub(super) suspected: bool,
}

impl Thread {
    pub(super) fn of(work: &Work, target: &str) -> Self {
        let mut here: Vec<&Place> = work.places.iter().filter(|place| place.target == target).collect();
        here.sort_by_key(|place| place.generation);
        let mut thread = Self::default();
        for place in here {
            if place.is_suspicion() {
                thread.suspected = true;
                continue;
            }
            let Some(kept) = Kept::of(place) else { continue };
            if place.state == PlaceState::Present {
                if kept.step == Step::Post {
                    thread.root.clone_from(&place.remote_id);
                }
                thread.last = Some((place.clone(), kept));
            } else {
                thread.open = Some((place.clone(), kept));
            }
        }
        thread
    }
}

/// Whether a card in the channel may stand there twice.
pub(super) fn ever_twice(work: &Work, target: &str) -> bool {
    work.places.iter().filter(|place| place.target == target).filter_map(Kept::of).any(|kept| kept.twice)
}

/// What people see of a channel's newest card.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Posted {
    /// The version it tells of.
    pub version: Option<Version>,
    /// Microsoft's id of the thread's first message; a webhook tells none.
    pub message_id: Option<String>,
    /// When it was posted.
    pub at: Option<DateTime<Utc>>,
    /// Whether a card may stand there twice.
    pub possibly_duplicated: bool,
}

/// Reads the places of a row of [`Kind::Card`](super::Kind) or [`Kind::Message`](super::Kind).
pub fn posted(places: &[Place]) -> Posted {
    let mut cards: Vec<(&Place, Kept)> = places.iter().filter_map(|place| Some((place, Kept::of(place)?))).collect();
    cards.sort_by_key(|(place, _)| place.generation);
    let possibly_duplicated = cards.iter().any(|(_, kept)| kept.twice);
    cards.retain(|(place, _)| place.state == PlaceState::Present);
    let last = cards.last();
    let root = cards.iter().rev().find(|(_, kept)| kept.step == Step::Post).or(last);
    Posted {
        version: last.map(|(_, kept)| kept.version),
        message_id: root.and_then(|(place, _)| place.remote_id.clone()),
        at: last.map(|(_, kept)| kept.at),
        possibly_duplicated,
    }
}
