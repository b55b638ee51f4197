//! One mailbox's calendar: events, remembered transaction ids, and the index that finds events by an extended property's value.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};

use super::{
    draft::{Draft, ExtendedProperty},
    event::{Content, Event},
};

/// What one mailbox remembers.
#[derive(Debug, Default)]
pub(crate) struct Calendar {
    events: BTreeMap<u64, Arc<Event>>,
    /// By immutable id and by the plain id of the moment.
    by_id: HashMap<String, u64>,
    transactions: HashMap<String, Transaction>,
    /// Events that carry an extended property with this value, in lower case as Graph compares.
    by_value: HashMap<String, Vec<u64>>,
    /// Filtered reads so far: the measure of a search lag.
    pub(crate) searches: u64,
    made: u64,
    deleted: u64,
    /// References that more than one live event carried at some time, and which did.
    copies: BTreeMap<(String, String), Meetings>,
}

/// Live events that carried one reference at the same time.
#[derive(Debug, Default)]
pub(crate) struct Meetings {
    /// The most there were.
    pub(crate) most: usize,
    /// Subject and start of those that met, in the order they were made; each company once.
    pub(crate) seen: BTreeSet<Vec<(String, DateTime<Utc>)>>,
}

/// What is remembered of a create that carried a `transactionId`.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) event: u64,
    pub(crate) posted: Draft,
}

impl Calendar {
    /// Keeps a new event. `mailbox` makes its ids unique in the tenant.
    pub(crate) fn insert(&mut self, content: Content, mailbox: u64, now: DateTime<Utc>) -> Arc<Event> {
        self.made += 1;
        let number = self.made;
        let event = Arc::new(Event {
            number,
            immutable_id: id("AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A", mailbox, number, 0),
            plain_id: id("AAMkADIzNGNmMjkzLWY5ZjktNGU2ZC1iYjEy", mailbox, number, 1),
            version: 1,
            created: now,
            modified: now,
            made_at_search: self.searches,
            content,
        });
        self.by_id.insert(event.immutable_id.clone(), number);
        self.by_id.insert(event.plain_id.clone(), number);
        self.index(&event);
        self.events.insert(number, Arc::clone(&event));
        self.count_copies(&event.content.extended);
        event
    }

    /// Puts another content in an event's place.
    pub(crate) fn replace(&mut self, event: &Arc<Event>, content: Content, now: DateTime<Utc>) -> Arc<Event> {
        self.unindex(event);
        let next = Event { version: event.version + 1, modified: now, content, ..Event::clone(event) };
        self.keep(next)
    }

    /// Gives an event another plain id, as moving it to another folder does.
    pub(crate) fn relocate(&mut self, event: &Arc<Event>, mailbox: u64, now: DateTime<Utc>) -> Arc<Event> {
        self.unindex(event);
        self.by_id.remove(&event.plain_id);
        let version = event.version + 1;
        let plain_id = id("AAMkADIzNGNmMjkzLWY5ZjktNGU2ZC1iYjEy", mailbox, event.number, version);
        self.by_id.insert(plain_id.clone(), event.number);
        self.keep(Event { plain_id, version, modified: now, ..Event::clone(event) })
    }

    /// Forgets an event; its transaction stays remembered.
    pub(crate) fn remove(&mut self, event: &Arc<Event>) {
        self.unindex(event);
        self.by_id.remove(&event.plain_id);
        self.by_id.remove(&event.immutable_id);
        self.events.remove(&event.number);
        self.deleted += 1;
    }

    /// The live event with this id, which is compared with case.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Event>> {
        self.by_id.get(id).and_then(|number| self.events.get(number)).cloned()
    }

    /// All live events, oldest first.
    pub(crate) fn live(&self) -> Vec<Arc<Event>> {
        self.events.values().cloned().collect()
    }

    /// The live events that carry an extended property with this value, ignoring case.
    pub(crate) fn with_value(&self, value: &str) -> Vec<Arc<Event>> {
        let numbers = self.by_value.get(&value.to_lowercase()).map_or(&[][..], Vec::as_slice);
        numbers.iter().filter_map(|number| self.events.get(number)).cloned().collect()
    }

    /// What is remembered under a transaction id, and its event if that is live.
    pub(crate) fn transaction(&self, id: &str) -> Option<(&Transaction, Option<Arc<Event>>)> {
        self.transactions.get(id).map(|known| (known, self.events.get(&known.event).cloned()))
    }

    /// Remembers what was posted under a transaction id.
    pub(crate) fn remember(&mut self, id: String, event: u64, posted: Draft) {
        self.transactions.insert(id, Transaction { event, posted });
    }

    /// Events made, events deleted.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.made, self.deleted)
    }

    /// References that more than one live event carried at the same time, with the events that met.
    pub(crate) fn copies(&self) -> impl Iterator<Item = (&(String, String), &Meetings)> {
        self.copies.iter()
    }

    fn keep(&mut self, event: Event) -> Arc<Event> {
        let event = Arc::new(event);
        self.index(&event);
        self.events.insert(event.number, Arc::clone(&event));
        self.count_copies(&event.content.extended);
        event
    }

    fn index(&mut self, event: &Event) {
        for property in &event.content.extended {
            self.by_value.entry(property.value.to_lowercase()).or_default().push(event.number);
        }
    }

    fn unindex(&mut self, event: &Event) {
        for property in &event.content.extended {
            let key = property.value.to_lowercase();
            if let Some(numbers) = self.by_value.get_mut(&key) {
                numbers.retain(|number| *number != event.number);
                if numbers.is_empty() {
                    self.by_value.remove(&key);
                }
            }
        }
    }

    fn count_copies(&mut self, references: &[ExtendedProperty]) {
        for reference in references {
            let numbers = self.by_value.get(&reference.value.to_lowercase()).map_or(&[][..], Vec::as_slice);
            if numbers.len() < 2 {
                continue;
            }
            let found = numbers.iter().filter_map(|number| self.events.get(number));
            let mut exact: Vec<_> = found.filter(|event| event.content.extended.contains(reference)).collect();
            if exact.len() > 1 {
                exact.sort_by_key(|event| event.number);
                let meetings = self.copies.entry((reference.id.clone(), reference.value.clone())).or_default();
                meetings.most = meetings.most.max(exact.len());
                meetings
                    .seen
                    .insert(exact.iter().map(|event| (event.content.subject.clone(), event.content.start.utc)).collect());
            }
        }
    }
}

/// An id in Exchange's alphabet: base64 with `-` and `_`, which differs between items only in case now and then.
fn id(prefix: &str, mailbox: u64, number: u64, generation: u64) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE};
    let mut bytes = [0; 25];
    bytes[1..9].copy_from_slice(&mailbox.to_be_bytes());
    bytes[9..17].copy_from_slice(&number.to_be_bytes());
    bytes[17..].copy_from_slice(&generation.to_be_bytes());
    format!("{prefix}{}", URL_SAFE.encode(bytes))
}
