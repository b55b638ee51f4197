//! Whether callers keep to `Retry-After`: a call that comes before its time is a violation.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use serde::Serialize;

/// Most violations that are kept one by one.
const KEPT: usize = 1_000;

/// A call that came too early.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Violation {
    /// What was told to wait: `{app}/{mailbox}`, or `{app}/{kind of call}` where there is no mailbox.
    pub scope: String,
    /// Not before this instant.
    pub not_before: DateTime<Utc>,
    /// When the call came.
    pub at: DateTime<Utc>,
    /// The call's number in the ledger.
    pub request: u64,
    /// Its `client-request-id`, if it had one.
    pub call: Option<String>,
    /// The answers that asked to wait, oldest first.
    pub told: Vec<Told>,
}

/// An answer that asks to wait.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// Until when.
    pub until: DateTime<Utc>,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// Its `request-id`.
    pub request_id: Option<String>,
}

/// A call that has arrived.
#[derive(Debug)]
pub(crate) struct Came<'call> {
    /// When.
    pub(crate) at: DateTime<Utc>,
    /// Its number in the ledger.
    pub(crate) number: u64,
    /// Its `client-request-id`.
    pub(crate) id: Option<&'call str>,
}

#[derive(Debug, Default)]
pub(crate) struct Promises {
    any: AtomicBool,
    waits: Mutex<HashMap<String, Vec<Told>>>,
    violations: Mutex<Vec<Violation>>,
}

impl Promises {
    /// Notes that a scope was told to wait.
    pub(crate) fn told(&self, scope: String, told: Told) {
        self.waits.lock().entry(scope).or_default().push(told);
        self.any.store(true, Ordering::Release);
    }

    /// Notes a call, and whether it came too early.
    pub(crate) fn came(&self, scope: impl FnOnce() -> String, came: &Came<'_>) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let scope = scope();
        let mut waits = self.waits.lock();
        let Some(told) = waits.get_mut(&scope) else { return };
        told.retain(|told| came.at < told.until);
        if told.is_empty() {
            waits.remove(&scope);
            self.any.store(!waits.is_empty(), Ordering::Release);
            return;
        }
        // One that was written after the call had come says nothing of it.
        let told: Vec<Told> = told.iter().filter(|told| told.at <= came.at).cloned().collect();
        let Some(not_before) = told.iter().map(|told| told.until).max() else { return };
        let mut violations = self.violations.lock();
        if violations.len() < KEPT {
            let call = came.id.map(str::to_owned);
            violations.push(Violation { scope, not_before, at: came.at, request: came.number, call, told });
        }
    }

    pub(crate) fn violations(&self) -> Vec<Violation> {
        self.violations.lock().clone()
    }

    pub(crate) fn clear(&self) {
        self.waits.lock().clear();
        self.violations.lock().clear();
        self.any.store(false, Ordering::Release);
    }
}
