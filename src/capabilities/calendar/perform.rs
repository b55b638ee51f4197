//! A call, as requests to Graph.
//!
//! How repeating each is harmless:
//! - a look-up reads;
//! - a creation carries a `transactionId` made from task, mailbox and generation: Exchange answers a repeat with the event that the
//!   first one made, or refuses it as a duplicate, in which case that event is looked for and handed back as such;
//! - an update sets values, and a removal of what is gone is answered 404.

use serde_json::Value;

use super::{
    call::{Answer, Call, Found, Reply},
    content::EventContent,
    key,
    refusal::event_is_gone,
    wire,
};
use crate::{
    capabilities::Work,
    graph::{Graph, GraphError, Request, Response, Verdict},
};

/// Refusal of a key that was used for another content (alcionai/corso issue 2490; seen with 400 and 409).
const DUPLICATE: &str = "ErrorDuplicateTransactionId";
/// Where some answers name the event that took the key.
const EXISTING: &str = "@event.existingEventId";
/// Refusal of a zone name by a mailbox server that supports fewer than Microsoft lists.
const UNKNOWN_ZONE: &str = "TimeZoneNotSupportedException";
/// More pages than one task's events can fill; what lies behind them is found by the next look-up.
const MAX_PAGES: usize = 20;

/// Makes the call.
pub(super) async fn perform(graph: &impl Graph, work: &Work, call: &Call) -> Answer {
    let reference = key::reference(work);
    match call {
        Call::LookUp { mailbox } => answer(look_up(graph, mailbox, &reference).await),
        Call::Create { mailbox, transaction_id, content, .. } => {
            let request = |content: &EventContent| wire::create(mailbox, &reference, transaction_id, content);
            let mut answered = create(graph, request(content), mailbox, &reference, Some(content)).await;
            for other in others_for(&answered, content) {
                if !zone_is_unknown(&answered) {
                    break;
                }
                answered = create(graph, request(&other), mailbox, &reference, Some(content)).await;
            }
            answer(answered)
        }
        Call::Probe { mailbox, transaction_id, .. } => {
            let request = wire::probe(mailbox, &reference, transaction_id);
            answer(create(graph, request, mailbox, &reference, None).await)
        }
        Call::Update { mailbox, event_id, patch, content, .. } => {
            let mut answered = graph.send(wire::update(mailbox, event_id, patch.body.clone())).await;
            for other in others_for(&answered, content) {
                if !zone_is_unknown(&answered) {
                    break;
                }
                answered = graph.send(wire::update(mailbox, event_id, patch.named_as(&other))).await;
            }
            done(answered)
        }
        Call::Remove { mailbox, event_id, .. } => done(graph.send(wire::remove(mailbox, event_id)).await),
    }
}

/// The other names to try when the mailbox server refused that of the time zone; none otherwise.
fn others_for<T>(answered: &Result<T, GraphError>, content: &EventContent) -> Vec<EventContent> {
    if zone_is_unknown(answered) { content.otherwise_named() } else { Vec::new() }
}

/// Whether the mailbox server refused the name of a time zone.
fn zone_is_unknown<T>(answered: &Result<T, GraphError>) -> bool {
    answered.as_ref().is_err_and(|error| error.is(UNKNOWN_ZONE))
}

type Answered = Result<(Reply, Option<String>), GraphError>;

fn answer(answered: Answered) -> Answer {
    match answered {
        Ok((reply, request_id)) => Answer { outcome: Ok(reply), request_id },
        Err(error) => Answer { request_id: error.request_id.clone(), outcome: Err(error) },
    }
}

fn done(answered: Result<Response, GraphError>) -> Answer {
    answer(answered.map(|response| (Reply::Done, response.request_id)))
}

async fn look_up(graph: &impl Graph, mailbox: &str, reference: &str) -> Answered {
    let request = wire::look_up(mailbox, reference);
    let mut response = graph.send(request.clone()).await?;
    let mut found = Vec::new();
    let mut page = 1;
    loop {
        let request_id = response.request_id.clone();
        let events: wire::Page =
            serde_json::from_value(response.body).map_err(|error| unreadable(error, Verdict::Transient, request_id.clone()))?;
        found.extend(events.value.into_iter().filter(|event| event.carries(reference)).map(wire::Event::found));
        match events.next {
            Some(next) if page < MAX_PAGES => response = graph.follow(&next, &request).await?,
            _ => return Ok((Reply::Found(distinct(found)), request_id)),
        }
        page += 1;
    }
}

/// Oldest first; an event that moved from one page to the next while they were read counts once.
fn distinct(mut found: Vec<Found>) -> Vec<Found> {
    found.sort();
    found.dedup_by(|one, other| one.id == other.id);
    found
}

async fn create(graph: &impl Graph, request: Request, mailbox: &str, reference: &str, sent: Option<&EventContent>) -> Answered {
    match graph.send(request).await {
        Ok(response) => {
            let request_id = response.request_id.clone();
            // An answer that names no event leaves open what was made.
            let event: wire::Event = serde_json::from_value(response.body)
                .map_err(|error| unreadable(error, Verdict::Ambiguous, request_id.clone()))?;
            let differs = sent.is_some_and(|sent| event.differs_from(sent));
            Ok((Reply::Made { event: event.found(), differs }, request_id))
        }
        Err(error) if error.is(DUPLICATE) => {
            Ok(taken(graph, mailbox, reference, &error).await.unwrap_or_else(|error| (Reply::TakenUnread(error), None)))
        }
        Err(error) => Err(error),
    }
}

/// The key was used before: finds out by what.
async fn taken(graph: &impl Graph, mailbox: &str, reference: &str, duplicate: &GraphError) -> Answered {
    if let Some(id) = duplicate.detail.get(EXISTING).and_then(Value::as_str) {
        match graph.send(wire::read(mailbox, id)).await {
            Ok(response) => {
                let request_id = response.request_id.clone();
                let event: wire::Event = serde_json::from_value(response.body)
                    .map_err(|error| unreadable(error, Verdict::Transient, request_id.clone()))?;
                if event.carries(reference) {
                    return Ok((Reply::Taken(vec![event.found()]), request_id));
                }
            }
            Err(error) if event_is_gone(&error) => return Ok((Reply::TakenAndGone, error.request_id)),
            Err(error) => return Err(error),
        }
    }
    let (reply, request_id) = look_up(graph, mailbox, reference).await?;
    match reply {
        Reply::Found(found) if !found.is_empty() => Ok((Reply::Taken(found), request_id)),
        _ => Ok((Reply::TakenUnseen, request_id)),
    }
}

/// An answer that succeeded, with a body that cannot be read.
fn unreadable(error: serde_json::Error, verdict: Verdict, request_id: Option<String>) -> GraphError {
    GraphError {
        verdict,
        code: "unreadableAnswer".into(),
        message: String::new(),
        status: None,
        request_id,
        detail: Value::Null,
        elapsed: std::time::Duration::ZERO,
        source: Some(Box::new(error)),
    }
}
