//! What is known after a call that was refused, or whose answer was lost. Pure.

use super::{
    call::Call,
    ledger::Ledger,
    lesson::Lesson,
    notes,
    refusal::{calendar_is_gone, event_is_gone, failure, made_nothing, mailbox_is_gone},
};
use crate::{
    capabilities::{Failure, FailureKind, Learned, Place, PlaceState},
    graph::{GraphError, Verdict},
};

/// Takes a refusal in.
pub(super) fn learn(lesson: &Lesson<'_>, error: &GraphError) -> Learned {
    let ledger = Ledger::of(lesson.work);
    match lesson.call {
        Call::LookUp { .. } => looked_up(lesson, error),
        Call::Create { repeat, .. } => created(lesson, error, *repeat),
        // Removal from a mailbox that no longer exists counts as done.
        Call::Probe { .. } if calendar_is_gone(error) && !lesson.at_home() => mailbox_gone(lesson),
        Call::Update { mailbox, generation, .. } if event_is_gone(error) => {
            // Deleted by the worker: created again, in a generation of its own.
            let mut ledger = ledger;
            ledger.gone(mailbox, *generation);
            let audit = Some(notes::failed(lesson.work, lesson.call, error, false));
            Learned { places: ledger.into_changes(), audit, ..Learned::default() }
        }
        Call::Remove { mailbox, generation, .. } if error.verdict == Verdict::NotFound || mailbox_is_gone(error) => {
            let mut ledger = ledger;
            ledger.gone(mailbox, *generation);
            lesson.already_gone(ledger)
        }
        Call::Probe { .. } | Call::Update { .. } | Call::Remove { .. } => failed(lesson, error, ledger),
    }
}

fn looked_up(lesson: &Lesson<'_>, error: &GraphError) -> Learned {
    if calendar_is_gone(error) && !lesson.at_home() {
        return mailbox_gone(lesson);
    }
    let failure = failure(lesson.call.mailbox(), error);
    let failure = match failure.kind {
        // A lost answer to a read leaves nothing open.
        FailureKind::Ambiguous => Failure { kind: FailureKind::Transient, ..failure },
        _ => failure,
    };
    let audit = (failure.kind == FailureKind::Permanent).then(|| notes::failed(lesson.work, lesson.call, error, false));
    Learned { failure: Some(failure), audit, ..Learned::default() }
}

/// Nothing stands in a mailbox that is not there.
fn mailbox_gone(lesson: &Lesson<'_>) -> Learned {
    let mailbox = lesson.call.mailbox();
    let mut ledger = Ledger::of(lesson.work);
    for place in lesson.work.places.iter().filter(|place| place.target == mailbox) {
        ledger.gone(mailbox, place.generation);
    }
    let rechecked = lesson.all_looked_at(&ledger);
    let learned = lesson.removed(ledger);
    Learned {
        audit: learned.audit.map(|audit| audit.with("mailboxGone", true.into())),
        looked: Some(mailbox.to_owned()),
        rechecked,
        ..learned
    }
}

/// The key was used before: whatever became of asking by what, something may stand there.
pub(super) fn taken_unread(lesson: &Lesson<'_>, error: &GraphError) -> Learned {
    let mut ledger = Ledger::of(lesson.work);
    ledger.put(Place { state: PlaceState::Unknown, ..lesson.place() });
    failed(lesson, error, ledger)
}

fn created(lesson: &Lesson<'_>, error: &GraphError, repeat: bool) -> Learned {
    let mut ledger = Ledger::of(lesson.work);
    let place = lesson.place();
    if made_nothing(error) && !repeat {
        ledger.gone(&place.target, place.generation);
    } else {
        ledger.put(Place { state: PlaceState::Unknown, ..place });
    }
    failed(lesson, error, ledger)
}

fn failed(lesson: &Lesson<'_>, error: &GraphError, ledger: Ledger<'_>) -> Learned {
    let failure = failure(lesson.call.mailbox(), error);
    let unknown = failure.kind == FailureKind::Ambiguous;
    let audit = Some(notes::failed(lesson.work, lesson.call, error, unknown));
    Learned { places: ledger.into_changes(), audit, failure: Some(failure), ..Learned::default() }
}
