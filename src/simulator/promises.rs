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
}

#[derive(Debug, Default)]
pub(crate) struct Promises {
    any: AtomicBool,
    waits: Mutex<HashMap<String, DateTime<Utc>>>,
    violations: Mutex<Vec<Violation>>,
}

impl Promises {
    /// Notes that a scope was told to wait.
    pub(crate) fn told(&self, scope: String, until: DateTime<Utc>) {
        let mut waits = self.waits.lock();
        let wait = waits.entry(scope).or_insert(until);
        *wait = until.max(*wait);
        self.any.store(true, Ordering::Release);
    }

    /// Notes a call, and whether it came too early.
    pub(crate) fn came(&self, scope: impl FnOnce() -> String, at: DateTime<Utc>, request: u64) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let scope = scope();
        let mut waits = self.waits.lock();
        let Some(&not_before) = waits.get(&scope) else { return };
        if at >= not_before {
            waits.remove(&scope);
            self.any.store(!waits.is_empty(), Ordering::Release);
            return;
        }
        let mut violations = self.violations.lock();
        if violations.len() < KEPT {
            violations.push(Violation { scope, not_before, at, request });
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
