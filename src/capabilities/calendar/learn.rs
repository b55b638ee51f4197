//! What is known after a call. Pure.

use super::{
    call::{Answer, Call, Found, Reply},
    home::{Confirmed, Home, event_id},
    learn_refusal,
    ledger::{Ledger, present, probed},
    lesson::Lesson,
    notes,
};
use crate::capabilities::{Failure, FailureKind, Learned, Outcome, Place, PlaceState, Work};

/// Generations that may turn out to be used up in one claim (a restored backup rolled the counter back); the rest waits for the
/// next claim, which goes on where this one stopped.
const USED_UP_AT_ONCE: usize = 8;
/// Marks a used-up generation among what was looked at; no mailbox is named like this.
const USED_UP: &str = "generation/";

/// Takes an answer in.
pub(super) fn learn(work: &Work, call: &Call, answer: Answer, home: Option<&Home>) -> Learned {
    let lesson = Lesson { work, call, home, request_id: answer.request_id };
    match answer.outcome {
        Err(error) => learn_refusal::learn(&lesson, &error),
        Ok(Reply::Found(found)) => lesson.looked_up(&found),
        Ok(Reply::Made { event, differs }) => lesson.made(&event, differs),
        Ok(Reply::Taken(found)) => lesson.taken(&found),
        Ok(Reply::TakenAndGone) => lesson.used_up(),
        Ok(Reply::TakenUnseen) => lesson.taken_unseen(),
        Ok(Reply::TakenUnread(error)) => learn_refusal::taken_unread(&lesson, &error),
        Ok(Reply::Done) => lesson.done(),
    }
}

impl Lesson<'_> {
    fn looked_up(&self, found: &[Found]) -> Learned {
        let mailbox = self.call.mailbox();
        let mut ledger = Ledger::of(self.work);
        if self.work.recheck {
            ledger.doubt(mailbox);
        }
        let known = self.home.is_some_and(|home| home.keeper(ledger.places()).is_some());
        let adopted = self.adopt(&mut ledger, found);
        ledger.clear_up(mailbox);
        let note =
            || notes::finished(self.work, self.call, notes::ADOPTED, self.request_id.clone()).with("events", adopted.into());
        Learned {
            audit: (adopted > 0).then(note),
            announce: (adopted > 0).then(|| self.stands(&ledger, if known { "updated" } else { "created" })).flatten(),
            looked: Some(mailbox.to_owned()),
            rechecked: self.all_looked_at(&ledger),
            places: ledger.into_changes(),
            ..Learned::default()
        }
    }

    fn adopt(&self, ledger: &mut Ledger<'_>, found: &[Found]) -> usize {
        let (mailbox, at_home) = (self.call.mailbox(), self.at_home());
        found.iter().filter(|event| ledger.adopt(mailbox, at_home, event)).count()
    }

    fn made(&self, event: &Found, differs: bool) -> Learned {
        let mut ledger = Ledger::of(self.work);
        let mailbox = self.call.mailbox();
        let place = self.place();
        let content = match self.call {
            // The first attempt's content may stand there: what the answer does not show is not known.
            Call::Create { content, repeat: false, .. } if !differs => Confirmed::Says((**content).clone()).keep(),
            _ => probed(event),
        };
        match ledger.holder(mailbox, &event.id) {
            None => ledger.put(Place { confirmed: content, ..present(place, &event.id) }),
            // The same mailbox under another name, and the same event: from now on under the name that is wanted.
            Some(other) if other.target != mailbox && self.at_home() => {
                ledger.gone(&other.target, other.generation);
                ledger.put(present(place, &event.id));
            }
            Some(_) => ledger.gone(mailbox, place.generation),
        }
        self.finished(ledger, notes::action(self.call), "created")
    }

    /// The key was used before. What still stands with our reference is adopted; if none of it has this key, nothing has.
    fn taken(&self, found: &[Found]) -> Learned {
        let mut ledger = Ledger::of(self.work);
        self.adopt(&mut ledger, found);
        let place = self.place();
        if ledger.at(&place.target, place.generation).is_some_and(|place| event_id(&place).is_none()) {
            ledger.gone(&place.target, place.generation);
        }
        self.finished(ledger, notes::ADOPTED, "created")
    }

    /// The generation was used before and its event is gone: the next one is tried.
    fn used_up(&self) -> Learned {
        let mut ledger = Ledger::of(self.work);
        let place = self.place();
        ledger.gone(&place.target, place.generation);
        if let Call::Probe { .. } = self.call {
            return self.already_gone(ledger);
        }
        let tried = self.work.looked.iter().filter(|looked| looked.starts_with(USED_UP)).count() + 1;
        Learned {
            looked: Some(format!("{USED_UP}{}", place.generation)),
            failure: (self.at_home() && tried >= USED_UP_AT_ONCE).then(|| self.key_is_taken()),
            ..self.unfinished(ledger)
        }
    }

    /// The key was used before and nothing is to be found. A search may lag behind, so the place is looked for once more in the
    /// next claim; then the generation counts as used up.
    fn taken_unseen(&self) -> Learned {
        let place = self.place();
        if Confirmed::of(&place) == Some(Confirmed::TakenUnseen) {
            return self.used_up();
        }
        let mut ledger = Ledger::of(self.work);
        ledger.put(Place { state: PlaceState::Unknown, confirmed: Confirmed::TakenUnseen.keep(), ..place });
        Learned { failure: Some(self.key_is_taken()), ..self.unfinished(ledger) }
    }

    fn key_is_taken(&self) -> Failure {
        Failure {
            target: self.call.mailbox().to_owned(),
            kind: FailureKind::Transient,
            code: "TRANSACTION_TAKEN".into(),
            message: "the key of the creation was used before and its event is not to be found (yet)".into(),
            graph_request_id: self.request_id.clone(),
        }
    }

    fn unfinished(&self, ledger: Ledger<'_>) -> Learned {
        let mut audit = notes::finished(self.work, self.call, notes::FAILED, self.request_id.clone());
        audit.outcome = Outcome::Failed;
        let audit = Some(audit.with("step", notes::action(self.call).into()).with("code", "TRANSACTION_TAKEN".into()));
        Learned { places: ledger.into_changes(), audit, ..Learned::default() }
    }

    fn done(&self) -> Learned {
        let mut ledger = Ledger::of(self.work);
        match self.call {
            Call::Update { mailbox, generation, content, .. } => {
                if let Some(place) = ledger.at(mailbox, *generation) {
                    ledger.put(Place { confirmed: Confirmed::Says((**content).clone()).keep(), ..place });
                }
                self.finished(ledger, notes::UPDATED, "updated")
            }
            Call::Remove { mailbox, generation, .. } => {
                ledger.gone(mailbox, *generation);
                self.removed(ledger)
            }
            Call::LookUp { .. } | Call::Create { .. } | Call::Probe { .. } => Learned::default(),
        }
    }

    fn finished(&self, ledger: Ledger<'_>, action: &'static str, told_as: &'static str) -> Learned {
        Learned {
            audit: Some(notes::finished(self.work, self.call, action, self.request_id.clone())),
            announce: self.stands(&ledger, told_as),
            places: ledger.into_changes(),
            ..Learned::default()
        }
    }
}

#[cfg(test)]
mod tests;
