//! What a tenant remembers, written out: for `GET /_sim/tenants/{id}/state` and for tests.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use super::{
    calendar::{Event, Meetings, Presentation},
    sharepoint::{self, ListReport},
    tenant::{MailboxState, Person, Tenant},
};

/// A tenant's memory.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantState {
    /// Directory id.
    pub id: String,
    /// Every person with a mailbox, in the order they were added.
    pub mailboxes: Vec<MailboxReport>,
    /// Every Teams channel.
    pub channels: Vec<ChannelReport>,
    /// Every list of every site, in the order they were added.
    pub lists: Vec<ListReport>,
}

/// One Teams channel.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelReport {
    /// The team.
    pub team_id: String,
    /// The channel.
    pub channel_id: String,
    /// What was posted, oldest first; replies behind the message they are under.
    pub messages: Vec<MessageReport>,
}

/// One channel message.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageReport {
    /// Its id.
    pub id: String,
    /// The message it replies to.
    pub reply_to_id: Option<String>,
    /// When it was posted.
    pub at: DateTime<Utc>,
    /// The card of its attachment.
    pub card: Value,
}

/// One mailbox.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MailboxReport {
    /// Object id of its owner.
    pub user_id: String,
    /// Sign-in name of its owner.
    pub user_principal_name: String,
    /// How Exchange answers for it.
    pub state: MailboxState,
    /// Live events, oldest first.
    pub events: Vec<EventReport>,
    /// Events ever made.
    pub made: u64,
    /// Events removed, by whomever.
    pub removed: u64,
    /// Most calls of one app at the same time.
    pub most_concurrent: u32,
    /// Calls turned away because of that.
    pub turned_away: u64,
    /// References that more than one live event carried at some time. Empty is what a correct caller leaves behind.
    pub copies: Vec<Copies>,
}

/// An extended property that stood on several live events at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Copies {
    /// The property's id.
    pub property: String,
    /// Its exact value.
    pub value: String,
    /// Most live events that carried it at the same time.
    pub most: usize,
    /// Which events carried it at the same time, in the order they were made; each company that met is listed once.
    pub met: Vec<Vec<Met>>,
}

/// One of several live events that carried the same reference at the same time, as it was then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Met {
    /// Its subject.
    pub subject: String,
    /// Its start as an instant.
    pub start: DateTime<Utc>,
}

/// One live event.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventReport {
    /// The id that survives moves.
    pub immutable_id: String,
    /// The id of the moment, without `IdType="ImmutableId"`.
    pub plain_id: String,
    /// Subject.
    pub subject: String,
    /// Start as an instant.
    pub start: DateTime<Utc>,
    /// End as an instant.
    pub end: DateTime<Utc>,
    /// The start's wall clock as sent, without offset.
    pub start_wall: String,
    /// The start's zone as sent.
    pub start_zone: String,
    /// The body as sent.
    pub body: String,
    /// Changes since it was made, plus one.
    pub version: u64,
    /// `transactionId`, if it was made with one.
    pub transaction_id: Option<String>,
    /// Extended properties: id and value.
    pub extended: Vec<(String, String)>,
    /// The event as Graph shows it, in UTC, with immutable id and every extended property.
    pub graph: Value,
}

impl TenantState {
    /// The mailbox of a person, by sign-in name or object id, ignoring case.
    pub fn mailbox(&self, key: &str) -> Option<&MailboxReport> {
        let fits = |mailbox: &&MailboxReport| {
            mailbox.user_principal_name.eq_ignore_ascii_case(key) || mailbox.user_id.eq_ignore_ascii_case(key)
        };
        self.mailboxes.iter().find(fits)
    }

    /// A list by id or title, ignoring case.
    pub fn list(&self, key: &str) -> Option<&ListReport> {
        self.lists.iter().find(|list| list.id.eq_ignore_ascii_case(key) || list.title.eq_ignore_ascii_case(key))
    }

    /// Live events with this exact value in any extended property, over all mailboxes.
    pub fn events_with(&self, value: &str) -> Vec<&EventReport> {
        let events = self.mailboxes.iter().flat_map(|mailbox| &mailbox.events);
        events.filter(|event| event.extended.iter().any(|(_, have)| have == value)).collect()
    }
}

pub(crate) fn tenant(tenant: &Tenant) -> TenantState {
    TenantState {
        id: tenant.id.clone(),
        mailboxes: tenant.everybody().iter().map(mailbox).collect(),
        channels: tenant.teams.report(),
        lists: sharepoint::lists(&tenant.sites),
    }
}

fn mailbox(person: &Arc<Person>) -> MailboxReport {
    let (events, (made, removed), copies) = {
        let calendar = person.calendar.lock();
        (calendar.live(), calendar.counts(), calendar.copies().map(copies).collect())
    };
    let (most_concurrent, turned_away) = person.concurrency();
    let state = *person.mailbox.read();
    MailboxReport {
        user_id: person.spec.id.clone(),
        user_principal_name: person.spec.user_principal_name.clone(),
        state,
        events: events.iter().map(|kept| event(kept, person)).collect(),
        made,
        removed,
        most_concurrent,
        turned_away,
        copies,
    }
}

fn copies(((property, value), meetings): (&(String, String), &Meetings)) -> Copies {
    let met = |(subject, start): &(String, DateTime<Utc>)| Met { subject: subject.clone(), start: *start };
    let met = meetings.seen.iter().map(|company| company.iter().map(met).collect());
    Copies { property: property.clone(), value: value.clone(), most: meetings.most, met: met.collect() }
}

fn event(event: &Event, person: &Person) -> EventReport {
    let content = &event.content;
    let expand = content.extended.iter().map(|property| property.id.clone()).collect();
    let view = Presentation { immutable_ids: true, expand, ..Presentation::default() };
    EventReport {
        immutable_id: event.immutable_id.clone(),
        plain_id: event.plain_id.clone(),
        subject: content.subject.clone(),
        start: content.start.utc,
        end: content.end.utc,
        start_wall: content.start.wall.format("%Y-%m-%dT%H:%M:%S").to_string(),
        start_zone: content.start.zone.clone(),
        body: content.body.clone(),
        version: event.version,
        transaction_id: content.transaction_id.clone(),
        extended: content.extended.iter().map(|property| (property.id.clone(), property.value.clone())).collect(),
        graph: view.value(event, person),
    }
}
