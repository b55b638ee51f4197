//! What is known after a call. Pure.

use chrono::TimeDelta;
use serde_json::json;

use super::{
    TeamsSettings,
    call::{Answer, Call, Reply, Send},
    desk::{Channel, DeskError, Turn},
    intend::place,
    kept::{Kept, Thread},
    look::{Briefing, Look, Seen},
    marker::{Marker, Step},
    notes, refusal,
    refusal::Refused,
    says::Says,
    wanted::WantedCard,
};
use crate::{
    capabilities::{Announcement, Failure, FailureKind, Learned, Outcome, Place, PlaceChange, PlaceState, Work},
    graph::{GraphError, Verdict},
};

/// How long a channel rests after a call to it.
const REST: TimeDelta = TimeDelta::seconds(1);

/// Takes an answer in.
pub(super) fn learn(settings: TeamsSettings, work: &Work, call: &Call, answer: Answer) -> Learned {
    match (call, answer.0) {
        (_, Reply::Opened(Ok(channel))) => opened(work, channel),
        (Call::Turn(channel, _), Reply::Turned(Ok(turn))) => turned(work, channel, turn),
        (_, Reply::Opened(Err(error)) | Reply::Turned(Err(error))) => no_desk(work, &error),
        (Call::LookUp(look), Reply::Looked(seen)) => rested(&look.channel, looked(work, look, seen)),
        (Call::Send(send), Reply::Sent(Ok((id, request_id)))) => rested(&send.channel, sent(work, send, Some(id), request_id)),
        (Call::Send(send), Reply::Handed(Ok(()))) => rested(&send.channel, sent(work, send, None, None)),
        (Call::Send(send), Reply::Sent(Err(error))) => {
            rested(&send.channel, refused(settings, work, send, refusal::by_graph(send, &error)))
        }
        (Call::Send(send), Reply::Handed(Err(error))) => {
            rested(&send.channel, refused(settings, work, send, refusal::by_webhook(&send.channel.target, &error)))
        }
        (_, Reply::Left) => left(work),
        // An answer of another call: cannot be, and teaches nothing.
        _ => Learned::default(),
    }
}

fn rested(channel: &Channel, learned: Learned) -> Learned {
    Learned { rest: Some((channel.target.clone(), REST)), ..learned }
}

/// The channel is known. What a worker without a lease did in it becomes a card like any other: its marker says which.
fn opened(work: &Work, channel: Option<Channel>) -> Learned {
    let mut places = Vec::new();
    for suspicion in work.places.iter().filter(|place| place.is_suspicion()) {
        places.push(PlaceChange::Gone { target: suspicion.target.clone(), generation: suspicion.generation });
        let known = |marker: &Marker| {
            work.places.iter().any(|place| place.target == suspicion.target && place.generation == marker.generation)
        };
        if let Some(marker) = Marker::find(work, &suspicion.idempotency_key).filter(|marker| !known(marker)) {
            places.push(PlaceChange::Put(Place {
                generation: marker.generation,
                confirmed: of_marker(&marker, work.context.time).keep(),
                ..suspicion.clone()
            }));
        }
    }
    let briefing = Briefing { channel, ..Briefing::of(work).unwrap_or_default() };
    Learned { places, briefing: briefing.keep(), ..Learned::default() }
}

fn of_marker(marker: &Marker, at: chrono::DateTime<chrono::Utc>) -> Kept {
    Kept { step: marker.step, version: marker.version, says: None, at, twice: false, held: false, missed: false }
}

fn turned(work: &Work, channel: &Channel, turn: Turn) -> Learned {
    let target = &channel.target;
    match turn {
        Turn::Wait(until) => not_yet(
            target.clone(),
            until,
            "CHANNEL_IS_FULL",
            "the channel has had its cards for this minute (teams.cards_per_minute)",
        ),
        // Under a name that is no channel's: the others go on, the summary's leader among them.
        Turn::Pending(until) => {
            not_yet(format!("{target}#summary"), until, "IN_SUMMARY", "a summary tells of it, and is not known to stand yet")
        }
        Turn::Covered => covered(work, target),
        turn => {
            let briefing = Briefing { turn: Some(turn), ..Briefing::of(work).unwrap_or_default() };
            Learned { briefing: briefing.keep(), ..Learned::default() }
        }
    }
}

