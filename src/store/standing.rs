//! Where an object stands, and how progress moves it. Pure.
//!
//! ```text
//!            arrival                claim                     Settled, nothing newer
//! (nothing) ────────> due, unleased ─────> leased until T ─────────────────────────> settled
//!                        ^                   │  │  │  Dead, nothing newer
//!                        ├── Retry, Release ─┘  │  └───────────────────────────────> dead
//!                        └── anything, and a newer version came ──┘ (due at once)
//! ```
//!
//! `due_at` is when a claim may take the row: null when settled or dead, the lease's end while it is leased, so that an
//! expired lease is found like any other due row.

use chrono::{DateTime, Utc};

use super::{
    DeliveryError,
    db::{Failure, Row, Value},
    values,
};
use crate::capabilities::Version;

/// The stored half of [`super::DeliveryState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    Pending,
    Unknown,
    Settled,
    Dead,
}

impl Stored {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Unknown => "unknown",
            Self::Settled => "settled",
            Self::Dead => "dead",
        }
    }

    pub(super) fn read(label: &str) -> Result<Self, Failure> {
        match label {
            "pending" => Ok(Self::Pending),
            "unknown" => Ok(Self::Unknown),
            "settled" => Ok(Self::Settled),
            "dead" => Ok(Self::Dead),
            _ => Err(Failure::Unreadable("delivery state")),
        }
    }
}

/// The moving part of an object's row.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column, and they are independent")]
pub(crate) struct Standing {
    pub wanted: Version,
    pub state: Stored,
    pub settled: Option<Version>,
    pub generation: u64,
    pub recheck: bool,
    pub attempts: u64,
    pub first_failed_at: Option<DateTime<Utc>>,
    pub last_error: Option<String>,
    pub not_before: DateTime<Utc>,
    pub due_since: DateTime<Utc>,
    pub due_at: Option<DateTime<Utc>>,
    pub lease_epoch: u64,
    pub lease_until: Option<DateTime<Utc>>,
    /// A newer version came during the lease.
    pub overtaken: bool,
    /// A worker that had lost its lease reported during this one: what this one sees may be out of date.
    pub reopen: bool,
    pub has_letter: bool,
}

/// A failed attempt.
pub(crate) struct Failed<'a> {
    pub not_before: DateTime<Utc>,
    pub unknown: bool,
    pub counts: bool,
    pub error: &'a DeliveryError,
}

/// How many columns [`Standing::columns`] gives.
pub(super) const COLUMNS: usize = 15;

impl Standing {
    /// Whether the claim with this epoch still holds the object. A lease that ran out but was not taken over still counts:
    /// nobody else acted.
    pub(crate) fn leased_as(&self, epoch: u64) -> bool {
        self.lease_until.is_some() && self.lease_epoch == epoch
    }

    /// A worker without a lease reported: whatever it did was not seen, so the object is looked at again.
    pub(crate) fn doubt(&mut self, now: DateTime<Utc>) {
        if self.lease_until.is_some() {
            self.reopen = true;
            return;
        }
        if matches!(self.state, Stored::Settled | Stored::Dead) {
            self.attempts = 0;
            self.due_since = now;
            self.state = Stored::Pending;
        }
        self.recheck = true;
        self.due_now(now);
    }

    /// `version` is true now.
    pub(crate) fn settle(&mut self, now: DateTime<Utc>, version: Version) {
        self.settled = Some(version);
        self.recheck = false;
        let newer = self.end_lease() || self.wanted > version;
        if newer {
            self.state = Stored::Pending;
            self.due_now(now);
        } else {
            self.state = Stored::Settled;
            self.due_at = None;
            self.first_failed_at = None;
            self.last_error = None;
        }
    }

