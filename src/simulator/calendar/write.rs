//! Create, update and delete.

use std::sync::Arc;

use super::{
    Calendar, MailboxCall,
    draft::Draft,
    event::{Content, Event},
};
use crate::simulator::{
    call::Reply,
    errors::Failure,
    rules::{self, Allowed},
    tenant::{AfterDelete, DuplicateFace, MailboxState, Person, TenantSettings},
};

pub(super) fn create(mailbox: &MailboxCall<'_>) -> Result<Reply, Failure> {
    let view = rules::check(mailbox.call, Allowed { body: true, ..Allowed::default() })?;
    let draft = draft(&mailbox.call.body)?;
    let content = Content::create(draft.clone(), mailbox.settings)?;
    let event = {
        let mut calendar = mailbox.person.calendar.lock();
        match known(&calendar, &draft, mailbox.settings)? {
            Some(existing) => existing,
            None if *mailbox.person.mailbox.read() == MailboxState::Full => {
                return Err(Failure::new(507, "ErrorQuotaExceeded", "The mailbox is full."));
            }
            None => {
                let event = calendar.insert(content, mailbox.person.number, mailbox.now);
                if let Some(id) = draft.transaction_id.value().cloned() {
                    calendar.remember(id, event.number, draft);
                }
                event
            }
        }
    };
    let origin = mailbox.call.origin();
    let location = format!("{origin}/v1.0/users('{}')/events('{}')", mailbox.person.spec.id, view.id(&event));
    Ok(Reply::json(201, view.one(&event, mailbox.person, &origin)).with("location", location))
}

/// The event that a repeated `transactionId` stands for; `None` when the create is a new one.
fn known(calendar: &Calendar, draft: &Draft, settings: &TenantSettings) -> Result<Option<Arc<Event>>, Failure> {
    let Some((earlier, event)) = draft.transaction_id.value().and_then(|id| calendar.transaction(id)) else { return Ok(None) };
    match (event, settings.duplicate, settings.after_delete) {
        (Some(event), _, _) if earlier.posted == *draft => Ok(Some(event)),
        (Some(event), DuplicateFace::FirstBody, _) => Ok(Some(event)),
        (Some(event), DuplicateFace::Refused { status, names_existing }, _) => {
            Err(duplicate(status, names_existing.then_some(&*event)))
        }
        (None, _, AfterDelete::Forgotten) => Ok(None),
        (None, DuplicateFace::Refused { status, .. }, AfterDelete::Remembered) => Err(duplicate(status, None)),
        (None, DuplicateFace::FirstBody, AfterDelete::Remembered) => Err(duplicate(400, None)),
    }
}

fn duplicate(status: u16, existing: Option<&Event>) -> Failure {
    let text = "Your request can't be completed. The TransactionId was already used to create a different event.";
    let annotations = existing.map(|event| ("@event.existingEventId", event.immutable_id.clone()));
    Failure { annotations: annotations.into_iter().collect(), ..Failure::new(status, "ErrorDuplicateTransactionId", text) }
}

pub(super) fn update(mailbox: &MailboxCall<'_>, id: &str) -> Result<Reply, Failure> {
    let view = rules::check(mailbox.call, Allowed { body: true, if_match: true, query: false })?;
    let draft = draft(&mailbox.call.body)?;
    let event = {
        let mut calendar = mailbox.person.calendar.lock();
        let event = calendar.find(id).ok_or_else(Failure::item_not_found)?;
        unchanged_since(mailbox.call.header("if-match"), &event)?;
        let content = event.content.updated(draft, mailbox.settings)?;
        calendar.replace(&event, content, mailbox.now)
    };
    Ok(Reply::json(200, view.one(&event, mailbox.person, &mailbox.call.origin())))
}

pub(super) fn delete(mailbox: &MailboxCall<'_>, id: &str) -> Result<Reply, Failure> {
    rules::check(mailbox.call, Allowed { if_match: true, ..Allowed::default() })?;
    let mut calendar = mailbox.person.calendar.lock();
    let event = calendar.find(id).ok_or_else(Failure::item_not_found)?;
    unchanged_since(mailbox.call.header("if-match"), &event)?;
    calendar.remove(&event);
    Ok(Reply::empty(204))
}

/// What the mailbox's owner does to an event by hand: the body is that of an update.
pub(crate) fn edit_by_worker(
    person: &Arc<Person>,
    id: &str,
    body: &[u8],
    now: chrono::DateTime<chrono::Utc>,
    settings: &TenantSettings,
) -> Result<(), Failure> {
    let draft = draft(body)?;
    let mut calendar = person.calendar.lock();
    let event = calendar.find(id).ok_or_else(Failure::item_not_found)?;
    let content = event.content.updated(draft, settings)?;
    calendar.replace(&event, content, now);
    Ok(())
}

fn unchanged_since(tag: Option<&str>, event: &Event) -> Result<(), Failure> {
    match tag {
        None | Some("*") => Ok(()),
        Some(tag) if tag.trim_start_matches("W/").trim_matches('"') == event.change_key() => Ok(()),
        Some(_) => {
            let text = "The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item.";
            Err(Failure::new(412, "ErrorIrresolvableConflict", text))
        }
    }
}

fn draft(body: &[u8]) -> Result<Draft, Failure> {
    serde_json::from_slice(body)
        .map_err(|error| Failure::malformed("RequestBodyRead", format!("The body cannot be read: {error}.")))
}
