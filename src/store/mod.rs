//! What is wanted, what stands, who may, and what was done: one store, SQLite or Postgres.
//!
//! One file a table family; `db` is the only one that names a driver. Every method takes an
//! [`OrgScope`](crate::organisation::OrgScope), but for those of [`WorkerScope`], which belong to the loops.

mod arrivals;
mod audit_chain;
mod audit_entry;
mod audit_export;
mod audit_log;
mod audit_pages;
mod audit_sheets;
mod audit_verify;
mod channels;
mod claim;
mod connections;
mod db;
mod dead_letters;
mod directory;
mod expiring;
mod holds;
mod kept_answers;
mod leases;
mod list_readings;
mod operation;
mod operation_lease;
mod outages;
mod outbox;
mod page;
mod pauses;
mod probes;
mod record;
mod replays;
mod resealing;
mod shares;
mod standing;
mod suspicion;
mod tasks;
mod teams_account;
mod teams_rewrap;
mod teams_sign_in;
mod turns;
mod undisturbed;
mod values;
mod versions;
mod work;
mod workers;
mod zone_matches;
mod zone_target;
mod zones;

pub use arrivals::{Arrival, Kind, Rejection, Taken};
pub use audit_log::{AuditFilter, AuditRecord, NewAuditEntry};
pub use channels::{ChannelNews, ChannelRow, ChannelSender};
pub use connections::{ConnectionRow, ConnectionState, CredentialKind, StateChange};
pub use db::{SERVER_NOTICES, SecondLine, Store, StoreError};
pub use dead_letters::{DeadLetterFilter, DeadLetterRow, NewDeadLetter};
pub use directory::{Batch, Begun, Concluded, DueImport, FoundGroup, FoundPerson, HowRead, ImportFailure, ReadMembers};
pub use directory::{
    DirectoryGroupRow, DirectoryStatus, DirectoryUserFilter, DirectoryUserRow, EffectiveRolesRow, MOST_SEARCH_WORDS,
    RoleDecision, RoleMappingRow,
};
pub use expiring::EndingCredential;
pub use kept_answers::{KeyedRequest, Turn};
pub use list_readings::{ItemsWanted, ListReading, ReadItem};
pub use operation::{
    NewOperation, OperationChange, OperationError, OperationFilter, OperationKind, OperationRow, OperationState,
};
pub use operation_lease::{ClaimedOperation, OperationEnd, OperationLease, OperationProgress};
pub use outages::{DueOutage, OutageRow, RoutedCard};
pub use outbox::{OutgoingEvent, QueuedEvent};
pub use page::{Page, PageRequest};
pub use pauses::Pause;
pub use probes::DueProbe;
pub use replays::{Remedy, Replay};
pub use shares::{Shares, WEIGHT as SHARE_WEIGHT};
pub use tasks::{DeliveryError, DeliveryState, ObjectRow};
pub use teams_account::{RefreshTurn, SealedToken, TeamsAccountRow};
pub use teams_rewrap::Rewrapped;
pub use teams_sign_in::{DuePoll, TeamsSignInRow};
pub use turns::{TurnAnswer, TurnRequest};
pub use work::{BacklogRow, Claim, ClaimRequest, Hold, Lease, Next, Progress, Recorded, WorkerScope};
pub use workers::Beat;
pub use zone_matches::MatchWanted;
pub use zone_target::ZoneTarget;
pub use zones::GivenZone;
/// For the model of the reconciler, which moves objects by the same rules as the database does.
#[cfg(test)]
pub(crate) use {
    standing::{Failed, Standing, Stored},
    suspicion::suspicions,
    versions::fate,
};
