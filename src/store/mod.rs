//! What is wanted, what stands, who may, and what was done: one store, SQLite or Postgres.
//!
//! One file a table family; `db` is the only one that names a driver. Every method takes an
//! [`OrgScope`](crate::organisation::OrgScope), but for those of [`WorkerScope`], which belong to the loops.

mod arrivals;
mod audit_chain;
mod audit_log;
mod claim;
mod connections;
mod db;
mod dead_letters;
mod leases;
mod outbox;
mod page;
mod record;
mod standing;
mod tasks;
mod undisturbed;
mod values;
mod work;

pub use arrivals::{Arrival, Kind, Rejection, Taken};
pub use audit_log::{AuditFilter, AuditRecord, NewAuditEntry};
pub use connections::{ConnectionRow, ConnectionState, CredentialKind, StateChange};
pub use db::{Store, StoreError};
pub use dead_letters::{DeadLetterFilter, DeadLetterRow, NewDeadLetter};
pub use outbox::{OutgoingEvent, QueuedEvent};
pub use page::{Page, PageRequest};
pub use tasks::{DeliveryError, DeliveryState, ObjectRow};
pub use work::{BacklogRow, Claim, ClaimRequest, Hold, Lease, Next, Progress, Recorded, WorkerScope};
