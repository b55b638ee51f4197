//! The audit chain: canonical form, links, verification. Pure; the rows are `store/audit_log.rs`.

/// An entry's place in its organisation's chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// 1, 2, 3, … without gaps.
    pub seq: u64,
    /// The hash before this entry; the organisation's genesis hash for the first.
    pub previous: [u8; 32],
    /// SHA-256 over version, seq, previous and the canonical entry.
    pub hash: [u8; 32],
}

/// What checking a chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Whether every link holds and the head row agrees.
    pub intact: bool,
    /// Entries read.
    pub entries: u64,
    /// The last hash.
    pub head: [u8; 32],
    /// The first entry that does not fit.
    pub first_broken: Option<u64>,
    /// What is wrong with it, in words.
    pub reason: Option<String>,
}
