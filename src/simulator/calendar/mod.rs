//! Mailboxes' calendars as Graph v1.0 shows them.
//!
//! Sources: Microsoft, "event resource type", "Create event", "Update event", "Delete event", "List events", "List calendarView",
//! "Outlook extended properties overview", "Obtain immutable identifiers for Outlook resources", "dateTimeTimeZone resource type".
//!
//! [`draft`] what a caller may send · [`event`] what is kept · [`store`] one mailbox · [`view`] what is answered · [`filter`] and
//! [`matching`] `$filter` · [`query`] the other options · [`mod@write`], [`read`] the calls · [`zones`] wall clocks.

mod draft;
mod event;
mod filter;
mod matching;
mod property_id;
mod query;
mod read;
mod store;
mod view;
mod write;
mod zone_names;
mod zones;

use std::sync::Arc;

use chrono::{DateTime, Utc};

pub(crate) use event::Event;
pub(crate) use query::select;
pub(crate) use store::{Calendar, Meetings};
pub(crate) use view::Presentation;
pub use zones::names as zone_names;
pub(crate) use zones::rules as zone_rules;

use super::{
    call::{Call, Reply},
    errors::Failure,
    route::Route,
    tenant::{MailboxState, Person, TenantSettings},
};

pub(crate) use write::edit_by_worker;

/// A call on one mailbox, with everything that it needs.
#[derive(Debug)]
pub(crate) struct MailboxCall<'a> {
    pub(crate) call: &'a Call,
    pub(crate) person: &'a Arc<Person>,
    pub(crate) settings: &'a TenantSettings,
    pub(crate) now: DateTime<Utc>,
    /// At most so many items on the page: a fault.
    pub(crate) page_limit: Option<usize>,
}

/// Answers a calendar route.
pub(crate) fn answer(route: &Route, mailbox: &MailboxCall<'_>) -> Result<Reply, Failure> {
    match route {
        Route::CreateEvent { .. } => write::create(mailbox),
        Route::UpdateEvent { id, .. } => write::update(mailbox, id),
        Route::DeleteEvent { id, .. } => write::delete(mailbox, id),
        Route::ReadEvent { id, .. } => read::one(mailbox, id),
        Route::ListEvents { .. } => read::list(mailbox, query::Kind::List),
        Route::CalendarView { .. } => read::list(mailbox, query::Kind::View),
        _ => Err(Failure::malformed("BadRequest", "Not a calendar call.")),
    }
}

/// What Exchange says about a mailbox that it does not serve.
pub(crate) fn served(state: MailboxState) -> Result<(), Failure> {
    let disabled = "The mailbox is either inactive, soft-deleted, or is hosted on-premise.";
    match state {
        MailboxState::Licensed | MailboxState::Full => Ok(()),
        MailboxState::Unlicensed | MailboxState::OnPremises => Err(Failure::new(404, "MailboxNotEnabledForRESTAPI", disabled)),
        MailboxState::NotDiscovered => Err(Failure::new(404, "ResourceNotFound", "Resource could not be discovered.")),
        MailboxState::Blocked => Err(Failure::new(403, "extensionError", "The mailbox cannot be reached with this request.")),
        MailboxState::UnknownToExchange => Err(Failure::new(404, "ErrorInvalidUser", "The requested user is invalid.")),
        MailboxState::NoAccess => Err(Failure::new(
            403,
            "ErrorAccessDenied",
            "Access to OData is disabled: [RAOP] : Blocked by tenant configured policy.",
        )),
    }
}
