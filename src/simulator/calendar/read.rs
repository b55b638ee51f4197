//! One event, lists and views, page by page.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    MailboxCall,
    event::Event,
    matching,
    query::{self, Kind, Order, Query},
    view::Presentation,
};
use crate::simulator::{
    call::Reply,
    errors::Failure,
    rules::{self, Allowed},
    tenant::SearchLag,
};

const READ: Allowed = Allowed { body: false, if_match: false, query: true };

pub(super) fn one(mailbox: &MailboxCall<'_>, id: &str) -> Result<Reply, Failure> {
    let mut view = rules::check(mailbox.call, READ)?;
    let query = query::parse(mailbox.call, Kind::Item)?;
    view.expand = query.expand;
    let event = mailbox.person.calendar.lock().find(id).ok_or_else(Failure::item_not_found)?;
    if query.select.is_empty() {
        return Ok(Reply::json(200, view.one(&event, mailbox.person, &mailbox.call.origin())));
    }
    let value = selected(view.value(&event, mailbox.person), &query.select);
    Ok(Reply::json(200, value.to_string().into_bytes()))
}

pub(super) fn list(mailbox: &MailboxCall<'_>, kind: Kind) -> Result<Reply, Failure> {
    let mut view = rules::check(mailbox.call, READ)?;
    let mut query = query::parse(mailbox.call, kind)?;
    view.expand = std::mem::take(&mut query.expand);
    let mut events = candidates(mailbox, &query);
    if let Some(filter) = &query.filter {
        events.retain(|event| matching::matches(filter, event));
    }
    if kind == Kind::View {
        within(&mut events, &query)?;
    }
    if let Some((by, descending)) = query.order {
        sort(&mut events, by, descending);
    }
    Ok(page(mailbox, &view, &query, &events))
}

/// The events that a read can see: all, or with a filter those that the search already knows.
fn candidates(mailbox: &MailboxCall<'_>, query: &Query) -> Vec<Arc<Event>> {
    let mut calendar = mailbox.person.calendar.lock();
    let Some(filter) = &query.filter else { return calendar.live() };
    calendar.searches += 1;
    let searches = calendar.searches;
    let mut found = matching::looked_up(filter).map_or_else(|| calendar.live(), |value| calendar.with_value(value));
    drop(calendar);
    found.retain(|event| match mailbox.settings.search_lag {
        SearchLag::None => true,
        SearchLag::Searches(lag) => searches > event.made_at_search + lag,
        SearchLag::Millis(lag) => {
            let age = (mailbox.now - event.created).num_milliseconds();
            u64::try_from(age).is_ok_and(|age| age >= lag)
        }
    });
    found
}

fn within(events: &mut Vec<Arc<Event>>, query: &Query) -> Result<(), Failure> {
    let bound = |text: &Option<String>| {
        let at = text.as_deref().and_then(matching::instant);
        at.ok_or_else(|| Failure::malformed("ErrorInvalidParameter", "A calendar view's window is not two ISO 8601 instants."))
    };
    let (from, to) = (bound(&query.window.0)?, bound(&query.window.1)?);
    events.retain(|event| event.content.start.utc < to && event.content.end.utc > from);
    events.sort_by_key(|event| event.content.start.utc);
    Ok(())
}

fn sort(events: &mut [Arc<Event>], by: Order, descending: bool) {
    match by {
        Order::Start => events.sort_by_key(|event| event.content.start.utc),
        Order::End => events.sort_by_key(|event| event.content.end.utc),
        Order::Created => events.sort_by_key(|event| event.created),
        Order::Modified => events.sort_by_key(|event| event.modified),
        Order::Subject => events.sort_by_key(|event| event.content.subject.to_lowercase()),
    }
    if descending {
        events.reverse();
    }
}

fn page(mailbox: &MailboxCall<'_>, view: &Presentation, query: &Query, events: &[Arc<Event>]) -> Reply {
    let size = query.top.or(view.page_size).unwrap_or(mailbox.settings.page_size).min(1000);
    let size = mailbox.page_limit.map_or(size, |limit| limit.min(size));
    let rest = events.get(query.skip..).unwrap_or_default();
    let shown = rest.get(..size).unwrap_or(rest);
    let values: Vec<Value> = shown.iter().map(|event| selected(view.value(event, mailbox.person), &query.select)).collect();
    let origin = mailbox.call.origin();
    let mut body = Map::new();
    body.insert("@odata.context".into(), json!(format!("{origin}/v1.0/$metadata#users('{}')/events", mailbox.person.spec.id)));
    if query.count {
        body.insert("@odata.count".into(), json!(events.len()));
    }
    body.insert("value".into(), Value::Array(values));
    if shown.len() < rest.len() {
        body.insert("@odata.nextLink".into(), json!(next_link(mailbox, &origin, query.skip + shown.len())));
    }
    Reply::json(200, Value::Object(body).to_string().into_bytes())
}

/// The link to the page after: the same call with our token in place of the caller's `$skip`.
fn next_link(mailbox: &MailboxCall<'_>, origin: &str, skip: usize) -> String {
    let ours = |part: &&str| !part.is_empty() && !part.starts_with("$skip") && !part.to_ascii_lowercase().starts_with("%24skip");
    let mut parts: Vec<&str> = mailbox.call.query.split('&').filter(ours).collect();
    let token = format!("$skiptoken={}", query::skip_token(skip));
    parts.push(&token);
    format!("{origin}{}?{}", mailbox.call.path, parts.join("&"))
}

/// Keeps what was asked for; the id, the tag and what was expanded come along, as with Graph.
fn selected(mut value: Value, select: &[String]) -> Value {
    if let (Value::Object(map), false) = (&mut value, select.is_empty()) {
        map.retain(|name, _| {
            name.starts_with('@')
                || name == "id"
                || name == "singleValueExtendedProperties"
                || select.iter().any(|wanted| wanted == name)
        });
    }
    value
}