fn not_yet(target: String, until: chrono::DateTime<chrono::Utc>, code: &str, message: &str) -> Learned {
    let kind = FailureKind::Throttled { until, whole_workload: false };
    let failure = Failure { target, kind, code: code.into(), message: message.into(), graph_request_id: None };
    Learned { failure: Some(failure), ..Learned::default() }
}

/// A summary told of this version.
fn covered(work: &Work, target: &str) -> Learned {
    let generation = work.generation + 1;
    let says = WantedCard::read(work).ok().map(|wanted| Says::of(&wanted.outage));
    let kept = Kept { says, ..of_marker(&Marker::new(work, generation, Step::Summary), work.context.time) };
    let place = Place {
        target: target.to_owned(),
        generation,
        idempotency_key: Marker::new(work, generation, Step::Summary).to_string(),
        state: PlaceState::Present,
        remote_id: None,
        confirmed: kept.keep(),
    };
    let mut places = superseded(work, target, Step::Summary, generation);
    // What was open before is told by the summary, too.
    places.extend(Thread::of(work, target).open.map(|(open, _)| gone(&open)));
    places.push(PlaceChange::Put(place));
    Learned {
        places,
        audit: Some(notes::told(work, Step::Summary, generation, ("inSummary", json!(true)))),
        announce: Some(Announcement { action: "posted", target: Some(target.to_owned()), remote_id: None }),
        ..Learned::default()
    }
}

fn no_desk(work: &Work, error: &DeskError) -> Learned {
    let target = WantedCard::read(work).map(|wanted| wanted.target).unwrap_or_default();
    let (code, message) = ("CHANNEL_UNREADABLE".to_owned(), error.to_string());
    let failure = Failure { target, kind: FailureKind::Transient, code, message, graph_request_id: None };
    Learned { failure: Some(failure), ..Learned::default() }
}

fn sent(work: &Work, send: &Send, remote_id: Option<String>, request_id: Option<String>) -> Learned {
    let mut places = superseded(work, &send.channel.target, send.step(), send.marker.generation);
    places.push(PlaceChange::Put(place(work, send, PlaceState::Present, remote_id.clone())));
    Learned {
        places,
        audit: Some(notes::sent(work, send, Outcome::Succeeded, request_id)),
        announce: Some(announced(send.step(), &send.channel.target, remote_id)),
        ..Learned::default()
    }
}

fn announced(step: Step, target: &str, remote_id: Option<String>) -> Announcement {
    Announcement { action: notes::told_as(step), target: Some(target.to_owned()), remote_id }
}

/// Cards that nothing needs to be known of once a newer one stands: all but the thread's first message, unless the new one begins
/// another thread.
fn superseded(work: &Work, target: &str, step: Step, generation: u64) -> Vec<PlaceChange> {
    let others = work.places.iter().filter(|place| place.target == target && place.state == PlaceState::Present);
    let stays = |place: &&Place| {
        place.generation == generation || (step != Step::Post && Kept::of(place).is_some_and(|kept| kept.step == Step::Post))
    };
    others.filter(|place| !stays(place)).map(gone).collect()
}

fn gone(place: &Place) -> PlaceChange {
    PlaceChange::Gone { target: place.target.clone(), generation: place.generation }
}

fn refused(settings: TeamsSettings, work: &Work, send: &Send, refused: Refused) -> Learned {
    let Refused { mut failure, maybe, rootless } = refused;
    let made = place(work, send, PlaceState::Unknown, None);
    let mut places = Vec::new();
    // What was sent before under the same marker may stand there, whatever became of this one.
    if maybe || send.twice {
        places.push(PlaceChange::Put(made));
    } else {
        places.push(gone(&made));
    }
    if rootless {
        // The thread's first message was deleted: the next decision begins another.
        let root = work.places.iter().filter(|place| Kept::of(place).is_some_and(|kept| kept.step == Step::Post));
        places = root.chain([&place(work, send, PlaceState::Unknown, None)]).map(gone).collect();
        return Learned { places, audit: Some(notes::refused(work, send, &failure)), ..Learned::default() };
    }
    let audit = if failure.kind == FailureKind::Ambiguous {
        notes::sent(work, send, Outcome::Unknown, failure.graph_request_id.clone())
    } else {
        notes::refused(work, send, &failure)
    };
    if failure.kind == FailureKind::Ambiguous && !send.by_graph && settings.hold_unknown {
        return held(work, &send.channel.target, place(work, send, PlaceState::Unknown, None), Some(audit));
    }
    failure.graph_request_id.clone_from(&audit.graph_request_id);
    Learned { places, audit: Some(audit), failure: Some(failure), ..Learned::default() }
}

