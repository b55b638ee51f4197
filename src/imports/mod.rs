//! The directory imported: read to its end into staging, then planned, judged and applied in one transaction.
//!
//! ```text
//! asked      importUsers, importGroups, approve, reject: what callers start and decide
//! schedule   the same on a timer, for scopes imported before
//! job        one import from its start to its end, whatever an earlier runner did
//! users      reads people: all pages, or what changed since; asks for those who are missing
//! groups     reads groups and their direct members, several groups at once, and the groups inside them
//! doubts     members who are missing from a group's list: read once more by another way
//! patient    waits when Microsoft asks for it
//! ```
//!
//! What may go wrong while reading ends the import as failed, with nothing applied; a runner that dies leaves nothing but staged rows,
//! and the next one begins anew.

mod asked;
mod doubts;
mod groups;
mod job;
mod patient;
mod reading;
mod schedule;
mod users;

pub use asked::{ImportMode, ImportProblem, Imports};
pub use job::ImportJob;
pub use schedule::Schedule;
