//! Commitments to facts that name a person.

use sha2::{Digest as _, Sha256};

use super::form::part;

/// Bytes of a salt: too many to try, so a commitment tells nothing about a value once the salt is gone.
pub const SALT_LENGTH: usize = 32;

/// A random salt, one a fact.
pub type Salt = [u8; SALT_LENGTH];

const TAG: &[u8] = b"argus-m365/audit/personal";

/// What the chain holds of a fact that names a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment {
    /// The fact's name (`mailbox`).
    pub field: String,
    /// SHA-256 over salt, field and value.
    pub digest: [u8; 32],
}

impl Commitment {
    /// Commits to a value.
    pub fn to(field: &str, value: &str, salt: &Salt) -> Self {
        Self { field: field.to_owned(), digest: digest(field, value, salt) }
    }

    /// Whether it was made for this value under this salt.
    pub fn opens(&self, value: &str, salt: &Salt) -> bool {
        self.digest == digest(&self.field, value, salt)
    }
}

fn digest(field: &str, value: &str, salt: &Salt) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(TAG);
    hasher.update(salt);
    part(&mut hasher, field.as_bytes());
    part(&mut hasher, value.as_bytes());
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_for_its_own_value_and_salt_only() {
        let commitment = Commitment::to("mailbox", "mara@example.org", &[7; 32]);
        assert!(commitment.opens("mara@example.org", &[7; 32]));
        assert!(!commitment.opens("milo@example.org", &[7; 32]));
        assert!(!commitment.opens("mara@example.org", &[8; 32]));
    }
}
