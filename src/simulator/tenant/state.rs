//! What a tenant remembers: its apps, people and mailboxes. Locks are per tenant for what rarely changes, per mailbox for the rest.

use std::{collections::HashMap, sync::Arc};

use parking_lot::{Mutex, RwLock};

use chrono::{DateTime, Utc};

use super::{AppSpec, MailboxState, TenantSettings, TenantSpec, UserSpec};
use crate::simulator::{
    calendar::Calendar,
    directory::{self, Directory, Units},
    errors::Failure,
    sharepoint::Sites,
    teams::Teams,
};

/// A tenant at work.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) id: String,
    pub(crate) domain: Option<String>,
    pub(crate) display_name: String,
    pub(crate) apps: RwLock<HashMap<String, Arc<AppSpec>>>,
    pub(crate) settings: RwLock<Arc<TenantSettings>>,
    pub(crate) directory: RwLock<Directory>,
    pub(crate) units: Units,
    pub(crate) sites: Sites,
    people: RwLock<People>,
    pub(crate) teams: Teams,
}

#[derive(Debug, Default)]
struct People {
    in_order: Vec<Arc<Person>>,
    /// By object id and by principal name, both in lower case.
    by_key: HashMap<String, Arc<Person>>,
    added: u64,
}

/// A person with a mailbox.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) spec: UserSpec,
    /// Part of the ids of this mailbox's items; no other mailbox has it, in this tenant or in another.
    pub(crate) number: u64,
    pub(crate) mailbox: RwLock<MailboxState>,
    pub(crate) calendar: Mutex<Calendar>,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    /// Calls under way, by app. One or two apps call a mailbox, so a list beats a map.
    by_app: Vec<(String, u32)>,
    most: u32,
    refused: u64,
}

impl Tenant {
    pub(crate) fn new(spec: TenantSpec, now: DateTime<Utc>) -> Self {
        let tenant = Self {
            id: spec.id.to_lowercase(),
            domain: spec.domain.map(|domain| domain.to_lowercase()),
            display_name: spec.display_name,
            apps: RwLock::new(spec.apps.into_iter().map(|app| (app.id.to_lowercase(), Arc::new(app))).collect()),
            settings: RwLock::new(Arc::new(spec.settings)),
            directory: RwLock::default(),
            units: Units::default(),
            sites: Sites::default(),
            people: RwLock::default(),
            teams: Teams::new(&spec.channels),
        };
        for site in spec.sites {
            tenant.sites.add(site, now);
        }
        for user in spec.users {
            tenant.add_user(user);
        }
        // A member that nobody is makes no group fail: the tenant is a test's, and its state shows what is missing.
        if let Err(failure) = directory::add_groups(&mut tenant.directory.write(), spec.groups) {
            tracing::warn!(reason = failure.message, "a simulated group has a member that is not there");
        }
        tenant
    }

    /// Adds a person, or replaces the one with the same id (with an empty mailbox).
    pub(crate) fn add_user(&self, spec: UserSpec) {
        self.directory.write().put_user(spec.clone());
        let mut people = self.people.write();
        people.added += 1;
        let number = self.base().wrapping_add(people.added);
        let mailbox = RwLock::new(spec.mailbox);
        let keys = [spec.id.to_lowercase(), spec.user_principal_name.to_lowercase()];
        let person = Arc::new(Person { spec, number, mailbox, calendar: Mutex::default(), slots: Mutex::default() });
        if people.by_key.contains_key(&person.spec.id.to_lowercase()) {
            let another = |other: &Arc<Person>| !other.spec.id.eq_ignore_ascii_case(&person.spec.id);
            people.in_order.retain(another);
            people.by_key.retain(|_, other| another(other));
        }
        people.in_order.push(Arc::clone(&person));
        for key in keys {
            people.by_key.insert(key, Arc::clone(&person));
        }
    }

    /// Where the tenant's mailbox numbers begin, so that an id that strays into another tenant finds nothing there.
    fn base(&self) -> u64 {
        uuid::Uuid::try_parse(&self.id).map_or(0, |id| id.as_u64_pair().0)
    }

    /// The person with this object id or principal name, ignoring case.
    pub(crate) fn person(&self, key: &str) -> Option<Arc<Person>> {
        let people = self.people.read();
        people.by_key.get(key).or_else(|| people.by_key.get(&key.to_lowercase())).cloned()
    }

    /// Exchange forgets a person whose account is deleted.
    pub(crate) fn hide_mailbox(&self, key: &str) {
        if let Some(person) = self.person(key) {
            *person.mailbox.write() = MailboxState::UnknownToExchange;
        }
    }

    /// The mailbox is reached under another principal name; an old one still reaches it, as an alias does.
    pub(crate) fn rename_mailbox(&self, key: &str, name: &str) {
        if let Some(person) = self.person(key) {
            self.people.write().by_key.insert(name.to_lowercase(), person);
        }
    }

    /// A restored account has its mailbox again.
    pub(crate) fn show_mailbox(&self, key: &str) {
        if let Some(person) = self.person(key) {
            *person.mailbox.write() = person.spec.mailbox;
        }
    }

    /// Everybody with a mailbox, in the order they were added.
    pub(crate) fn everybody(&self) -> Vec<Arc<Person>> {
        self.people.read().in_order.clone()
    }

    pub(crate) fn settings(&self) -> Arc<TenantSettings> {
        Arc::clone(&self.settings.read())
    }

    pub(crate) fn app(&self, id: &str) -> Option<Arc<AppSpec>> {
        self.apps.read().get(&id.to_lowercase()).cloned()
    }
}

impl Person {
    /// Takes one of the places that an app has in this mailbox at once, or says that there is none.
    pub(crate) fn enter(self: &Arc<Self>, app: &str, settings: &TenantSettings) -> Result<Slot, Failure> {
        let mut slots = self.slots.lock();
        let now = match slots.by_app.iter_mut().find(|(id, _)| id == app) {
            Some((_, count)) if *count >= settings.mailbox_concurrency => {
                slots.refused += 1;
                return Err(Failure {
                    retry_after: settings.concurrency_retry_after_s.map(crate::simulator::RetryAfter::Seconds),
                    ..Failure::throttled(crate::simulator::RetryAfter::Seconds(1))
                });
            }
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                slots.by_app.push((app.to_owned(), 1));
                1
            }
        };
        slots.most = slots.most.max(now);
        Ok(Slot { person: Arc::clone(self), app: app.to_owned() })
    }

    /// Most calls at once that were let in, and how many were turned away.
    pub(crate) fn concurrency(&self) -> (u32, u64) {
        let slots = self.slots.lock();
        (slots.most, slots.refused)
    }
}

/// A place in a mailbox, given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    person: Arc<Person>,
    app: String,
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some((_, count)) = self.person.slots.lock().by_app.iter_mut().find(|(id, _)| *id == self.app) {
            *count = count.saturating_sub(1);
        }
    }
}
