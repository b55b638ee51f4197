//! How fast a chain is checked.

use std::time::Instant;

use argus_m365::{
    capabilities::Outcome,
    organisation::{OrgScope, OrganisationId},
    store::{NewAuditEntry, Store as Rows},
};
use chrono::Utc;
use serde_json::json;

use crate::{support::Store, table::Line};

const ENTRIES: u32 = 1_000_000;
const TOGETHER: u32 = 2_000;

/// An entry as a delivery leaves it, every other one with a mailbox that is held aside.
#[expect(clippy::disallowed_methods, reason = "a bench has no clock of its own")]
fn entry(n: u32) -> NewAuditEntry {
    NewAuditEntry {
        at: Utc::now(),
        actor: format!("event:/argus/scheduler/eu-1#01JD8Z6Q6S8X3W1Y5V9K{n:06}"),
        action: if n.is_multiple_of(2) { "calendar.event.created" } else { "calendar.event.updated" }.into(),
        target: format!("task/{n:08x}"),
        outcome: if n.is_multiple_of(2) { Outcome::Intended } else { Outcome::Succeeded },
        detail: json!({ "version": n, "generation": 1, "window": "2026-11-25T08:30:00/2026-11-25T10:00:00 Europe/Dublin" }),
        personal: if n.is_multiple_of(2) {
            Vec::new()
        } else {
            vec![("mailbox".into(), format!("worker-{}@acme.example", n % 500))]
        },
        correlation_id: Some(format!("c-{n}")),
        graph_request_id: (!n.is_multiple_of(2)).then(|| "2a8f5c1e-9d4b-4f3a-8c7e-1b6d0e9f2a3c".into()),
    }
}

/// A million entries appended, then checked from the first to the last.
#[expect(clippy::expect_used, reason = "a bench that cannot set the scene ends")]
pub(crate) async fn verify(store: Store) -> Line {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = Rows::open(&store.fresh(folder.path()).await).await.expect("a store");
    rows.migrate().await.expect("its tables");
    let scope = OrgScope::granted_to_operator(OrganisationId::parse("acme").expect("an organisation"));
    for first in (0..ENTRIES).step_by(TOGETHER as usize) {
        rows.append_audit(&scope, (first..first + TOGETHER).map(entry).collect()).await.expect("appending");
    }
    let started = Instant::now();
    let found = rows.verify_audit(&scope).await.expect("a verification");
    let took = started.elapsed();
    assert!(found.intact && found.entries == u64::from(ENTRIES), "{found:?}");
    rows.close().await;
    let rate = f64::from(ENTRIES) / took.as_secs_f64();
    Line {
        what: format!("audit verify, {ENTRIES} entries, {store:?}"),
        target: "200,000/s".into(),
        measured: format!("{rate:.0}/s"),
        reached: Some(rate >= 200_000.0),
        used: None,
    }
}