fn left(work: &Work) -> Learned {
    let Ok(wanted) = WantedCard::read(work) else { return Learned::default() };
    let Some((open, _)) = Thread::of(work, &wanted.target).open else { return Learned::default() };
    held(work, &wanted.target, open, None)
}

/// Marks an open card as left to a person.
fn held(work: &Work, target: &str, open: Place, audit: Option<crate::capabilities::AuditNote>) -> Learned {
    let kept = Kept::of(&open).unwrap_or_else(|| of_marker(&Marker::new(work, open.generation, Step::Post), work.context.time));
    let open = Place { state: PlaceState::Unknown, confirmed: Kept { held: true, ..kept }.keep(), ..open };
    Learned { places: vec![PlaceChange::Put(open)], audit, failure: Some(refusal::held(target)), ..Learned::default() }
}

fn looked(work: &Work, look: &Look, seen: Result<Seen, GraphError>) -> Learned {
    let target = &look.channel.target;
    let briefing = Briefing::of(work).unwrap_or_default();
    let seen = match seen {
        Ok(seen) => seen,
        Err(error) if error.verdict == Verdict::Forbidden || is_app_only(&error) => {
            let briefing = Briefing { blind: true, link: None, ..briefing };
            return Learned { briefing: briefing.keep(), ..Learned::default() };
        }
        // The message that replies went under was deleted.
        Err(error) if error.verdict == Verdict::NotFound && look.under.is_some() => {
            let ours = work.places.iter().filter(|place| place.target == *target);
            let places = ours.filter(|place| look.under == place.remote_id || place.state != PlaceState::Present).map(gone);
            return Learned { places: places.collect(), looked: Some(look.mark()), ..Learned::default() };
        }
        Err(error) => return Learned { failure: Some(refusal::graph_failure(target, &error)), ..Learned::default() },
    };
    let mut learned = adopt(work, target, &seen);
    let link = seen.next.map(|link| (link, look.page + 1));
    if link.is_none() {
        learned.looked = Some(look.mark());
        let found = |generation| seen.found.iter().any(|(marker, ..)| marker.generation == generation);
        let open = Thread::of(work, target)
            .open
            .filter(|(place, kept)| (kept.step == Step::Reply) == look.under.is_some() && !found(place.generation));
        if let Some((place, kept)) = open {
            not_found(&mut learned, target, place, kept);
        }
    }
    learned.briefing = Briefing { link, ..briefing }.keep();
    learned
}

/// An application may not even read there.
fn is_app_only(error: &GraphError) -> bool {
    error.verdict == Verdict::Unauthorized && !error.is("InvalidAuthenticationToken")
}

fn not_found(learned: &mut Learned, target: &str, place: Place, kept: Kept) {
    if kept.missed {
        learned.places.push(gone(&place));
        return;
    }
    let confirmed = Kept { missed: true, ..kept }.keep();
    learned.places.push(PlaceChange::Put(Place { state: PlaceState::Unknown, confirmed, ..place }));
    learned.failure = Some(Failure {
        target: target.to_owned(),
        kind: FailureKind::Transient,
        code: "MESSAGE_NOT_FOUND".into(),
        message: "a card whose answer was lost is not to be found (yet)".into(),
        graph_request_id: None,
    });
}

/// Takes up our cards that were not known to stand.
fn adopt(work: &Work, target: &str, seen: &Seen) -> Learned {
    let mut learned = Learned::default();
    for (marker, id, made) in &seen.found {
        let known = work
            .places
            .iter()
            .find(|place| place.target == target && place.generation == marker.generation && !place.is_suspicion());
        if known.is_some_and(|place| place.state == PlaceState::Present) {
            continue;
        }
        let kept = known.and_then(Kept::of).unwrap_or_else(|| of_marker(marker, made.unwrap_or(work.context.time)));
        learned.places.push(PlaceChange::Put(Place {
            target: target.to_owned(),
            generation: marker.generation,
            idempotency_key: marker.to_string(),
            state: PlaceState::Present,
            remote_id: Some(id.clone()),
            confirmed: Kept { missed: false, ..kept }.keep(),
        }));
        learned.audit = Some(notes::told(work, marker.step, marker.generation, ("adopted", json!(true))));
        learned.announce = Some(announced(marker.step, target, Some(id.clone())));
    }
    if let Some(audit) = &mut learned.audit {
        audit.graph_request_id.clone_from(&seen.request_id);
    }
    learned
}
