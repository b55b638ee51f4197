//! The cipher: AES-256-GCM with random nonces. Wraps data keys under a key of the ring, and values under a data key.
//!
//! A data key seals a handful of values once, and a key of the ring wraps one data key a secret write, far below the 2^32
//! uses that NIST SP 800-38D (8.3) allows a key with random nonces.

use aes_gcm::{
    Aes256Gcm,
    aead::{AeadInOut, Generate, KeyInit, Nonce},
};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{
    Binding, VaultError,
    envelope::{Envelope, NONCE, associated_data},
    keyring::{RingKey, fingerprint},
};

/// A 256-bit key, wiped when dropped.
pub(super) type RawKey = Zeroizing<[u8; 32]>;

/// What kind of ciphertext: neither can be passed off as the other.
const DATA_KEY: &str = "data-key";
const VALUE: &str = "value";

/// A key from the operating system's randomness.
pub(super) fn random_key() -> Result<RawKey, VaultError> {
    <[u8; 32]>::try_generate().map(Zeroizing::new).map_err(|_| VaultError::NoRandomness)
}

/// The key of one record's values. Its id is its fingerprint, so that it stays when the key is wrapped anew.
pub(super) struct DataKey {
    id: String,
    key: RawKey,
}

impl DataKey {
    /// A new one.
    pub(super) fn generate() -> Result<Self, VaultError> {
        Ok(Self::from_raw(random_key()?))
    }

    /// Wraps it under a key of the ring: that key's id, and the bytes to store.
    pub(super) fn wrap(&self, binding: &Binding<'_>, under: &RingKey) -> Result<(String, Vec<u8>), VaultError> {
        let data = associated_data(binding, DATA_KEY, "", &under.id);
        Ok((under.id.clone(), encrypt(&under.key, &under.id, &data, self.key.as_slice())?))
    }

    /// The other way round; [`VaultError::Refused`] unless `binding` and key are those it was wrapped with.
    pub(super) fn unwrap(binding: &Binding<'_>, under: &RingKey, envelope: &Envelope<'_>) -> Result<Self, VaultError> {
        let data = associated_data(binding, DATA_KEY, "", &under.id);
        let plain = decrypt(&under.key, &data, envelope)?;
        let mut key: RawKey = Zeroizing::default();
        if plain.len() != key.len() {
            return Err(VaultError::Refused);
        }
        key.copy_from_slice(&plain);
        Ok(Self::from_raw(key))
    }

    /// Seals one value.
    pub(super) fn seal(&self, binding: &Binding<'_>, field: &str, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        encrypt(&self.key, &self.id, &associated_data(binding, VALUE, field, &self.id), plain)
    }

    /// Opens one value; [`VaultError::Refused`] unless it was sealed by this key for this binding and field.
    pub(super) fn open(&self, binding: &Binding<'_>, field: &str, sealed: &[u8]) -> Result<SecretString, VaultError> {
        let envelope = Envelope::read(sealed)?;
        if envelope.key_id != self.id {
            return Err(VaultError::Refused);
        }
        let plain = decrypt(&self.key, &associated_data(binding, VALUE, field, &self.id), &envelope)?;
        std::str::from_utf8(&plain).map(SecretString::from).map_err(|_| VaultError::Refused)
    }

    fn from_raw(key: RawKey) -> Self {
        Self { id: fingerprint(&key), key }
    }
}

fn cipher(key: &RawKey) -> Result<Aes256Gcm, VaultError> {
    Aes256Gcm::new_from_slice(key.as_slice()).map_err(|_| VaultError::Refused)
}

fn encrypt(key: &RawKey, key_id: &str, associated: &[u8], plain: &[u8]) -> Result<Vec<u8>, VaultError> {
    let nonce: [u8; NONCE] = Generate::try_generate().map_err(|_| VaultError::NoRandomness)?;
    // Room for the tag, so that growing does not leave a copy of the plaintext behind.
    let mut buffer = Zeroizing::new(Vec::with_capacity(plain.len() + super::envelope::TAG));
    buffer.extend_from_slice(plain);
    cipher(key)?.encrypt_in_place(&Nonce::<Aes256Gcm>::from(nonce), associated, &mut *buffer).map_err(|_| VaultError::Refused)?;
    Envelope { key_id, nonce, ciphertext: &buffer }.write()
}

fn decrypt(key: &RawKey, associated: &[u8], envelope: &Envelope<'_>) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    // In place: one copy of the plaintext, wiped when it is dropped.
    let mut buffer = Zeroizing::new(envelope.ciphertext.to_vec());
    cipher(key)?
        .decrypt_in_place(&Nonce::<Aes256Gcm>::from(envelope.nonce), associated, &mut *buffer)
        .map_err(|_| VaultError::Refused)?;
    Ok(buffer)
}
