//! The canonical form of an entry: the bytes that its hash covers.
//!
//! Every part is preceded by its length (as in PASETO's pre-authentication encoding), so that no two different entries have
//! the same bytes: without lengths, actor "ab" with action "c" would hash like actor "a" with action "bc".

use sha2::{Digest as _, Sha256};

use super::Commitment;

/// The version of this form; it is hashed in, so a later form can never be mistaken for this one.
pub const FORM: u8 = 1;

/// Told apart from every other use of SHA-256 in this project.
const TAG: &[u8] = b"argus-m365/audit";

/// What an entry says, as it is stored: texts byte for byte.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// When, microseconds since 1970 UTC.
    pub at: i64,
    /// Who.
    pub actor: &'a str,
    /// What.
    pub action: &'a str,
    /// On what.
    pub target: &'a str,
    /// The outcome's word.
    pub outcome: &'a str,
    /// Facts that name nobody, as the JSON text that is stored.
    pub detail: &'a str,
    /// Commitments to the facts that name somebody, in order.
    pub personal: &'a [Commitment],
    /// The correlation id.
    pub correlation_id: Option<&'a str>,
    /// Microsoft's `request-id`.
    pub graph_request_id: Option<&'a str>,
}

impl Entry<'_> {
    /// SHA-256 over tag, form, place in the chain, the hash before, and the entry.
    pub fn hash(&self, seq: u64, previous: &[u8; 32]) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(TAG);
        hasher.update([FORM]);
        hasher.update(seq.to_le_bytes());
        hasher.update(previous);
        hasher.update(self.at.to_le_bytes());
        for text in [self.actor, self.action, self.target, self.outcome, self.detail] {
            part(&mut hasher, text.as_bytes());
        }
        for text in [self.correlation_id, self.graph_request_id] {
            hasher.update([u8::from(text.is_some())]);
            part(&mut hasher, text.unwrap_or_default().as_bytes());
        }
        hasher.update(length(self.personal.len()));
        for commitment in self.personal {
            part(&mut hasher, commitment.field.as_bytes());
            hasher.update(commitment.digest);
        }
        hasher.finalize().into()
    }
}

pub(super) fn part(hasher: &mut Sha256, bytes: &[u8]) {
    hasher.update(length(bytes.len()));
    hasher.update(bytes);
}

/// Parts one after the other, each with its length.
pub(super) fn framed(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|part| length(part.len()).into_iter().chain(part.iter().copied())).collect()
}

fn length(length: usize) -> [u8; 8] {
    (length as u64).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Entry<'static> = Entry {
        at: 1,
        actor: "ab",
        action: "c",
        target: "task/1",
        outcome: "succeeded",
        detail: "{}",
        personal: &[],
        correlation_id: None,
        graph_request_id: None,
    };

    #[test]
    fn text_cannot_move_from_one_part_to_the_next() {
        let moved = Entry { actor: "a", action: "bc", ..PLAIN };
        assert_ne!(PLAIN.hash(1, &[0; 32]), moved.hash(1, &[0; 32]));
    }

    #[test]
    fn an_absent_text_is_not_an_empty_one() {
        let empty = Entry { correlation_id: Some(""), ..PLAIN };
        assert_ne!(PLAIN.hash(1, &[0; 32]), empty.hash(1, &[0; 32]));
    }

    #[test]
    fn place_and_predecessor_are_covered() {
        assert_ne!(PLAIN.hash(1, &[0; 32]), PLAIN.hash(2, &[0; 32]));
        assert_ne!(PLAIN.hash(1, &[0; 32]), PLAIN.hash(1, &[1; 32]));
    }

    #[test]
    fn the_form_does_not_change_by_accident() {
        let hash = uuid::Uuid::from_slice(&PLAIN.hash(1, &[0; 32])[..16]).unwrap();
        assert_eq!(hash.simple().to_string(), "9b3e0ad5f524b2fdf1f78d782e259bd5");
    }
}
