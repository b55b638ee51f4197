//! What must hold against whoever looks for a weakness: the real binary, attacked, listened to and starved of its audit trail.
//!
//! | file | subject |
//! | --- | --- |
//! | [`abuse`] | queries that ask for too much |
//! | [`attacks`] | these queries |
//! | [`audit_closed`] | no audit, no call |
//! | [`audit_joined`] | every effect in Microsoft 365 has its entries, and no other |
//! | [`canaries`] | secrets, looked for wherever the connector speaks or writes |
//! | [`core_dumps`] | the process leaves no memory behind |
//! | [`expiry`] | warnings before a credential ends |
//! | [`key_files`] | files with secrets that are open to others |
//! | [`outbound`] | links and redirects that lead away |
//! | [`rotation`] | the master key changed while deliveries run |
//! | [`database`] | the store, seen from beside the connector |
//! | [`disguises`] | a secret in every form that it may take on the way |

#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test a failed unwrap is the failure")]

mod abuse;
mod attacks;
mod audit_closed;
mod audit_joined;
mod canaries;
mod core_dumps;
mod database;
mod disguises;
mod expiry;
mod key_files;
mod outbound;
mod rotation;
#[path = "../support/mod.rs"]
mod support;

use serde_json::{Value, json};

/// A task of acme's for one of its workers.
fn task(id: &str, version: u64) -> Value {
    let minute = version % 60;
    json!({
        "specversion": "1.0", "id": format!("{id}-{version}"), "source": "/tests", "type": "argus.task.scheduled.v1",
        "time": "2026-11-23T09:00:00Z",
        "data": {
            "taskId": id, "version": version, "title": format!("Visit {id}"),
            "window": { "start": format!("2031-05-07T08:{minute:02}:00"), "end": "2031-05-07T10:00:00", "timeZone": "Europe/Dublin" },
            "assignee": { "userPrincipalName": "niamh@acme-water.example" },
        },
    })
}

/// An outage of acme's.
fn outage(id: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "/tests", "type": "argus.outage.reported.v1", "time": "2026-11-23T09:00:00Z",
        "data": {
            "outageId": id, "version": 1, "title": "Burst main", "status": "reported", "customersAffected": 40, "utilityType": "water",
        },
    })
}
