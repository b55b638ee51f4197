//! The next step towards the wanted state: first the mailbox that the visit belongs in, then every other place. Pure.

use super::{
    CalendarSettings,
    call::Call,
    home::{Confirmed, Home, Wanted, event_id, failed_for_good, may_be_one},
    key,
};
use crate::capabilities::{Decision, FailureKind, Place, Work};

/// The next call, or why there is none.
pub(super) fn decide(settings: CalendarSettings, work: &Work) -> Decision<Call> {
    let wanted = match Wanted::read(settings, work) {
        Ok(wanted) => wanted,
        Err(error) => {
            return Decision::Impossible { code: "INVALID_DATA", message: format!("the stored task cannot be read: {error}") };
        }
    };
    if work.failures.iter().any(|failure| holds_everything(&failure.kind)) {
        return Decision::Stop;
    }
    match bring_home(work, wanted.home()).or_else(|| clear_out(work, wanted.home())) {
        Some(call) => Decision::Call(call),
        None if is_done(work, wanted.home()) => Decision::Settled,
        None => Decision::Stop,
    }
}

/// After such a failure nothing else of the organisation can be sent either.
fn holds_everything(kind: &FailureKind) -> bool {
    matches!(kind, FailureKind::Connection | FailureKind::Throttled { whole_workload: true, .. })
}

/// Makes the event stand where it belongs, and say what it should.
fn bring_home(work: &Work, home: Option<&Home>) -> Option<Call> {
    let home = home.filter(|home| !work.failed(&home.mailbox))?;
    let looked = work.looked.contains(&home.mailbox);
    if work.recheck && !looked {
        return Some(Call::LookUp { mailbox: home.mailbox.clone() });
    }
    if let Some((keeper, event_id)) = home.keeper(&work.places).and_then(|place| Some((place, event_id(place)?))) {
        return bring_up_to_date(home, keeper, event_id);
    }
    if let Some(open) = work.places.iter().filter(|place| home.holds(place)).min_by_key(|place| place.generation) {
        let call = if looked { create_again(home, open) } else { Call::LookUp { mailbox: home.mailbox.clone() } };
        return Some(call);
    }
    // It may stand there under another name for the mailbox.
    if !looked && work.places.iter().any(|place| may_be_one(&place.target, &home.mailbox)) {
        return Some(Call::LookUp { mailbox: home.mailbox.clone() });
    }
    Some(create(work, home))
}

fn bring_up_to_date(home: &Home, keeper: &Place, event_id: &str) -> Option<Call> {
    let confirmed = Confirmed::content(keeper);
    if confirmed.as_ref() == Some(&home.content) {
        return None;
    }
    Some(Call::Update {
        mailbox: home.mailbox.clone(),
        generation: keeper.generation,
        event_id: event_id.to_owned(),
        patch: home.content.patch(confirmed.as_ref()),
        content: Box::new(home.content.clone()),
    })
}

/// A new task costs this one call: no look-up before it.
fn create(work: &Work, home: &Home) -> Call {
    let generation = work.generation + 1;
    Call::Create {
        mailbox: home.mailbox.clone(),
        generation,
        transaction_id: key::transaction_id(&work.organisation, &work.key, &home.mailbox, generation),
        repeat: false,
        content: Box::new(home.content.clone()),
    }
}

/// The same key again: should the first attempt have got through unseen, Exchange makes no second event.
fn create_again(home: &Home, open: &Place) -> Call {
    Call::Create {
        mailbox: home.mailbox.clone(),
        generation: open.generation,
        transaction_id: open.idempotency_key.clone(),
        repeat: true,
        content: Box::new(home.content.clone()),
    }
}

/// Whether everything is as wanted, now that there is no call left to make. A failure on the way may have become pointless: the
/// mailbox answered under its other name.
fn is_done(work: &Work, home: Option<&Home>) -> bool {
    let at_home = home.is_none_or(|home| !work.failed(&home.mailbox));
    at_home && !work.places.iter().any(|place| is_leftover(place, home.and_then(|home| home.keeper(&work.places))))
}

/// Removes every event but the one that stays. A mailbox that failed is left for the next claim; the others do not wait for it.
fn clear_out(work: &Work, home: Option<&Home>) -> Option<Call> {
    let keeper = home.and_then(|home| home.keeper(&work.places));
    let due = |place: &&Place| is_leftover(place, keeper) && !work.failed(&place.target) && !may_be_the_one(work, home, place);
    work.places.iter().find(due).map(|place| remove(work, place))
}

/// Whether a place is not the one that stays. What was just adopted is never removed, under whatever name and generation it is
/// known too.
fn is_leftover(place: &Place, keeper: Option<&Place>) -> bool {
    keeper.is_none_or(|keeper| {
        let one_mailbox = keeper.target == place.target || may_be_one(&keeper.target, &place.target);
        !(one_mailbox && event_id(place).is_some() && event_id(place) == event_id(keeper))
    })
}

/// While the wanted mailbox does not answer, an event under what may be another name for it stays: it may be the right one.
fn may_be_the_one(work: &Work, home: Option<&Home>, place: &Place) -> bool {
    home.is_some_and(|home| {
        home.keeper(&work.places).is_none() && !failed_for_good(work, &home.mailbox) && may_be_one(&home.mailbox, &place.target)
    })
}

fn remove(work: &Work, place: &Place) -> Call {
    let mailbox = place.target.clone();
    let looked = work.looked.contains(&mailbox);
    match event_id(place) {
        _ if work.recheck && !looked => Call::LookUp { mailbox },
        Some(event_id) => Call::Remove { mailbox, generation: place.generation, event_id: event_id.to_owned() },
        None if !looked => Call::LookUp { mailbox },
        None => Call::Probe { mailbox, generation: place.generation, transaction_id: place.idempotency_key.clone() },
    }
}

#[cfg(test)]
mod tests;
