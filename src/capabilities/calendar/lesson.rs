//! A call with what was known before its answer, and what every answer to it is judged by. Pure.

use super::{call::Call, home::Home, ledger::Ledger, notes};
use crate::capabilities::{Announcement, Learned, Place, PlaceState, Work};

/// A call, and what was known before its answer.
pub(super) struct Lesson<'call> {
    pub(super) work: &'call Work,
    pub(super) call: &'call Call,
    pub(super) home: Option<&'call Home>,
    pub(super) request_id: Option<String>,
}

impl Lesson<'_> {
    /// What was to be removed is not there (any more).
    pub(super) fn already_gone(&self, ledger: Ledger<'_>) -> Learned {
        let learned = self.removed(ledger);
        Learned { audit: learned.audit.map(|audit| audit.with("alreadyGone", true.into())), ..learned }
    }

    /// Something of ours is gone from a mailbox.
    pub(super) fn removed(&self, ledger: Ledger<'_>) -> Learned {
        let Call::Remove { event_id, .. } = self.call else { return self.gone(ledger, None) };
        self.gone(ledger, Some(event_id.clone()))
    }

    fn gone(&self, ledger: Ledger<'_>, remote_id: Option<String>) -> Learned {
        let mailbox = self.call.mailbox().to_owned();
        let announce = match self.home {
            None => Some(Announcement { action: "removed", target: Some(mailbox), remote_id }),
            // One of several in the right mailbox: nothing that others need to know.
            Some(_) if self.at_home() => None,
            Some(_) => self.told(&ledger, "moved"),
        };
        let audit = Some(notes::finished(self.work, self.call, notes::DELETED, self.request_id.clone()));
        Learned { audit, announce, places: ledger.into_changes(), ..Learned::default() }
    }

    /// The announcement of a call in the right mailbox: as a move while the event stands, or may stand, elsewhere too.
    pub(super) fn stands(&self, ledger: &Ledger<'_>, action: &'static str) -> Option<Announcement> {
        let home = self.home.filter(|_| self.at_home())?;
        let elsewhere = ledger.places().iter().any(|place| !home.holds(place));
        self.told(ledger, if elsewhere { "moved" } else { action })
    }

    fn told(&self, ledger: &Ledger<'_>, action: &'static str) -> Option<Announcement> {
        let keeper = self.home?.keeper(ledger.places())?;
        Some(Announcement { action, target: Some(keeper.target.clone()), remote_id: keeper.remote_id.clone() })
    }

    /// The picture may be trusted again once every mailbox in it was looked at.
    pub(super) fn all_looked_at(&self, ledger: &Ledger<'_>) -> bool {
        let looked = |mailbox: &str| mailbox == self.call.mailbox() || self.work.looked.contains(mailbox);
        ledger.places().iter().all(|place| looked(&place.target)) && self.home.is_none_or(|home| looked(&home.mailbox))
    }

    /// Whether the call is to the mailbox that the visit belongs in.
    pub(super) fn at_home(&self) -> bool {
        self.home.is_some_and(|home| home.mailbox == self.call.mailbox())
    }

    /// The place of the attempt that the call is about.
    pub(super) fn place(&self) -> Place {
        let (mailbox, generation) = (self.call.mailbox(), self.call.generation().unwrap_or_default());
        let known = self.work.places.iter().find(|place| place.target == mailbox && place.generation == generation);
        let idempotency_key = match self.call {
            Call::Create { transaction_id, .. } | Call::Probe { transaction_id, .. } => transaction_id.clone(),
            Call::LookUp { .. } | Call::Update { .. } | Call::Remove { .. } => String::new(),
        };
        known.cloned().unwrap_or_else(|| Place {
            target: mailbox.to_owned(),
            generation,
            idempotency_key,
            state: PlaceState::Unknown,
            remote_id: None,
            confirmed: None,
        })
    }
}
