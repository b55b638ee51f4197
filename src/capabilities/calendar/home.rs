//! Where a task's visit belongs, and which names may mean the same mailbox. Pure.

use std::{ops::Deref, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{CalendarSettings, content::EventContent};
use crate::{
    capabilities::{FailureKind, Place, PlaceState, Work},
    events::task::{Assignee, Visit, WantedTask},
};

/// What a task wants in Outlook.
#[derive(Debug)]
pub(super) enum Wanted {
    /// An event in this mailbox, saying this.
    At(Home),
    /// No event anywhere.
    Nowhere,
}

/// The mailbox that a visit belongs in, and what its event says.
#[derive(Debug)]
pub(super) struct Home {
    /// The name that the mailbox is addressed by, lower-case.
    pub(super) mailbox: String,
    wish: Arc<Wish>,
}

/// A visit and its event, as a task's newest version says.
#[derive(Debug)]
pub(super) struct Wish {
    /// The visit as it was published.
    pub(super) visit: Visit,
    /// Its event.
    pub(super) content: EventContent,
}

/// What is remembered of an event in [`Place::confirmed`].
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Confirmed {
    /// It says this.
    Says(EventContent),
    /// Microsoft refused the key as used before while nothing was to be found: it is looked for once more, later.
    TakenUnseen,
    /// It is what a probe made, in the past and without a word of the task: it is removed, and never kept beside a visit.
    Probe,
}

impl Wanted {
    /// Reads the wanted state of a claim.
    pub(super) fn read(settings: CalendarSettings, work: &Work) -> Result<Self, serde_json::Error> {
        let read = || {
            WantedTask::deserialize(&work.wanted).map(|wanted| match wanted {
                WantedTask::Closed { .. } => None,
                WantedTask::Scheduled(visit) => {
                    let content = EventContent::of(&visit, &work.key, settings.reminder_minutes);
                    Some(Arc::new(Wish { visit, content }))
                }
            })
        };
        Ok(match &*work.understood.or_read(read)? {
            None => Self::Nowhere,
            Some(wish) => Self::At(Home { mailbox: mailbox(work, &wish.visit.assignee), wish: wish.clone() }),
        })
    }

    /// The mailbox that the event belongs in.
    pub(super) fn home(&self) -> Option<&Home> {
        match self {
            Self::At(home) => Some(home),
            Self::Nowhere => None,
        }
    }
}

impl Deref for Home {
    type Target = Wish;

    fn deref(&self) -> &Wish {
        &self.wish
    }
}

impl Home {
    /// Whether the place is in this mailbox, under this name.
    pub(super) fn holds(&self, place: &Place) -> bool {
        place.target == self.mailbox
    }

    /// The place that stays: of several, always the same one. A visit stays before what a probe made, whatever their generations:
    /// were the probe's event to become the visit, there would be two until the other is removed.
    pub(super) fn keeper<'places>(&self, places: &'places [Place]) -> Option<&'places Place> {
        let here = places.iter().filter(|place| self.holds(place));
        let standing = here.filter(|place| event_id(place).is_some());
        standing.min_by_key(|place| (Confirmed::of(place) == Some(Confirmed::Probe), place.generation))
    }
}

/// The preferred name of the worker's mailbox, unless the event stands there already under the other name that the worker is
/// published with: then that one, as long as it works.
fn mailbox(work: &Work, assignee: &Assignee) -> String {
    let preferred = assignee.mailbox();
    let known = |name: &str| work.places.iter().any(|place| place.target == name);
    let other = assignee.user_principal_name.as_deref().map(str::to_lowercase);
    match other {
        Some(other) if !known(&preferred) && known(&other) && !failed_for_good(work, &other) => other,
        _ => preferred,
    }
}

/// Whether a call to this mailbox failed for good since the claim.
pub(super) fn failed_for_good(work: &Work, mailbox: &str) -> bool {
    work.failures.iter().any(|failure| failure.target == mailbox && failure.kind == FailureKind::Permanent)
}

/// Whether two names may be one mailbox: one is an object id and the other a principal name. Two principal names, or two object
/// ids, are two mailboxes.
pub(super) fn may_be_one(one: &str, other: &str) -> bool {
    is_object_id(one) != is_object_id(other)
}

fn is_object_id(name: &str) -> bool {
    Uuid::try_parse(name).is_ok()
}

/// Microsoft's id of an event that is known to stand there.
pub(super) fn event_id(place: &Place) -> Option<&str> {
    (place.state == PlaceState::Present).then_some(place.remote_id.as_deref()).flatten()
}

impl Confirmed {
    /// What is remembered of a place; nothing when it cannot be read, which costs one full update.
    pub(super) fn of(place: &Place) -> Option<Self> {
        place.confirmed.as_ref().and_then(|known| Self::deserialize(known).ok())
    }

    /// What the event at a place says, if that is known.
    pub(super) fn content(place: &Place) -> Option<EventContent> {
        match Self::of(place)? {
            Self::Says(content) => Some(content),
            Self::TakenUnseen | Self::Probe => None,
        }
    }

    /// The form that is kept.
    pub(super) fn keep(&self) -> Option<Value> {
        serde_json::to_value(self).ok()
    }
}
