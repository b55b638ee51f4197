//! The key ring: lines `ID:BASE64(32 bytes)`, oldest first; the last one seals, all open.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{
    VaultError,
    envelope::is_key_id,
    seal::{RawKey, random_key},
};

/// One key of the ring.
pub(super) struct RingKey {
    /// Its name, stored with everything it seals.
    pub(super) id: String,
    /// The key; wiped when dropped.
    pub(super) key: RawKey,
}

/// The keys, oldest first; at least one.
pub(super) struct KeyRing {
    older: Vec<RingKey>,
    newest: RingKey,
}

impl KeyRing {
    /// Reads the ring's text. Blank lines are skipped; everything else must be a key, each with an id of its own.
    pub(super) fn parse(text: &str) -> Result<Self, VaultError> {
        let mut keys: Vec<RingKey> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let refuse = |problem| VaultError::KeyRing { line: index + 1, problem };
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let key = parse_line(line).map_err(refuse)?;
            if keys.iter().any(|other| other.id == key.id) {
                return Err(refuse("the id is used by an earlier line"));
            }
            keys.push(key);
        }
        let newest = keys.pop().ok_or(VaultError::KeyRing { line: 1, problem: "the ring holds no key" })?;
        Ok(Self { older: keys, newest })
    }

    /// The key that seals.
    pub(super) fn newest(&self) -> &RingKey {
        &self.newest
    }

    /// The key of that name.
    pub(super) fn find(&self, id: &str) -> Option<&RingKey> {
        self.keys().find(|key| key.id == id)
    }

    /// The names, oldest first.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys().map(|key| key.id.as_str())
    }

    fn keys(&self) -> impl Iterator<Item = &RingKey> {
        self.older.iter().chain([&self.newest])
    }
}

/// Prints the names alone.
impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

fn parse_line(line: &str) -> Result<RingKey, &'static str> {
    let (id, encoded) = line.split_once(':').ok_or("not of the form ID:BASE64")?;
    if !is_key_id(id) {
        return Err("an id is 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'");
    }
    // Into a buffer that is wiped: a failed decode leaves part of the key behind too.
    let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(encoded.len())]);
    let length = STANDARD.decode_slice(encoded, &mut bytes).map_err(|_| "the key is not base64")?;
    let mut key: RawKey = Zeroizing::default();
    match bytes.get(..length) {
        Some(decoded) if decoded.len() == key.len() => key.copy_from_slice(decoded),
        _ => return Err("a key is 32 bytes"),
    }
    Ok(RingKey { id: id.to_owned(), key })
}

/// A new line for the ring.
pub(super) fn generate(id: Option<&str>) -> Result<SecretString, VaultError> {
    let key = random_key()?;
    let id = id.map_or_else(|| fingerprint(&key), str::to_owned);
    if !is_key_id(&id) {
        return Err(VaultError::KeyRing { line: 1, problem: "an id is 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'" });
    }
    let encoded = Zeroizing::new(STANDARD.encode(key.as_slice()));
    // Of the exact size: a text that shrinks to fit leaves a copy of itself behind.
    let mut line = String::with_capacity(id.len() + 1 + encoded.len());
    line.extend([id.as_str(), ":", encoded.as_str()]);
    Ok(SecretString::from(line))
}

/// The first 8 bytes of a key's SHA-256, in hexadecimal: names the key without saying anything useful about it.
pub(super) fn fingerprint(key: &RawKey) -> String {
    crate::hex::hex(Sha256::digest(key.as_slice()).get(..8).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn key(byte: u8) -> String {
        STANDARD.encode([byte; 32])
    }

    #[test]
    fn the_last_line_is_the_newest_and_blank_lines_do_not_count() {
        let ring = KeyRing::parse(&format!("\n old:{}\r\n\nnew:{}\n\n", key(1), key(2))).unwrap();
        assert_eq!(ring.ids().collect::<Vec<_>>(), ["old", "new"]);
        assert_eq!(ring.newest().id, "new");
        assert_eq!(*ring.find("old").unwrap().key, [1; 32]);
        assert!(ring.find("other").is_none());
    }

    #[test]
    fn a_ring_that_cannot_be_read_names_the_line_and_never_the_key() {
        let good = key(1);
        let short = STANDARD.encode([9; 31]);
        let long = STANDARD.encode([9; 33]);
        let cases = [
            (String::new(), 1, "holds no key"),
            (" \n\n".to_owned(), 1, "holds no key"),
            (format!("a:{good}\na:{good}"), 2, "earlier line"),
            (format!("a:{short}"), 1, "32 bytes"),
            (format!("a:{good}\n\nb:{long}"), 3, "32 bytes"),
            ("a:".to_owned(), 1, "32 bytes"),
            (format!("a:{}*", &good[..40]), 1, "base64"),
            (format!("a:{good} trailing"), 1, "base64"),
            (good.clone(), 1, "ID:BASE64"),
            (format!(":{good}"), 1, "an id is"),
            (format!("a b:{good}"), 1, "an id is"),
            (format!("{}:{good}", "x".repeat(65)), 1, "an id is"),
        ];
        for (text, wanted_line, wanted) in cases {
            let Err(error) = KeyRing::parse(&text) else { panic!("{wanted}: was read") };
            assert!(
                matches!(error, VaultError::KeyRing { line, problem } if line == wanted_line && problem.contains(wanted)),
                "{error}"
            );
            let shown = format!("{error} {error:?}");
            assert!([&good, &short, &long].iter().all(|key| !shown.contains(&key[..8])), "{shown}");
        }
    }

    #[test]
    fn a_generated_line_is_a_ring_and_no_two_are_alike() {
        let first = generate(None).unwrap();
        let ring = KeyRing::parse(first.expose_secret()).unwrap();
        assert_eq!(ring.newest().id, fingerprint(&ring.newest().key));
        assert_ne!(generate(None).unwrap().expose_secret(), first.expose_secret());
        let named = generate(Some("2026-11")).unwrap();
        assert_eq!(KeyRing::parse(named.expose_secret()).unwrap().newest().id, "2026-11");
        assert!(generate(Some("a:b")).is_err());
        assert!(generate(Some("")).is_err());
    }
}
