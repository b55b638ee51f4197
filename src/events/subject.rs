//! The subject a message came on: whose it is, and what it must be about.

use crate::organisation::{OrgScope, OrganisationId};

/// What kind of object an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// A field task.
    Task,
    /// An outage.
    Outage,
    /// A zone record.
    Zone,
}

impl ObjectKind {
    /// The word in subjects, types and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Outage => "outage",
            Self::Zone => "zone",
        }
    }

    /// Reads the word.
    fn parse(word: &str) -> Option<Self> {
        [Self::Task, Self::Outage, Self::Zone].into_iter().find(|kind| kind.label() == word)
    }

    /// The kind that a subject names, for metrics: also of messages that cannot be routed.
    pub fn of_subject(subject: &str) -> Option<Self> {
        subject.split('.').nth(2).and_then(Self::parse)
    }
}

/// What an event of a known type says of its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// Full state: scheduled, rescheduled, reported, updated, changed.
    Is,
    /// Full state of an outage that is over.
    Restored,
    /// The object is to be nowhere: closed, removed.
    Gone,
}

/// A subject `argus.{org}.{kind}.{verb}`.
#[derive(Debug, Clone)]
pub(super) struct Route<'a> {
    pub(super) scope: OrgScope,
    pub(super) kind: ObjectKind,
    verb: &'a str,
}

impl<'a> Route<'a> {
    /// Reads a subject; the error says what is wrong with it.
    pub(super) fn parse(subject: &'a str) -> Result<Self, &'static str> {
        let mut tokens = subject.split('.');
        let parts = (tokens.next(), tokens.next(), tokens.next(), tokens.next(), tokens.next());
        let (Some("argus"), Some(organisation), Some(kind), Some(verb), None) = parts else {
            return Err("the subject is not argus.{organisation}.{kind}.{verb}");
        };
        let kind = ObjectKind::parse(kind).ok_or("the subject is not about a task, an outage or a zone")?;
        let organisation =
            OrganisationId::parse(organisation).map_err(|_| "the subject names no organisation of the allowed form")?;
        Ok(Self { scope: OrgScope::verified_by_subject(organisation), kind, verb })
    }

    /// Whether a CloudEvents type names the subject's kind and verb, in whatever version. `None` when it does not name any.
    pub(super) fn agrees_with(&self, event_type: &str) -> Option<bool> {
        let (named, _version) = event_type.strip_prefix("argus.")?.rsplit_once(".v")?;
        let (kind, verb) = named.split_once('.')?;
        Some(kind == self.kind.label() && verb == self.verb)
    }
}
