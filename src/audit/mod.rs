//! The audit chain: canonical form, links, commitments to personal facts, verification. Pure; the rows are
//! `store/audit_log.rs`.
//!
//! One chain an organisation. Every entry's hash covers the hash before it, so that changing, dropping or reordering a past
//! entry breaks the chain from there on; the head row, kept apart, shows a cut tail. Facts that name a person stay outside:
//! the chain holds a salted commitment to each, which still verifies after salt and value were erased.

mod chain;
mod checkpoint;
mod commitment;
mod export;
mod form;
mod signing;
mod verify;

pub use chain::{Head, Link, genesis, link};
pub use checkpoint::{Checkpoint, SignedCheckpoint};
pub use commitment::{Commitment, SALT_LENGTH, Salt};
pub use export::{ExportVerifier, ExportedCommitment, ExportedEntry, ExportedFact};
pub use form::{Entry, FORM};
pub use signing::{CheckpointKey, NoCheckpointKey};
pub use verify::{Verification, Verifier};
