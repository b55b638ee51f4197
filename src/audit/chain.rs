//! Links: an entry's place in its organisation's chain.

use sha2::{Digest as _, Sha256};

use super::{Entry, form::part};
use crate::organisation::OrganisationId;

const TAG: &[u8] = b"argus-m365/audit/genesis";

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

/// The end of a chain: what the next entry is linked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Entries so far.
    pub seq: u64,
    /// The last hash.
    pub hash: [u8; 32],
}

impl Head {
    /// The head of a chain without entries.
    pub fn start(organisation: &OrganisationId) -> Self {
        Self { seq: 0, hash: genesis(organisation) }
    }
}

/// The hash that an organisation's first entry is linked to: no chain can be passed off as another organisation's.
pub fn genesis(organisation: &OrganisationId) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(TAG);
    part(&mut hasher, organisation.as_str().as_bytes());
    hasher.finalize().into()
}

/// The link of the entry that follows `head`.
pub fn link(head: &Head, entry: &Entry<'_>) -> Link {
    let seq = head.seq + 1;
    Link { seq, previous: head.hash, hash: entry.hash(seq, &head.hash) }
}

impl From<&Link> for Head {
    fn from(link: &Link) -> Self {
        Self { seq: link.seq, hash: link.hash }
    }
}
