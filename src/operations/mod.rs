//! What a person decides: dead letters replayed or discarded, capabilities paused and resumed. For the API and for commands.
//!
//! Every decision is audited in the transaction that carries it out, and wakes the loops that have something to do then.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    capabilities::{CapabilityName, Outcome},
    clock::SharedClock,
    connections::Actor,
    intake,
    organisation::OrgScope,
    store::{BacklogRow, DeadLetterFilter, DeadLetterRow, NewAuditEntry, PageRequest, Pause, Remedy, Replay, Store, StoreError},
};

/// Letters replayed in one transaction.
const BATCH: u32 = 200;

/// Which dead letters: all that fit everything that is said.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// By id; `None` for any. Ids of another organisation are not found.
    pub ids: Option<Vec<String>>,
    /// By capability and code.
    pub filter: DeadLetterFilter,
}

/// What a replay did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    /// Letters that fit the selection.
    pub matched: u64,
    /// Of them, those that went back to work.
    pub replayed: u64,
}

/// What waits, and what is paused.
#[derive(Debug, Clone, Default)]
pub struct Backlog {
    /// By kind and state.
    pub rows: Vec<BacklogRow>,
    /// What a person stopped.
    pub pauses: Vec<Pause>,
}

/// Carries decisions out. Cheap to clone.
#[derive(Clone)]
pub struct Operations {
    store: Store,
    clock: SharedClock,
    wake: Vec<Arc<Notify>>,
}

impl Operations {
    /// Over a store; wakes these after each change.
    pub fn new(store: Store, clock: SharedClock, wake: Vec<Arc<Notify>>) -> Self {
        Self { store, clock, wake }
    }

    /// Puts dead letters back to work: an event is read again and taken in if it can be read now, a delivery is due again if its
    /// object is still dead. An old version never overwrites a newer one. A dry run counts and changes nothing.
    ///
    /// Letters are replayed a batch at a time, each in its own transaction; a failure leaves the batches before it done, and
    /// replaying again goes on from there.
    pub async fn replay(
        &self,
        scope: &OrgScope,
        actor: &Actor,
        selection: Selection,
        dry_run: bool,
    ) -> Result<Replayed, StoreError> {
        let mut total = Replayed { matched: 0, replayed: 0 };
        if let Some(ids) = &selection.ids {
            let fits = |row: &DeadLetterRow| fits(row, &selection.filter);
            let letters: Vec<_> = self.store.dead_letters_by_id(scope, ids).await?.into_iter().filter(fits).collect();
            total.matched = letters.len() as u64;
            if !dry_run {
                total.replayed = self.replay_batch(scope, actor, &letters).await?;
            }
            return Ok(total);
        }
        let mut after = None;
        loop {
            let page = PageRequest { first: BATCH, after: after.take() };
            let page = self.store.dead_letters(scope, selection.filter.clone(), page).await?;
            if dry_run {
                return Ok(Replayed { matched: page.total, replayed: 0 });
            }
            let has_next = page.has_next;
            let mut letters = Vec::with_capacity(page.rows.len());
            for (cursor, row) in page.rows {
                after = Some(cursor);
                letters.push(row);
            }
            total.matched += letters.len() as u64;
            total.replayed += self.replay_batch(scope, actor, &letters).await?;
            if !has_next || after.is_none() {
                return Ok(total);
            }
        }
    }

    async fn replay_batch(&self, scope: &OrgScope, actor: &Actor, letters: &[DeadLetterRow]) -> Result<u64, StoreError> {
        if letters.is_empty() {
            return Ok(0);
        }
        let now = self.clock.now();
        let replay = |row: &DeadLetterRow| Replay {
            id: row.letter.id.clone(),
            remedy: remedy(scope, row),
            audit: letter_entry(actor, now, "dead-letter.replayed", row),
        };
        let replayed = self.store.replay(scope, now, letters.iter().map(replay).collect()).await?;
        self.woken();
        Ok(replayed)
    }

    /// Throws dead letters away; returns how many there were. Their objects stay as they are.
    pub async fn discard(&self, scope: &OrgScope, actor: &Actor, ids: &[String]) -> Result<u64, StoreError> {
        let now = self.clock.now();
        let letters = self.store.dead_letters_by_id(scope, ids).await?;
        let entry = |row: &DeadLetterRow| (row.letter.id.clone(), letter_entry(actor, now, "dead-letter.discarded", row));
        self.store.discard(scope, letters.iter().map(entry).collect()).await
    }

    /// Stops a capability: nothing more of it is claimed. Runs under way end. Pausing again replaces the reason.
    pub async fn pause(
        &self,
        scope: &OrgScope,
        actor: &Actor,
        capability: CapabilityName,
        reason: Option<String>,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let detail = json!({ "reason": reason });
        let audit = entry(actor, now, "capability.paused", format!("capability/{}", capability.label()), detail);
        self.store.pause(scope, Pause { capability, reason, since: now }, audit).await
    }

    /// Starts a capability again; what waits of it is due at once. False when it was not paused.
    pub async fn resume(&self, scope: &OrgScope, actor: &Actor, capability: CapabilityName) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let target = format!("capability/{}", capability.label());
        let audit = entry(actor, now, "capability.resumed", target, json!({}));
        let resumed = self.store.resume(scope, now, capability, audit).await?;
        self.woken();
        Ok(resumed)
    }

    /// What waits of an organisation, and what is paused.
    pub async fn backlog(&self, scope: &OrgScope) -> Result<Backlog, StoreError> {
        Ok(Backlog { rows: self.store.backlog_of(scope).await?, pauses: self.store.pauses(scope).await? })
    }

    fn woken(&self) {
        self.wake.iter().for_each(|notify| notify.notify_one());
    }
}

fn fits(row: &DeadLetterRow, filter: &DeadLetterFilter) -> bool {
    filter.capability.is_none_or(|capability| row.letter.capability == Some(capability))
        && filter.code.as_ref().is_none_or(|code| row.letter.code == *code)
}

/// A letter with a capability is a delivery's, one without an event's.
fn remedy(scope: &OrgScope, row: &DeadLetterRow) -> Remedy {
    match (row.letter.capability, &row.letter.object) {
        (Some(_), Some((kind, key))) => Remedy::Delivery(*kind, key.clone()),
        _ => intake::reread(scope, row).map_or(Remedy::Refused, Remedy::Event),
    }
}

fn letter_entry(actor: &Actor, now: DateTime<Utc>, action: &str, row: &DeadLetterRow) -> NewAuditEntry {
    let object = row.letter.object.as_ref().map(|(kind, key)| format!("{}/{key}", kind.label()));
    let detail = json!({ "code": row.letter.code, "object": object });
    entry(actor, now, action, format!("dead-letter/{}", row.letter.id), detail)
}

/// Nothing of it happens in Microsoft 365: what is written is done.
fn entry(actor: &Actor, now: DateTime<Utc>, action: &str, target: String, detail: Value) -> NewAuditEntry {
    NewAuditEntry {
        at: now,
        actor: actor.name.clone(),
        action: action.to_owned(),
        target,
        outcome: Outcome::Succeeded,
        detail,
        personal: Vec::new(),
        correlation_id: actor.correlation_id.clone(),
        graph_request_id: None,
    }
}