    /// The attempt failed and will be repeated.
    pub(crate) fn retry(&mut self, now: DateTime<Utc>, failed: &Failed<'_>) -> Result<(), Failure> {
        let overtaken = self.overtaken;
        if !failed.counts {
            self.uncount();
        }
        self.state = if failed.unknown { Stored::Unknown } else { Stored::Pending };
        if self.end_lease() {
            self.due_now(now);
        } else {
            self.not_before = failed.not_before;
            self.due_at = Some(failed.not_before);
        }
        if !overtaken {
            self.first_failed_at.get_or_insert(now);
            self.last_error = Some(values::json(failed.error)?);
        }
        Ok(())
    }

    /// `version` needs a person; false when a newer one came meanwhile, which is tried instead.
    pub(crate) fn die(&mut self, now: DateTime<Utc>, version: Version, error: &DeliveryError) -> Result<bool, Failure> {
        if self.end_lease() || self.wanted > version {
            self.state = Stored::Pending;
            self.due_now(now);
            return Ok(false);
        }
        self.state = Stored::Dead;
        self.due_at = None;
        self.first_failed_at.get_or_insert(now);
        self.last_error = Some(values::json(error)?);
        self.has_letter = true;
        Ok(true)
    }

    /// The lease is given back and nothing happened.
    pub(crate) fn release(&mut self, now: DateTime<Utc>) {
        self.uncount();
        self.end_lease();
        self.due_now(now);
    }

    /// The lease is given back, and what was done under it changes nothing about where the object stands.
    pub(crate) fn aside(&mut self, now: DateTime<Utc>) {
        self.uncount();
        if self.end_lease() {
            self.doubt(now);
        } else if matches!(self.state, Stored::Settled | Stored::Dead) {
            self.due_at = None;
        } else {
            self.due_at = Some(self.not_before);
        }
    }

    /// Takes the claim's attempt back, unless a newer version has begun to count anew.
    fn uncount(&mut self) {
        if !self.overtaken {
            self.attempts = self.attempts.saturating_sub(1);
        }
    }

    /// Whether something came during the lease that makes the object due at once.
    fn end_lease(&mut self) -> bool {
        let due = self.overtaken || self.reopen;
        self.recheck |= self.reopen;
        self.overtaken = false;
        self.reopen = false;
        self.lease_until = None;
        due
    }

    fn due_now(&mut self, now: DateTime<Utc>) {
        self.not_before = now;
        self.due_at = Some(now);
    }

    /// Reads it from a row whose columns from `at` on are those of `record::LOAD`.
    pub(super) fn read(row: &Row, at: usize) -> Result<Self, Failure> {
        Ok(Self {
            wanted: Version { event: row.count(at)?, mutation: row.count(at + 1)? },
            state: Stored::read(&row.text(at + 2)?)?,
            settled: values::maybe_version(row, at + 3)?,
            generation: row.count(at + 5)?,
            recheck: row.int(at + 6)? != 0,
            attempts: row.count(at + 7)?,
            first_failed_at: values::maybe_instant(row, at + 8)?,
            last_error: row.maybe_text(at + 9)?,
            not_before: values::instant(row, at + 10)?,
            due_since: values::instant(row, at + 11)?,
            due_at: values::maybe_instant(row, at + 12)?,
            lease_epoch: row.count(at + 13)?,
            lease_until: values::maybe_instant(row, at + 14)?,
            overtaken: row.int(at + 15)? != 0,
            reopen: row.int(at + 16)? != 0,
            has_letter: row.int(at + 17)? != 0,
        })
    }

    /// What recording writes back: `state` to `has_letter` without the lease's epoch, which only a claim moves.
    pub(super) fn columns(&self) -> [Value; COLUMNS] {
        [
            self.state.label().into(),
            self.settled.map(|version| version.event.cast_signed()).into(),
            self.settled.map(|version| version.mutation.cast_signed()).into(),
            self.generation.into(),
            self.recheck.into(),
            self.attempts.into(),
            self.first_failed_at.into(),
            self.last_error.clone().into(),
            self.not_before.into(),
            self.due_since.into(),
            self.due_at.into(),
            self.lease_until.into(),
            self.overtaken.into(),
            self.reopen.into(),
            self.has_letter.into(),
        ]
    }
}
