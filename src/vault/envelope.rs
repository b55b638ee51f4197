//! The stored form of a sealed value, and the associated data that says where it belongs. No cryptography here.
//!
//! ```text
//! version (1 byte) | length of key id (1 byte) | key id | nonce (12 bytes) | ciphertext and tag
//! ```

use super::{Binding, VaultError};

/// The format written today.
pub(super) const FORMAT: u8 = 1;
/// Longest id of a key.
pub(super) const MAX_KEY_ID: usize = 64;
/// AES-GCM's nonce, bytes.
pub(super) const NONCE: usize = 12;
/// AES-GCM's tag, bytes.
pub(super) const TAG: usize = 16;

/// A stored value taken apart; nothing in it is proven yet.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    /// The key that sealed it: of the ring for a data key, the data key's own id for a value.
    pub(super) key_id: &'a str,
    /// The nonce.
    pub(super) nonce: [u8; NONCE],
    /// Ciphertext, then tag.
    pub(super) ciphertext: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Reads a stored value. Too short or garbled is [`VaultError::Refused`], another format [`VaultError::UnknownFormat`].
    pub(super) fn read(stored: &'a [u8]) -> Result<Self, VaultError> {
        let (&format, rest) = stored.split_first().ok_or(VaultError::Refused)?;
        if format != FORMAT {
            return Err(VaultError::UnknownFormat);
        }
        let (&length, rest) = rest.split_first().ok_or(VaultError::Refused)?;
        let (key_id, rest) = rest.split_at_checked(usize::from(length)).ok_or(VaultError::Refused)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>().ok_or(VaultError::Refused)?;
        let key_id = std::str::from_utf8(key_id).map_err(|_| VaultError::Refused)?;
        if !is_key_id(key_id) || ciphertext.len() < TAG {
            return Err(VaultError::Refused);
        }
        Ok(Self { key_id, nonce: *nonce, ciphertext })
    }

    /// The bytes to store.
    pub(super) fn write(&self) -> Result<Vec<u8>, VaultError> {
        let length = u8::try_from(self.key_id.len()).map_err(|_| VaultError::Refused)?;
        let mut stored = Vec::with_capacity(2 + self.key_id.len() + NONCE + self.ciphertext.len());
        stored.extend([FORMAT, length]);
        stored.extend_from_slice(self.key_id.as_bytes());
        stored.extend_from_slice(&self.nonce);
        stored.extend_from_slice(self.ciphertext);
        Ok(stored)
    }
}

/// Whether a text may name a key: 1 to 64 of `A-Z a-z 0-9 . _ -`.
pub(crate) fn is_key_id(text: &str) -> bool {
    (1..=MAX_KEY_ID).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// Where a ciphertext belongs, as the cipher's associated data: every part preceded by its length, so that no two bindings
/// share an encoding (`ab` + `c` and `a` + `bc` would without).
///
/// `kind` keeps wrapped data keys and values apart; `key_id` is the key that seals.
pub(super) fn associated_data(binding: &Binding<'_>, kind: &str, field: &str, key_id: &str) -> Vec<u8> {
    let version = binding.version.to_be_bytes();
    let parts: [&[u8]; 8] = [
        b"argus-m365 vault",
        &[FORMAT],
        kind.as_bytes(),
        binding.purpose.as_bytes(),
        binding.organisation.as_str().as_bytes(),
        binding.record.as_bytes(),
        field.as_bytes(),
        &version,
    ];
    let mut data = Vec::new();
    for part in parts.into_iter().chain([key_id.as_bytes()]) {
        // usize is at most 64 bits on every platform Rust has, so the cast keeps every length.
        data.extend_from_slice(&(part.len() as u64).to_be_bytes());
        data.extend_from_slice(part);
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::organisation::OrganisationId;

    #[test]
    fn what_is_written_reads_back() {
        let stored = Envelope { key_id: "k-1", nonce: [7; NONCE], ciphertext: &[1; 20] }.write().unwrap();
        let read = Envelope::read(&stored).unwrap();
        assert_eq!((read.key_id, read.nonce, read.ciphertext), ("k-1", [7; NONCE], [1; 20].as_slice()));
    }

    #[test]
    fn another_format_is_named_as_such_and_every_cut_is_refused() {
        let stored = Envelope { key_id: "k-1", nonce: [7; NONCE], ciphertext: &[1; TAG] }.write().unwrap();
        for length in 0..stored.len() {
            assert_eq!(Envelope::read(&stored[..length]).unwrap_err(), VaultError::Refused, "{length} bytes");
        }
        let mut newer = stored;
        newer[0] = 2;
        assert_eq!(Envelope::read(&newer).unwrap_err(), VaultError::UnknownFormat);
    }

    #[test]
    fn parts_that_run_together_differ_in_associated_data() {
        let organisation = OrganisationId::parse("acme").unwrap();
        let binding = |record| Binding { organisation: &organisation, purpose: "connection", record, version: 1 };
        assert_ne!(associated_data(&binding("ab"), "v", "c", "k"), associated_data(&binding("a"), "v", "bc", "k"));
        assert_ne!(associated_data(&binding("a"), "v", "c", "k"), associated_data(&binding("a"), "vc", "", "k"));
    }
}
