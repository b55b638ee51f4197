//! Counts and changes, for those who follow a publication.

use serde_json::{Map, Value, json};

use crate::store::{OperationChange, OperationError, OperationProgress};

/// The code of a zone that several items match.
pub(super) const CONFLICT: &str = "MATCH_CONFLICT";

/// What became of a zone.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// Its item says what it should.
    Unchanged,
    /// `create`, `update` or `retire`, with what the item said and says.
    Done { action: Action, before: Option<Map<String, Value>>, after: Option<Map<String, Value>> },
    /// It could not be done.
    Failed(OperationError),
}

/// What was done to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Create,
    Update,
    Retire,
}

impl Action {
    fn label(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Retire => "retire",
        }
    }

    /// From what a place remembers: `created`, `updated`, `retired`.
    pub(super) fn of_past(word: &str) -> Option<Self> {
        match word {
            "created" => Some(Self::Create),
            "updated" => Some(Self::Update),
            "retired" => Some(Self::Retire),
            _ => None,
        }
    }
}

/// How many zones came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    created: u64,
    updated: u64,
    unchanged: u64,
    retired: u64,
    conflicts: u64,
    failed: u64,
}

impl Tally {
    /// Counts an outcome.
    pub(super) fn count(&mut self, outcome: &Outcome) {
        let counter = match outcome {
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::Done { action: Action::Create, .. } => &mut self.created,
            Outcome::Done { action: Action::Update, .. } => &mut self.updated,
            Outcome::Done { action: Action::Retire, .. } => &mut self.retired,
            Outcome::Failed(error) if error.code == CONFLICT => &mut self.conflicts,
            Outcome::Failed(_) => &mut self.failed,
        };
        *counter += 1;
    }

    /// Zones dealt with.
    pub(super) fn done(&self) -> u64 {
        self.created + self.updated + self.unchanged + self.retired + self.conflicts + self.failed
    }

    /// Whether every zone stands as it should.
    pub(super) fn is_clean(&self) -> bool {
        self.conflicts + self.failed == 0
    }

    /// In the contract's words.
    pub(super) fn counts(&self) -> Value {
        json!({
            "created": self.created, "updated": self.updated, "unchanged": self.unchanged, "retired": self.retired,
            "conflicts": self.conflicts, "failed": self.failed,
        })
    }

    /// As progress of an operation over so many zones.
    pub(super) fn progress(&self, total: u64) -> OperationProgress {
        OperationProgress { done: self.done(), total: Some(total.max(self.done())), counts: self.counts() }
    }
}

/// The change that people see; none for a zone that stayed as it was.
pub(super) fn change(sequence: u64, key: &str, outcome: Outcome) -> Option<OperationChange> {
    let change = |action: &str| OperationChange {
        sequence,
        key: key.to_owned(),
        action: action.to_owned(),
        before: None,
        after: None,
        error: None,
    };
    match outcome {
        Outcome::Unchanged => None,
        Outcome::Done { action, before, after } => {
            Some(OperationChange { before: before.map(Value::Object), after: after.map(Value::Object), ..change(action.label()) })
        }
        Outcome::Failed(error) => {
            let action = if error.code == CONFLICT { "conflict" } else { "fail" };
            Some(OperationChange { error: Some(error), ..change(action) })
        }
    }
}
